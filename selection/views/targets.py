"""Pages of targets."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from selection import access
from selection.actions import target_files
from selection.actions import targets as actions
from selection.forms.targets import FromPoolForm, NameForm, NewTargetForm, RowForm, RowsForm, positions
from selection.models import Target, TargetRow
from selection.queries.targets import show, target_page, targets_page
from selection.views.shared import frame


@reads
def targets(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    return page(request, "selection/targets.html", targets_page(team) | frame(team))


@members
def target_new(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    form = NewTargetForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            rows, bad = _rows_of(form)
            made = actions.create(
                team=team, by=request.user, name=form.cleaned_data["name"],  # type: ignore[arg-type]
                description=form.cleaned_data["description"], rows=rows, bad=bad,
            )  # fmt: skip
            return see_other(made.get_absolute_url())
        except Fault as fault:
            form.add_error(_place(fault), f"{fault.what} {fault.advice}")
    status = 422 if form.errors else 200
    return page(request, "selection/target_new.html", frame(team) | {"form": form}, part="form", status=status)


def _rows_of(form: Any) -> tuple[list[actions.NewRow], list[dict[str, Any]]]:
    data = form.cleaned_data
    if data["file"]:
        return target_files.from_file(data["file"].file, data["file"].name, where=data["where"])
    return target_files.from_text(data["pasted"], where=data["where"])


def _place(fault: Fault) -> str | None:
    """The field that a fault belongs to; None is the head of the form."""
    return {"target.name_taken": "name", "target.nothing_left": "where"}.get(fault.code)


@members
def target(request: HttpRequest, target_id: int) -> HttpResponse:
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.target(request.user, target_id, need)  # type: ignore[arg-type]
    if request.method == "POST":
        if request.POST.get("do") != "dismiss":
            raise Http404
        actions.forget_bad_rows(target=found, by=request.user)  # type: ignore[arg-type]
        return see_other(request.path)
    after = request.GET.get("after", "")
    context = target_page(found, int(after) if after.isdecimal() else -1) | frame(found.team)
    return page(request, "selection/target.html", context, part="rows")


@members
def target_row(request: HttpRequest, target_id: int, row_id: int) -> HttpResponse:
    """One row: read it, or edit and delete it while the target is open. `do` names which."""
    need = access.CURATE if request.method == "POST" or "edit" in request.GET else access.VIEW
    found = access.target(request.user, target_id, need)  # type: ignore[arg-type]
    row = found.rows.filter(pk=row_id).first()
    if row is None:
        raise Http404
    row.target = found
    context: dict[str, Any] = frame(found.team) | {"target": found, "entry": show(row)}
    if need is access.VIEW:
        return page(request, "selection/target_row.html", context, part="row")
    if found.is_frozen:
        raise Fault("target.frozen", name=found.name)
    if request.POST.get("do") == "delete":
        actions.delete_row(row=row, by=request.user)  # type: ignore[arg-type]
        return HttpResponse() if request.htmx else see_other(found.get_absolute_url())  # type: ignore[attr-defined]
    form = RowForm(request.POST or None, row=row)
    if request.method == "POST" and form.is_valid():
        return _save_row(request, found, row, form)
    status = 422 if form.errors else 200
    return page(request, "selection/target_row_edit.html", context | {"form": form}, part="form", status=status)


def _save_row(request: HttpRequest, found: Target, row: TargetRow, form: RowForm) -> HttpResponse:
    data = form.cleaned_data
    actions.edit_row(row=row, by=request.user, content=data["content"], group=data["group"], seen=data["seen"])  # type: ignore[arg-type]
    if not request.htmx:  # type: ignore[attr-defined]
        return see_other(found.get_absolute_url())
    row.refresh_from_db()
    return page(
        request, "selection/target_row.html", frame(found.team) | {"target": found, "entry": show(row)}, part="row"
    )


@members
def target_add(request: HttpRequest, target_id: int) -> HttpResponse:
    found = access.target(request.user, target_id, access.CURATE)  # type: ignore[arg-type]
    if found.is_frozen:
        raise Fault("target.frozen", name=found.name)
    form = RowsForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            rows, bad = _rows_of(form)
            count = actions.add_rows(target=found, by=request.user, rows=rows, bad=bad)  # type: ignore[arg-type]
            messages.info(request, f"{count:,} rows added to {found}.")
            return see_other(found.get_absolute_url())
        except Fault as fault:
            form.add_error(_place(fault), f"{fault.what} {fault.advice}")
    context = frame(found.team) | {"target": found, "form": form}
    return page(request, "selection/target_add.html", context, part="form", status=422 if form.errors else 200)


@members
def target_add_rows(request: HttpRequest, slug: str) -> HttpResponse:
    """Rows ticked in a pool (`pool`, many `position`) become rows of an open target, or of a new one.

    A POST without `target` and `name`, as the pool's page sends it, shows the question which target; the answer
    comes back here with the ticks as hidden fields.
    """
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    if request.method != "POST":
        return see_other(reverse("pools", args=[slug]))
    number = request.POST.get("pool", "")
    pool = access.pool(request.user, int(number) if number.isdecimal() else 0, access.CURATE)  # type: ignore[arg-type]
    if pool.team.pk != team.pk:
        raise Http404
    try:
        ticked = positions(request.POST.getlist("position"))
    except ValueError:
        raise Fault("target.bad_ticks") from None
    if not ticked and request.POST.get("do") == "choose":  # she ticks some, where she was
        messages.error(
            request, "No row is chosen. Tick the rows that shall stand for the task, then press the button again."
        )
        page_ = request.POST.get("page", "")
        return see_other(f"{pool.get_absolute_url()}{f'?page={page_}' if page_.isdecimal() else ''}")
    if not ticked:
        raise Fault("target.no_ticks", pool=pool.name)
    form = FromPoolForm(request.POST if request.POST.get("do") == "add" else None, team=team)
    if form.is_bound and form.is_valid():
        data, rows = form.cleaned_data, target_files.from_pool(pool, ticked, form.cleaned_data["group"])
        try:
            if made := data["target"]:
                actions.add_rows(target=made, by=request.user, rows=rows)  # type: ignore[arg-type]
            else:
                made = actions.create(team=team, by=request.user, name=data["name"], rows=rows)  # type: ignore[arg-type]
            return see_other(made.get_absolute_url())
        except Fault as fault:
            form.add_error(_place(fault), f"{fault.what} {fault.advice}")
    context = frame(team) | {"pool": pool, "ticked": ticked, "form": form}
    return page(request, "selection/target_from_pool.html", context, status=422 if form.errors else 200)


@members
def target_edit(request: HttpRequest, target_id: int) -> HttpResponse:
    found = access.target(request.user, target_id, access.CURATE)  # type: ignore[arg-type]
    form = NameForm(request.POST or None, initial={"name": found.name, "description": found.description})
    if request.method == "POST" and form.is_valid():
        try:
            actions.describe(target=found, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
            return see_other(found.get_absolute_url())
        except Fault as fault:
            form.add_error(_place(fault), f"{fault.what} {fault.advice}")
    context = frame(found.team) | {"target": found, "form": form}
    return page(request, "selection/target_edit.html", context, part="form", status=422 if form.errors else 200)


@members
def target_copy(request: HttpRequest, target_id: int) -> HttpResponse:
    found = access.target(request.user, target_id, access.CURATE)  # type: ignore[arg-type]
    if request.method != "POST":
        return page(request, "selection/target_copy.html", frame(found.team) | {"target": found})
    made = actions.copy(target=found, by=request.user)  # type: ignore[arg-type]
    messages.info(request, f"This is a copy of {found}. It can be edited.")
    return see_other(made.get_absolute_url())


@members
def target_delete(request: HttpRequest, target_id: int) -> HttpResponse:
    found = access.target(request.user, target_id, access.CURATE)  # type: ignore[arg-type]
    if request.method == "POST":
        actions.delete(target=found, by=request.user)  # type: ignore[arg-type]
        messages.info(request, f"The target {found} is deleted.")
        return see_other(reverse("targets", args=[found.team.slug]))
    context = frame(found.team) | {"target": found, "runs": found.runs.count()}
    return page(request, "selection/target_delete.html", context)
