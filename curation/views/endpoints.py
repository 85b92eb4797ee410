"""Pages of a team's model endpoints, and of what it may spend on them."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members
from curation import access
from curation import queries_generations as queries
from curation.actions import endpoints as actions
from curation.forms.endpoints import EndpointForm, LimitForm
from curation.models import Endpoint, Team
from curation.views.shared import team_frame

FIELD_OF = {"endpoint.name_taken": "name", "endpoint.address": "base_url", "crypto.no_key": "key"}


def _frame(team: Team) -> dict[str, Any]:
    return team_frame(team) | {"may_own": team.mine.may(access.OWN)}  # type: ignore[attr-defined]


@members
def endpoints(request: HttpRequest, slug: str) -> HttpResponse:
    """The list, with the money of the month. `do=limit` sets the limit of the team."""
    posted = request.method == "POST"
    team = access.team(request.user, slug, access.OWN if posted else access.VIEW)  # type: ignore[arg-type]
    money = queries.money_of(team)
    form = LimitForm(request.POST if posted else None, initial={"limit": _short(money.limit)})
    if posted and form.is_valid():
        actions.limit_spending(team=team, by=request.user, limit=form.cleaned_data["limit"])  # type: ignore[arg-type]
        messages.info(request, "The limit is set.")
        return see_other(request.path)
    rows = team.endpoints.select_related("test_job").order_by("archived_at", "name", "pk")
    entries = [one for one in rows if one.archived_at is None]
    context = _frame(team) | {
        "entries": entries, "archived": [one for one in rows if one.archived_at is not None], "money": money,
        "form": form, "currencies": sorted({one.currency for one in entries if one.price_in or one.price_out}),
        "any_open": any(_testing(one) for one in entries),
    }  # fmt: skip
    return page(request, "curation/synthesis/endpoints.html", context, part="list", status=422 if form.errors else 200)


def _short(value: Any) -> str:
    return "" if value is None else f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"


@members
def endpoint_new(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug, access.OWN)  # type: ignore[arg-type]
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.create(team=team, by=request.user, key=form.key_given or "", **form.cleaned)  # type: ignore[arg-type]
        except Fault as fault:
            form.add_error(FIELD_OF.get(fault.code, "name"), f"{fault.what} {fault.advice}")
        else:
            actions.test(endpoint=made, by=request.user)  # type: ignore[arg-type]
            return see_other(reverse("endpoint", args=[made.pk]))
    context = _frame(team) | {"form": form}
    return page(request, "curation/synthesis/endpoint_new.html", context, status=422 if form.errors else 200)


@members
def endpoint(request: HttpRequest, endpoint_id: int) -> HttpResponse:
    """`do`: test, archive, or save. Only owners change it; a curator may test it."""
    do = request.POST.get("do", "save")
    need = access.VIEW if request.method != "POST" else access.CURATE if do == "test" else access.OWN
    found = access.endpoint(request.user, endpoint_id, need)  # type: ignore[arg-type]
    if request.method == "POST" and do in ("test", "archive"):
        return _done(request, found, do)
    if request.method == "POST" and do != "save":
        raise Http404
    job = found.test_job
    if request.method == "GET" and job is not None and (same := unchanged(request, job.version)):
        return same
    frame = _frame(found.team)
    form = None
    if frame["may_own"] and found.archived_at is None:
        form = EndpointForm(request.POST if request.method == "POST" else None, endpoint=found)
        if request.method == "POST" and form.is_valid():
            try:
                actions.edit(endpoint=found, by=request.user, key=form.key_given, **form.cleaned)  # type: ignore[arg-type]
                messages.info(request, "Saved.")
                return see_other(request.path)
            except Fault as fault:
                form.add_error(FIELD_OF.get(fault.code, "name"), f"{fault.what} {fault.advice}")
    elif request.method == "POST":
        raise Fault("endpoint.archived", name=found.name)
    context = frame | {
        "endpoint": found, "form": form, "job": job, "testing": _testing(found),
        "runs": queries.runs_of(found.team).filter(endpoint=found)[:10],
    }  # fmt: skip
    status = 422 if form is not None and form.errors else 200
    return page(request, "curation/synthesis/endpoint.html", context, part="test", status=status)


def _done(request: HttpRequest, found: Endpoint, do: str) -> HttpResponse:
    if do == "test":
        actions.test(endpoint=found, by=request.user)  # type: ignore[arg-type]
        return see_other(request.path)
    actions.archive(endpoint=found, by=request.user)  # type: ignore[arg-type]
    messages.info(request, f"{found.name} is archived, and its key is forgotten.")
    return see_other(reverse("endpoints", args=[found.team.slug]))


def _testing(found: Endpoint) -> bool:
    return found.test_job is not None and not found.test_job.is_final
