"""Candidates of a run: many at once, kept, dropped, rescued and sent into the queue; and one with all that it came from."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from curation import access
from curation import queries_candidates as queries
from curation import queries_generations as generations
from curation.actions import candidates as actions
from curation.incoming import OUTPUTS_AS
from curation.models import Generation
from curation.views.shared import frame

TEMPLATE = "curation/candidates.html"
MOST_TICKED = 200
DID = {"drop": "dropped", "rescue": "kept"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@members
def generation_candidates(request: HttpRequest, generation_id: int) -> HttpResponse:
    """GET: a page of candidates. POST `do`: drop or rescue (ticked, `drop 12` one, `drop group 12` a group), send."""
    posted = request.method == "POST"
    found = access.generation(request.user, generation_id, access.CURATE)  # type: ignore[arg-type]
    if not posted:
        return _show(request, found)
    what, _, about = request.POST.get("do", "").partition(" ")
    try:
        if what in DID:
            return _decided(request, found, what, _ids(request, found, about))
        if what == "send":
            return _sent(request, found, None if about == "all" else _ids(request, found, ""))
    except Fault as fault:
        return _show(request, found, status=fault.status, fault=fault, ticked=_ticked(request))
    raise Http404


def _show(request: HttpRequest, found: Generation, *, status: int = 200, **more: Any) -> HttpResponse:
    ask = queries.read(request.GET)
    context = frame(found.task) | {"generation": found, "outputs_as": OUTPUTS_AS}
    context |= queries.candidates_page(found, ask, _number(request.GET.get("page", "")) or 1)
    context |= queries.choices(found) | {"at_page": _query(request), "done": _done(request, found)}
    return page(request, TEMPLATE, context | more, part="candidates", status=status)


def _done(request: HttpRequest, found: Generation) -> dict[str, Any] | None:
    """What was just decided, for those without a script: it can be taken back."""
    stamp, count = _number(request.GET.get("done", "")), _number(request.GET.get("count", ""))
    did = DID.get(request.GET.get("did", ""))
    if not stamp or not count or did is None:
        return None
    return {"text": f"{count:,} candidate{'s' * (count != 1)} {did}.", "undo": _undo(request, found, stamp)}


def _undo(request: HttpRequest, found: Generation, stamp: int) -> str:
    return f"{reverse('candidates_undo', args=[found.pk])}?at={stamp}&{_query(request)}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _ticked(request: HttpRequest) -> list[int]:
    return [number for one in request.POST.getlist("candidate")[:MOST_TICKED] if (number := _number(one))]


def _ids(request: HttpRequest, found: Generation, about: str) -> list[int]:
    """Of one button: a group, one row, or what is ticked. Raises `Fault` candidate.nothing_ticked."""
    first, _, number = about.partition(" ")
    if first == "group":
        return queries.of_group(found, _number(number))
    if first and not _number(first):
        raise Http404
    ids = [_number(first)] if first else _ticked(request)
    if not ids:
        raise Fault("candidate.nothing_ticked")
    return ids


def _home(request: HttpRequest, found: Generation, **more: Any) -> str:
    asked = queries.read(request.GET).query
    at = _number(request.GET.get("page", ""))
    query = "&".join(part for part in (asked, f"page={at}" if at > 1 else "") if part)
    home = reverse("generation_candidates", args=[found.pk])
    return f"{home}?{query}" if query else home


def _decided(request: HttpRequest, found: Generation, what: str, ids: list[int]) -> HttpResponse:
    act = actions.drop if what == "drop" else actions.rescue
    changed = act(generation=found, ids=ids, by=request.user)  # type: ignore[arg-type]
    text = f"{changed:,} candidate{'s' * (changed != 1)} {DID[what]}." if changed else _nothing(what, len(ids))
    at = actions.last_decision(generation=found, by=request.user) if changed else None  # type: ignore[arg-type]
    undo = _undo(request, found, _stamp(at)) if at else ""
    if not request.htmx:  # type: ignore[attr-defined]
        if at is None:
            messages.info(request, text)
            return see_other(_home(request, found))
        home = _home(request, found)
        return see_other(f"{home}{'&' if '?' in home else '?'}done={_stamp(at)}&count={changed}&did={what}")
    found.refresh_from_db(fields=["kept", "dropped"])
    response = _show(request, found, announced=text)
    response["HX-Trigger"] = json.dumps({"toast": {"text": text} | ({"undo": undo} if undo else {})})
    return response


def _nothing(what: str, count: int) -> str:
    if what == "rescue":
        return "It is kept already." if count == 1 else "They are kept already."
    return "It is dropped already." if count == 1 else "They are dropped already."


def _query(request: HttpRequest) -> str:
    at = _number(request.GET.get("page", ""))
    return queries.read(request.GET).query + (f"&page={at}" if at > 1 else "")


def _stamp(at: datetime) -> int:
    """Whole microseconds: what tells one decision of a person from another."""
    return (at - EPOCH) // timedelta(microseconds=1)


@members
@require_POST
def candidates_undo(request: HttpRequest, generation_id: int) -> HttpResponse:
    """Take back what this person decided in one go; `at` in the address says when."""
    found = access.generation(request.user, generation_id, access.CURATE)  # type: ignore[arg-type]
    stamp = _number(request.GET.get("at", ""))
    if not 0 < stamp < 10**17:
        raise Http404
    back = actions.undo(generation=found, at=EPOCH + timedelta(microseconds=stamp), by=request.user)  # type: ignore[arg-type]
    if back:
        messages.success(request, f"{back:,} candidate{'s are as they were' if back != 1 else ' is as it was'}.")
    else:
        messages.info(request, "Nothing was taken back: it was decided again since, or is in the queue.")
    return see_other(_home(request, found))


def _sent(request: HttpRequest, found: Generation, ids: list[int] | None) -> HttpResponse:
    outputs_as = request.POST.get("outputs_as", "suggestion")
    if outputs_as not in OUTPUTS_AS:
        raise Http404
    added = actions.accept(generation=found, by=request.user, ids=ids, outputs_as=outputs_as)  # type: ignore[arg-type]
    text = f"{added.good:,} example{'s are' if added.good != 1 else ' is'} in {found.task} now."
    if not added.good:
        text = "Nothing was sent: none of them is kept and not in the task already."
    if not request.htmx:  # type: ignore[attr-defined]
        (messages.success if added.good else messages.info)(request, text)
        return see_other(_home(request, found))
    response = _show(request, found, announced=text)
    response["HX-Trigger"] = json.dumps({"toast": {"text": text}})
    return response


@reads
def candidate(request: HttpRequest, candidate_id: int) -> HttpResponse:
    """One candidate with the exact prompts, the replies as they came, model, parameters, seed, parents, verdicts."""
    found = access.candidate(request.user, candidate_id, access.CURATE)  # type: ignore[arg-type]
    run = found.generation
    context = frame(run.task) | {
        "candidate": found, "generation": run, "parts": queries.parts(found), "said": queries.said_of(found),
        "exchanges": generations.exchanges_of(found), "params": sorted(run.params.items()),
    }  # fmt: skip
    return page(request, "curation/candidate.html", context, part="origin")
