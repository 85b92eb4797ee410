"""The page of one generation: how far it is, what it cost, what failed, what it was asked with."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members, reads
from curation import access
from curation import queries_generations as queries
from curation.actions import generations as actions
from curation.actions.candidates import content_of
from curation.forms.generations import LimitsForm, ResumeForm, short
from curation.models import Generation
from curation.params import params_schema
from curation.synthesis import estimating, reports
from curation.synthesis.choosing import GENERATORS
from curation.views.generations import title_of
from curation.views.shared import frame
from jobs.queries import progress

SHOWN = 25


@members
def generation(request: HttpRequest, generation_id: int) -> HttpResponse:
    """`do`: cancel, resume (perhaps with other limits), retry what failed; of a preview also start."""
    posted = request.method == "POST"
    found = access.generation(request.user, generation_id, access.CURATE if posted else access.VIEW)  # type: ignore[arg-type]
    context: dict[str, Any] = {}
    if posted:
        answer = _done(request, found, request.POST.get("do", ""), context)
        if answer is not None:
            return answer
    job = found.job
    if not posted and job is not None and request.htmx and request.htmx.target == "work":  # type: ignore[attr-defined]
        if (same := unchanged(request, job.version)) is not None:
            return same
        if job.is_final:
            return HttpResponse(headers={"HX-Refresh": "true"})  # the whole page is another one now
    context = _context(request, found) | context
    part = "estimate" if request.GET.get("part") == "estimate" else "work"
    return page(request, "curation/synthesis/generation.html", context, part=part, status=context.get("status", 200))


def _done(request: HttpRequest, found: Generation, do: str, context: dict[str, Any]) -> HttpResponse | None:
    """The answer, or None where the form has to be shown again with what is wrong, which is in `context`."""
    if do == "cancel":
        actions.cancel(generation=found, by=request.user)  # type: ignore[arg-type]
    elif do == "retry":
        count = actions.retry_failed(generation=found, by=request.user)  # type: ignore[arg-type]
        messages.info(request, f"{count:,} failed requests are asked again, and nothing else.")
    elif do == "resume":
        form = ResumeForm(request.POST, generation=found)
        if not form.is_valid():
            context |= {"resume_form": form, "status": 422}
            return None
        actions.resume(generation=found, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
    elif do == "start" and found.preview:
        started = LimitsForm(request.POST)
        if not started.is_valid():
            context |= {"start_form": started, "status": 422}
            return None
        try:
            made = actions.start_previewed(preview=found, by=request.user, **started.cleaned_data)  # type: ignore[arg-type]
        except Fault as fault:
            started.add_error(None, f"{fault.what} {fault.advice}")
            context |= {"start_form": started, "status": fault.status}
            return None
        return see_other(made.get_absolute_url())
    else:
        raise Http404
    return see_other(request.path)


def _context(request: HttpRequest, found: Generation) -> dict[str, Any]:
    job, final = found.job, found.job is None or found.job.is_final
    context = frame(found.task) | {
        "generation": found, "title": title_of(found.generator), "job": job, "final": final,
        "passes": progress(job) if job is not None else [], "settings": _settings(found),
        "candidates_url": _candidates_url(found), "errors": sum(queries.error_counts(found).values()),
        "reasons": queries.error_counts(found), "drops": queries.drops_of(found), "report": reports.blocks(found.report),
        "per_kept": queries.cost_per_kept(found), "prompts": _prompts(found), "money": queries.money_of(found.task.team),
        "again": "text" in found.report and found.generator == "taxonomy",
    }  # fmt: skip
    stuck = found.state in (Generation.State.PAUSED, Generation.State.STOPPED)
    if final and stuck and not found.preview:
        context["resume_form"] = ResumeForm(generation=found)
    if found.preview:
        context |= _preview(request, found)
    return context


def _preview(request: HttpRequest, found: Generation) -> dict[str, Any]:
    """The candidates of a preview with their exact prompts, and the form that starts the whole run."""
    asked = {name: value for name in ("wanted", "ceiling", "money") if (value := request.GET.get(name))}
    form = LimitsForm(initial={"wanted": 100, "money": short(found.money)} | asked)
    tried = LimitsForm({"wanted": "100"} | asked)
    rows = queries.first_candidates(found, actions.PREVIEW + 5)
    shown: dict[str, Any] = {
        "start_form": form,
        "shown": [(one, content_of(one), queries.exchanges_of(one)) for one in rows],
    }
    if tried.is_valid() and found.answered:
        data = tried.cleaned_data
        shown["estimate"], shown["no_estimate"] = estimating.of_preview(found, data["wanted"], data["ceiling"])
    return shown


def _settings(found: Generation) -> list[tuple[str, str]]:
    """What was set apart from the usual, and all parameters of the generator."""
    if found.generator not in GENERATORS:
        return [(name, reports.said(value)) for name, value in found.params.items()]
    schema = params_schema(GENERATORS[found.generator].Params)
    rows = []
    for entry in schema:
        if entry["name"] in found.params:
            value = found.params[entry["name"]]
            rows.append((entry["label"], entry["choices"].get(value) or reports.said(value) or "empty"))
    return rows


def _prompts(found: Generation) -> list[dict[str, Any]]:
    own = GENERATORS[found.generator].templates if found.generator in GENERATORS else {}
    return [
        {
            "name": name, "sha": one["sha"], "edited": name not in own or own[name].sha != one["sha"],
            "sections": [(part, text) for part, text in one["sections"].items() if text],
        }
        for name, one in found.templates.items()
    ]  # fmt: skip


def _candidates_url(found: Generation) -> str:
    try:
        return reverse("generation_candidates", args=[found.pk])
    except NoReverseMatch:
        return ""


@reads
def generation_errors(request: HttpRequest, generation_id: int) -> HttpResponse:
    """The requests that failed, each with what was sent and what came back."""
    found = access.generation(request.user, generation_id)  # type: ignore[arg-type]
    rows = queries.errors_of(found)
    reason, after = request.GET.get("reason", "")[:40], request.GET.get("after", "")
    if reason:
        rows = rows.filter(request__reason=reason)
    if after.isdecimal() and len(after) < 16:
        rows = rows.filter(pk__gt=int(after))
    uses = list(rows[: SHOWN + 1])
    context = frame(found.task) | {
        "generation": found, "title": title_of(found.generator), "reason": reason,
        "reasons": queries.error_counts(found), "entries": [(use, queries.exchange(use)) for use in uses[:SHOWN]],
        "next_after": uses[SHOWN - 1].pk if len(uses) > SHOWN else None, "first_page": not after,
        "final": found.job is None or found.job.is_final,
    }  # fmt: skip
    return page(request, "curation/synthesis/errors.html", context, part="list")
