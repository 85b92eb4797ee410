"""Pages of runs: list, start, progress and result, picks, downloads."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members, reads
from selection import access, downloads, test_sets
from selection.actions import runs as actions
from selection.forms import featured
from selection.forms.runs import METHOD_PREFIX, OPTION_PREFIX, FilterForm, RunForm, initial_of
from selection.methods import METHODS, ParamsError, parse_params
from selection.methods.recommend import PRESETS as SETS
from selection.models import Run
from selection.queries import browse, compare, presets
from selection.queries import runs as queries
from selection.views.shared import frame

PRESETS = {preset.name: preset for preset in SETS}


@reads
def runs(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    before = request.GET.get("before", "")
    found = queries.runs_page(team, int(before) if before.isdecimal() else None)
    found["ticked"] = request.GET.getlist("run")  # what was ticked stays so while the list follows open runs
    return page(request, "selection/runs.html", found | frame(team), part="list")


@reads
def run_compare(request: HttpRequest, slug: str) -> HttpResponse:
    """Two to eight finished runs side by side; they are named by their numbers, as in `?run=12&run=14`."""
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    found, wrong = compare.chosen(team, request.GET.getlist("run"))
    context = compare.compared(found) if found else {"wrong": wrong}
    return page(request, "selection/run_compare.html", context | frame(team))


# --- start ---


@members
def run_new(request: HttpRequest, slug: str) -> HttpResponse:
    """Three questions and a folded fourth. Values without a start ("look", or a GET) show the form filled with them
    and with the fields of the named method: so a change of method works with a script and without.
    """
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    initial = _initial(request, team)
    if request.method == "POST" and request.POST.get("do") != "look":
        form = RunForm(request.POST, team=team, method=request.POST.get("method", ""))
        if form.is_valid():
            data = form.cleaned_data
            try:
                made = actions.start(
                    team=team, by=request.user, pool=data["pool"], target=data["target"],  # type: ignore[arg-type]
                    method=form.chosen.name, method_version=form.chosen.version, params=data["params"],
                    budget=data["budget"], options=data["options"], seed=data["seed"] or 0,
                )  # fmt: skip
                return see_other(made.get_absolute_url())
            except Fault as fault:
                form.add_error("pool", f"{fault.what} {fault.advice}")
    else:
        form = RunForm(None, team=team, method=initial["method"], initial=initial)
    context = frame(team) | _new_context(form, initial)
    # Which part is wanted follows from the place that htmx fills; anything else gets the whole form.
    place = request.htmx.target if request.htmx else None  # type: ignore[attr-defined]
    named = request.method == "GET" and "method" in request.GET
    context["open_method"] = place == "method-part" or named or request.POST.get("do") == "look"
    context["moved"] = place == "estimate"  # the proposal depends on pool and target too, and goes along
    part = {"method-part": "method", "estimate": "estimate"}.get(place or "", "form")
    return page(request, "selection/run_new.html", context, part=part, status=422 if form.errors else 200)


def _initial(request: HttpRequest, team: Any) -> dict[str, Any]:
    """What stands in the form at first: an earlier run's settings, what the address names, else sensible starts."""
    again = request.GET.get("again", "")
    initial: dict[str, Any] = {}
    if again.isdecimal():
        initial = initial_of(access.run(request.user, int(again)))  # type: ignore[arg-type]
    sent = request.POST if request.method == "POST" else request.GET
    initial |= {name: value for name, value in sent.items() if name not in {"again", "do", "csrfmiddlewaretoken"}}
    ticked = OPTION_PREFIX + test_sets.OPTION
    if ticked in sent:
        initial[ticked] = sent.getlist(ticked)
    pool, target = queries.choices(team)
    initial.setdefault("pool", pool)
    initial.setdefault("target", target)
    initial.setdefault("amount", 1000)
    asked = str(initial.pop("preset", ""))
    preset = PRESETS.get(asked) or presets.named(team, asked)
    if preset is not None:
        initial["method"] = preset.method
        initial |= _prefixed(METHOD_PREFIX, preset.params) | _prefixed(OPTION_PREFIX, preset.options)
    if initial.get("method") not in METHODS:
        advice = queries.advice(team, initial["pool"], initial["target"])
        initial["method"] = advice.method
        initial |= _prefixed(METHOD_PREFIX, advice.params)
    return initial


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {prefix + name: value for name, value in values.items()}


