"""Pages of pools."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from config.uploads import receiving
from selection import access
from selection.actions import pools as actions
from selection.forms.pools import DeletePoolForm, EditPoolForm, NewPoolForm, UploadForm
from selection.queries.pools import pool_page, pools_page, row_page
from selection.views.shared import frame


@reads
def pools(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    return page(request, "selection/pools.html", pools_page(team) | frame(team))


# The upload handler must be set before anything reads the body, and the CSRF check reads it: so the check runs
# inside, behind the door, and a stranger's file is not even received.


@members
@csrf_exempt
def pool_new(request: HttpRequest, slug: str) -> HttpResponse:
    access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    with receiving(request):
        return _pool_new(request, slug)


@csrf_protect
def _pool_new(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = NewPoolForm(request.POST if posted else None, request.FILES if posted else None)
    if posted and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made = actions.new_pool_from_file(
                team=team, by=request.user, pool_name=form.cleaned_data["name"], name=file.name,  # type: ignore[arg-type]
                path=file.path, description=form.cleaned_data["description"],
            )  # fmt: skip
        except Fault as fault:
            form.add_error("name" if fault.code == "pool.name_taken" else "file", str(fault))
        else:
            file.keep()
            return see_other(made.get_absolute_url())
    return page(request, "selection/pool_new.html", frame(team) | {"form": form}, status=422 if form.errors else 200)


@members
@csrf_exempt
def pool_add(request: HttpRequest, pool_id: int) -> HttpResponse:
    access.pool(request.user, pool_id, access.CURATE)  # type: ignore[arg-type]
    with receiving(request):
        return _pool_add(request, pool_id)


@csrf_protect
def _pool_add(request: HttpRequest, pool_id: int) -> HttpResponse:
    """A further file for a pool."""
    pool = access.pool(request.user, pool_id, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = UploadForm(request.POST if posted else None, request.FILES if posted else None)
    if posted and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made = actions.add_file(pool=pool, by=request.user, name=file.name, path=file.path)  # type: ignore[arg-type]
        except Fault as fault:
            form.add_error("file", str(fault))
        else:
            file.keep()
            return see_other(made.get_absolute_url())
    return page(
        request,
        "selection/pool_new.html",
        frame(pool.team) | {"form": form, "pool": pool},
        status=422 if form.errors else 200,
    )


@reads
def pool(request: HttpRequest, pool_id: int) -> HttpResponse:
    found = access.pool(request.user, pool_id)  # type: ignore[arg-type]
    number = request.GET.get("page", "1")[:12]
    context = frame(found.team) | row_page(found, int(number) if number.isdecimal() else 1) | {"pool": found}
    if not request.htmx or request.htmx.boosted or request.htmx.history_restore_request:  # type: ignore[attr-defined]
        context |= pool_page(found)
    return page(request, "selection/pool.html", context, part="rows")


@members
def pool_edit(request: HttpRequest, pool_id: int) -> HttpResponse:
    found = access.pool(request.user, pool_id, access.CURATE)  # type: ignore[arg-type]
    form = EditPoolForm(
        request.POST if request.method == "POST" else None,
        initial={"name": found.name, "description": found.description},
    )
    if request.method == "POST" and form.is_valid():
        try:
            actions.rename_pool(pool=found, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
            return see_other(found.get_absolute_url())
        except Fault as fault:
            form.add_error("name", f"{fault.what} {fault.advice}")
    return page(
        request,
        "selection/pool_edit.html",
        frame(found.team) | {"pool": found, "form": form},
        status=422 if form.errors else 200,
    )


@members
def pool_delete(request: HttpRequest, pool_id: int) -> HttpResponse:
    found = access.pool(request.user, pool_id, access.CURATE)  # type: ignore[arg-type]
    runs = found.runs.count()
    form = DeletePoolForm(request.POST if request.method == "POST" else None, name=found.name, runs=runs)
    if request.method == "POST" and form.is_valid():
        try:
            actions.delete_pool(pool=found, by=request.user, with_runs=form.cleaned_data.get("with_runs", False))  # type: ignore[arg-type]
        except Fault as fault:
            form.add_error(None, f"{fault.what} {fault.advice}")
        else:
            messages.info(request, f"{found.name} is deleted.")
            return see_other(reverse("pools", args=[found.team.slug]))
    return page(
        request, "selection/pool_delete.html", frame(found.team) | {"pool": found, "form": form, "runs": runs},
        status=422 if form.errors else 200,
    )  # fmt: skip
