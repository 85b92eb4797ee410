"""Pages of synthesis: the generations of a team, what a task can be synthesised with, and a new generation."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from curation import access
from curation import queries_generations as queries
from curation.actions import generations as actions
from curation.actions import prompts
from curation.forms.generations import GenerationForm
from curation.generators import GENERATORS
from curation.models import Generation
from curation.synthesis import choosing, estimating, inputs
from curation.views.shared import frame, team_frame

SHOWN = 50
LOOKED_AT = 2_000  # examples of a task, for what can be done with it


@reads
def generations(request: HttpRequest, slug: str) -> HttpResponse:
    """All of the team, newest first."""
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    context = team_frame(team) | _listed(request, queries.runs_of(team)) | {
        "money": queries.money_of(team), "tasks": queries.tasks_of(team),
        "has_endpoints": team.endpoints.open().exists(),
    }  # fmt: skip
    return page(request, "curation/synthesis/generations.html", context, part="list")


def _listed(request: HttpRequest, rows: Any) -> dict[str, Any]:
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 16:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: SHOWN + 1])
    return {
        "entries": [(one, title_of(one.generator)) for one in found[:SHOWN]],
        "next_before": found[SHOWN - 1].pk if len(found) > SHOWN else None,
        "any_open": any(one.job is not None and not one.job.is_final for one in found),
    }


def title_of(name: str) -> str:
    return GENERATORS[name].title if name in GENERATORS else name


@reads
def task_synthesise(request: HttpRequest, task_id: int) -> HttpResponse:
    """The ways there are, by what one has; and what was made so far."""
    task = access.task(request.user, task_id)  # type: ignore[arg-type]
    spec, sources = inputs.spec_of(task), inputs.sources_of(task, open_as_inputs=True, most=LOOKED_AT)
    context = frame(task) | _listed(request, queries.runs_of(task.team, task)) | {
        "groups": choosing.cards(spec, sources), "has_endpoints": task.team.endpoints.open().exists(),
        "have": {
            "demonstrations": len(spec.demos), "finished": len(sources.examples), "open": len(sources.inputs),
            "labels": len(spec.labels), "guidelines": bool(spec.guidelines.strip()),
        },
        "edited": task.prompts.values("generator", "name").distinct().count(),
    }  # fmt: skip
    return page(request, "curation/synthesis/choose.html", context, part="list")


@members
def generation_new(request: HttpRequest, task_id: int, generator: str) -> HttpResponse:
    """`do`: look (only the estimate), preview, or start. `?again=12` fills it as generation 12 was."""
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    if generator not in GENERATORS:
        raise Http404
    before = queries.earlier(task, generator, request.POST.get("again") or request.GET.get("again", ""))
    posted = request.method == "POST"
    do = request.POST.get("do", "look")
    form = GenerationForm(
        request.POST if posted else None, request.FILES if posted else None, task=task, generator=generator,
        before=before, initial=_initial(request, before), looks=do not in ("preview", "start"),
    )  # fmt: skip
    if posted and form.is_valid() and do in ("preview", "start"):
        answer = _start(request, form, preview=do == "preview")
        if answer is not None:
            return answer
    templates = prompts.edited(task, generator)
    spec, sources = inputs.spec_of(task), inputs.sources_of(task, open_as_inputs=True, most=LOOKED_AT)
    context = frame(task) | {
        "form": form, "card": choosing.card(generator, spec, sources), "before": before, "edited": sorted(templates),
        "has_endpoints": form.fields["endpoint"].queryset.exists(),  # type: ignore[attr-defined]
        "money": queries.money_of(task.team), **_estimate(form, templates),
    }  # fmt: skip
    status = 422 if form.errors and do != "look" else 200
    return page(
        request, "curation/synthesis/new.html", context, part="estimate" if do == "look" else "form", status=status
    )


def _initial(request: HttpRequest, before: Generation | None) -> dict[str, Any]:
    """What the address says: how many; and the tree that an earlier run proposed."""
    filled: dict[str, Any] = {
        name: value for name in ("wanted", "ceiling", "money") if (value := request.GET.get(name))
    }
    told = before.report.get("text") if before is not None and choosing.takes(before.generator, "taxonomy") else None
    return filled | ({"tree": told} if isinstance(told, str) else {})


def _estimate(form: GenerationForm, templates: dict[str, dict[str, str]]) -> dict[str, Any]:
    """From what was sent, or from what stands in a fresh form."""
    if form.is_bound and not form.is_valid():
        field, said = next(iter(form.errors.items()))
        label = form.fields[field].label if field in form.fields else ""
        return {"estimate": None, "no_estimate": f"{label}: {said[0]}" if label else str(said[0])}
    if form.is_bound:
        data = form.cleaned_data
        pilot = queries.pilot_of(form.task, form.name, data["endpoint"])
        found, why = estimating.estimated(
            form.name, form.spec, form.sources, data["endpoint"], params=data["params"], wanted=data["wanted"],
            ceiling=data["ceiling"], templates=templates, judged=data["filters"]["judge"], pilot=pilot,
        )  # fmt: skip
        return {"estimate": found, "no_estimate": why, "endpoint": data["endpoint"], "given": form.sources}
    return {"estimate": None, "no_estimate": ""}


def _start(request: HttpRequest, form: GenerationForm, *, preview: bool) -> HttpResponse | None:
    """The answer, or None and the reason in the form."""
    data = form.cleaned_data
    try:
        made = actions.start(
            task=form.task, by=request.user, endpoint=data["endpoint"], generator=form.name,  # type: ignore[arg-type]
            spec=form.spec, sources=form.sources, wanted=data["wanted"], seed=data["seed"], params=data["params"],
            ceiling=None if preview else data["ceiling"], money=data["money"], filters=data["filters"],
            templates=prompts.edited(form.task, form.name), preview=preview,
        )  # fmt: skip
    except Fault as fault:
        form.add_error(None, f"{fault.what} {fault.advice}")
        return None
    asked = {name: data[name] for name in ("wanted", "ceiling", "money") if data[name] is not None}
    return see_other(made.get_absolute_url() + (f"?{urlencode(asked)}" if preview else ""))