def _new_context(form: RunForm, initial: dict[str, Any]) -> dict[str, Any]:
    # A bound form shows what was sent, a fresh one what stands in it.
    values = form.data if form.is_bound else initial
    try:
        given = {entry["name"]: values.get(METHOD_PREFIX + entry["name"]) for entry in form.method_fields}
        params: Any = parse_params(
            form.chosen.Params, {name: value for name, value in given.items() if value is not None}
        )
    except ParamsError:
        params = form.chosen.Params()
    rows, targets = queries.sizes(form.team, values.get("pool"), values.get("target"))
    advice = queries.advice(form.team, values.get("pool"), values.get("target"))
    taken = form.chosen.name == advice.method and all(
        getattr(params, name, None) == value for name, value in advice.params.items()
    )
    return {
        "form": form,
        "advice": advice,
        "advised": METHODS[advice.method],
        "takes_advice": taken,
        "presets": PRESETS.values(),
        "kept": presets.of_team(form.team),
        "kept_query": urlencode({name: values.get(name) or "" for name in ("pool", "target", "amount", "unit")}),
        "method": form.chosen,
        "methods": queries.methods_table(rows, targets),
        "method_fields": form.group(METHOD_PREFIX, advanced=False),
        "advanced_fields": form.group(METHOD_PREFIX, advanced=True),
        "option_fields": form.group(OPTION_PREFIX),
        "estimate": queries.estimate(form.chosen, params, rows, targets) if rows else None,
        "has_pools": bool(form.fields["pool"].queryset.exists()),  # type: ignore[attr-defined]
        "wants_target": form.chosen.needs_target and not values.get("target"),
        "no_saes": featured.missing(form),
        "has_targets": bool(form.fields["target"].queryset.exists()),  # type: ignore[attr-defined]
    }


# --- one run ---


@members
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Progress while it runs, then the result. `do` cancels or resumes."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.run(request.user, run_id, need)  # type: ignore[arg-type]
    if request.method == "POST":
        deed = {"cancel": actions.cancel, "resume": actions.resume}.get(request.POST.get("do", ""))
        if deed is None:
            raise Http404
        deed(run=found, by=request.user)  # type: ignore[arg-type]
        return see_other(found.get_absolute_url())
    job = found.job
    if request.htmx and job is not None and request.htmx.target == "progress":  # type: ignore[attr-defined]
        if (same := unchanged(request, job.version)) is not None:
            return same
        if job.state == job.State.SUCCEEDED:
            return HttpResponse(headers={"HX-Refresh": "true"})  # the result takes over the whole page
    context = frame(found.team) | {"run": found} | queries.progress(found) | queries.said(found)
    context |= {"difference": browse.difference(found), "has_features": browse.featured(found) is not None}
    part = "progress"
    if job is not None and job.state == job.State.SUCCEEDED:
        form = _filter_form(request, found)
        filters = queries.Filters(**form.filters())
        context |= queries.result(found) | queries.picks(found, filters) | {"form": form}
        part = "picks"
    return page(request, "selection/run.html", context, part=part)


def _filter_form(request: HttpRequest, found: Run) -> FilterForm:
    sources = [entry["source"] for entry in found.facts.get("sources", []) if entry["picks"]]
    return FilterForm(request.GET, sources=sources, scored="scores" in found.facts)


@reads
def run_pick(request: HttpRequest, run_id: int, rank: int) -> HttpResponse:
    """One pick: the row, the target row that it resembles, and what both share."""
    found = access.run(request.user, run_id)  # type: ignore[arg-type]
    pick = found.picks.filter(rank=rank).first()
    if pick is None:
        raise Http404
    context = frame(found.team) | {"run": found, "features": browse.of_pick(found, pick)} | queries.opened(found, pick)
    return page(request, "selection/run_pick.html", context, part="pick")


@reads
def run_download(request: HttpRequest, run_id: int, format: str) -> HttpResponseBase:  # noqa: A002  (the word in the URL)
    """The picks as a file; `with=manifest` packs the manifest beside it."""
    found = access.run(request.user, run_id)  # type: ignore[arg-type]
    if format not in downloads.TYPES:
        raise Http404
    if found.job is None or found.job.state != found.job.State.SUCCEEDED:
        raise Fault("run.no_picks_yet", number=found.number)
    name = downloads.name(found)
    if request.GET.get("with") == "manifest":
        return FileResponse(downloads.packed(found, format), as_attachment=True, filename=f"{name}.zip")
    if format == "parquet":
        return FileResponse(downloads.parquet(found), as_attachment=True, filename=f"{name}.parquet")
    answer = StreamingHttpResponse(downloads.stream(found, format), content_type=downloads.TYPES[format])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
    return answer


@reads
def run_manifest(request: HttpRequest, run_id: int) -> HttpResponse:
    found = access.run(request.user, run_id)  # type: ignore[arg-type]
    if not found.manifest:
        raise Fault("run.no_picks_yet", number=found.number)
    answer = HttpResponse(downloads.manifest(found), content_type="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="{downloads.name(found)}.manifest.json"'
    return answer


@members
def run_delete(request: HttpRequest, run_id: int) -> HttpResponse:
    found = access.run(request.user, run_id, access.CURATE)  # type: ignore[arg-type]
    if request.method == "POST":
        actions.delete(run=found, by=request.user)  # type: ignore[arg-type]
        messages.info(request, f"Run {found.number} is deleted.")
        return see_other(reverse("runs", args=[found.team.slug]))
    return page(request, "selection/run_delete.html", frame(found.team) | {"run": found})
