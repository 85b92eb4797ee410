"""Pages of a team's schedules: the coming week, one schedule with its history, new and edit."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from curation import access, scheduling
from curation import queries_schedules as queries
from curation.actions import schedules as actions
from curation.forms.schedules import ScheduleForm
from curation.models import Team
from curation.scheduling import SettingsForm
from curation.views.shared import team_frame
from jobs.models import Schedule

# Where a fault of the action belongs in the form.
FIELD_OF = {
    "schedule.name_taken": "name", "schedule.when": "rhythm", "schedule.secret": "secret",
    "schedule.webhook": "webhook_url", "crypto.no_key": "secret",
}  # fmt: skip


@reads
def schedules(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    return page(request, "curation/schedules/schedules.html", team_frame(team) | queries.schedules_page(team))


@members
def schedule_new(request: HttpRequest, slug: str) -> HttpResponse:
    """`?kind=run&of=12` fills it for one object; without a kind the page asks which work it is."""
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    asked = request.POST.get("kind") or request.GET.get("kind", "")
    kind = scheduling.kinds().get(asked)
    if kind is None or not kind.ready(team):
        context = team_frame(team) | {"kinds": [(one, one.ready(team)) for one in scheduling.kinds().values()]}
        return page(request, "curation/schedules/choose.html", context)
    of = request.GET.get("of", "")
    name, suggested = kind.suggested(team, int(of)) if of.isdecimal() and len(of) < 16 else ("", {})
    sent = request.POST if request.method == "POST" else None
    form = ScheduleForm(sent, team=team, initial={"name": name[:100]})
    settings = kind.form(sent, team=team, initial=suggested)
    if sent is not None and form.is_valid() & settings.is_valid():
        try:
            made = actions.create(
                team=team, by=request.user, name=form.cleaned_data["name"], kind=kind.name,  # type: ignore[arg-type]
                settings=settings.settings(), when=form.when, overlap=form.cleaned_data["overlap"], told=form.told,
            )  # fmt: skip
            return see_other(reverse("schedule", args=[made.pk]))
        except Fault as fault:
            form.add_error(FIELD_OF.get(fault.code), f"{fault.what} {fault.advice}")
    return _form(request, team, kind, (form, settings), None)


@members
def schedule_edit(request: HttpRequest, schedule_id: int) -> HttpResponse:
    found = access.schedule(request.user, schedule_id, access.CURATE)  # type: ignore[arg-type]
    team, kind = found.team, scheduling.kind_of(found)  # type: ignore[attr-defined]
    if kind is None:
        raise Fault("schedule.no_kind", kind=found.kind)
    sent = request.POST if request.method == "POST" else None
    form = ScheduleForm(sent, team=team, schedule=found)
    settings = kind.form(sent, team=team, initial=found.settings)
    if sent is not None and form.is_valid() & settings.is_valid():
        revision = sent.get("revision", "")
        try:
            actions.change(
                schedule=found, team=team, by=request.user, name=form.cleaned_data["name"],  # type: ignore[arg-type]
                revision=int(revision) if revision.isdecimal() else 0, settings=settings.settings(), when=form.when,
                overlap=form.cleaned_data["overlap"], told=form.told,
            )  # fmt: skip
            messages.info(request, "Saved.")
            return see_other(reverse("schedule", args=[found.pk]))
        except Fault as fault:
            form.add_error(FIELD_OF.get(fault.code), f"{fault.what} {fault.advice}")
    return _form(request, team, kind, (form, settings), found)


def _form(
    request: HttpRequest, team: Team, kind: scheduling.TeamKind, forms: tuple[ScheduleForm, SettingsForm],
    found: Schedule | None,
) -> HttpResponse:  # fmt: skip
    form, settings = forms
    context: dict[str, Any] = team_frame(team) | {
        "kind": kind, "form": form, "settings_form": settings, "schedule": found,
        "gone": settings.own_up(),
        "revision": request.POST.get("revision", found.revision if found is not None else 0),
    }  # fmt: skip
    status = 422 if form.errors or settings.errors else 200
    return page(request, "curation/schedules/form.html", context, status=status)


@members
def schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """`do`: run, pause, resume, delete."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.schedule(request.user, schedule_id, need)  # type: ignore[arg-type]
    team: Team = found.team  # type: ignore[attr-defined]
    if request.method == "POST":
        return _deed(request, found, team)
    before = request.GET.get("before", "")
    context = queries.schedule_page(team, found, int(before) if before.isdecimal() and len(before) < 16 else None)
    return page(
        request, "curation/schedules/schedule.html", team_frame(team) | {"schedule": found} | context, part="history"
    )


def _deed(request: HttpRequest, found: Schedule, team: Team) -> HttpResponse:
    deeds = {"run": actions.run_now, "pause": actions.pause, "resume": actions.resume, "delete": actions.delete}
    do: Any = deeds.get(request.POST.get("do", ""))
    if do is None:
        raise Http404
    do(schedule=found, team=team, by=request.user)
    if do is actions.delete:
        messages.info(request, f"{found.name} is deleted. What it made stays.")
        return see_other(reverse("schedules", args=[team.slug]))
    return see_other(reverse("schedule", args=[found.pk]))
