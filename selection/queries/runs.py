"""What the pages of runs show."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config import plots
from config.faults import Fault
from curation.content import ContentError, Mapping
from curation.content import read as read_content
from curation.models import Team
from jobs import queries as jobs
from jobs.models import Job
from selection import picked
from selection.marking import find, segments
from selection.methods import ParamsError
from selection.models import Pick, Run, Shard, TargetRow
from selection.queries.home import current
from selection.queries.targets import origin, parts_of
from selection.running.inputs import Inputs

PAGE = 50


def runs_page(team: Team, before: int | None = None) -> dict[str, Any]:
    """Runs newest first, those behind number `before`; progress of open ones in one query."""
    found = Run.objects.of(team).order_by("-number")
    rows = list(found.filter(number__lt=before)[: PAGE + 1] if before else found[: PAGE + 1])
    open_ = current([run.job_id for run in rows if run.job and not run.job.is_final])  # type: ignore[misc]
    shown = [{"run": run, "progress": open_.get(run.job_id or 0)} for run in rows[:PAGE]]
    return {
        "entries": shown,
        "next_before": rows[PAGE - 1].number if len(rows) > PAGE else None,
        "first_page": before is None,
        "any_open": bool(open_),
    }


def progress(run: Run) -> dict[str, Any]:
    """The strip on top of a run's page."""
    job: Job = run.job  # type: ignore[assignment]  (empty only while the run is being started)
    opened_ = jobs.progress(job) if job.state != Job.State.SUCCEEDED else []
    return {"job": job, "passes": opened_, "upcoming": titles(run)[len(opened_) :], "workers": run.facts.get("workers")}


def titles(run: Run) -> list[str]:
    """All passes of the run, those to come too; empty where this server does not know the method."""
    inputs = Inputs(run)
    try:
        return [inputs.title(index) for index in range(len(inputs.stages))]
    except (Fault, ParamsError):
        return []


# --- the result ---


@dataclass(frozen=True, slots=True)
class Filters:
    """What a person narrows the picks to; empty means all."""

    source: str | None = None
    text: str = ""
    low: float | None = None
    high: float | None = None
    after: int = 0

    @property
    def active(self) -> bool:
        return self.source is not None or bool(self.text) or self.low is not None or self.high is not None


def result(run: Run) -> dict[str, Any]:
    """Header numbers, plots and warnings."""
    facts = run.facts
    return {
        "warnings": facts.get("warnings", []),
        "plots": {"score": _scores(facts), "length": _lengths(facts), "sources": _sources(facts)},
        "sources": [entry["source"] for entry in facts.get("sources", []) if entry["picks"]],
        "has_scores": "scores" in facts,
    }


def _scores(facts: dict[str, Any]) -> plots.Histogram | None:
    found = facts.get("scores")
    if not found:
        return None
    edges = np.linspace(found["low"], found["high"], len(found["counts"]) + 1).tolist()
    return plots.histogram(
        "Score of every row, and where the picks begin", edges, pool=found["counts"], cut=found["cut"]
    )  # fmt: skip


def _lengths(facts: dict[str, Any]) -> plots.Histogram | None:
    found = facts.get("lengths")
    if not found:
        return None
    return plots.histogram(
        "Length in characters", found["edges"], pool=found["pool"], picks=found["picks"], random=found["control"],
        log=True, unit="characters",
    )  # fmt: skip


def _sources(facts: dict[str, Any]) -> plots.Shares | None:
    found = facts.get("sources", [])
    if facts.get("source_count", 0) < 2:
        return None
    by = {kind: {entry["source"]: entry[kind] for entry in found} for kind in ("pool", "picks", "control")}
    return plots.source_shares("Sources", by["pool"], by["picks"], random=by["control"])


def picks(run: Run, filters: Filters) -> dict[str, Any]:
    """One page of picks by rank behind `filters.after`."""
    found = Pick.objects.filter(run=run)
    if filters.source is not None:
        found = found.filter(source=filters.source)
    if filters.low is not None:
        found = found.filter(score__gte=filters.low)
    if filters.high is not None:
        found = found.filter(score__lte=filters.high)
    if filters.text:
        rows = _with_text(found, picked.ranks_with(run, filters.text), filters.after)
    else:
        rows = list(found.filter(rank__gt=filters.after)[: PAGE + 1])
    return {
        "picks": rows[:PAGE],
        "next_after": rows[PAGE - 1].rank if len(rows) > PAGE else None,
        "first_page": filters.after == 0,
        "filters": filters,
    }


def _with_text(found: Any, ranks: NDArray[np.int64], after: int) -> list[Pick]:
    """The first page of those picks whose rank is among `ranks`; a few thousand ranks a query."""
    rows: list[Pick] = []
    at = int(np.searchsorted(ranks, after, side="right"))
    while at < len(ranks) and len(rows) <= PAGE:
        chunk = ranks[at : at + 5_000].tolist()
        rows += found.filter(rank__in=chunk)[: PAGE + 1 - len(rows)]
        at += 5_000
    return rows


def opened(run: Run, pick: Pick) -> dict[str, Any]:
    """One pick with its row, the target row that it resembles most, and the marks that both share."""
    row, text = picked.row(run, pick.shard_id, pick.rank)
    shard = Shard.objects.get(pk=pick.shard_id)
    try:
        parts = parts_of(read_content(row, Mapping.from_dict(shard.mapping)))
    except ContentError:  # cannot happen for rows that were checked at import; the text view is there in any case
        parts = [("", text)]
    needles = shared(pick.reason)
    nearest = _nearest(run, pick, needles)
    return {
        "pick": pick,
        "parts": _marked(parts, needles),
        "nearest": nearest,
        "needles": needles,
        "reasons": pick.reason,
    }


def shared(reasons: list[dict[str, Any]]) -> list[str]:
    """Stretches of text and terms that the reasons name, to be marked in both rows."""
    found: list[str] = []
    for reason in reasons:
        data = reason.get("data", {})
        found += data.get("parts", []) if reason["kind"] == "shared" else []
        found += [term for term, _ in data.get("terms", [])] if reason["kind"] == "terms" else []
    return found


def _marked(parts: list[tuple[str, str]], needles: list[str]) -> list[dict[str, Any]]:
    return [{"label": label, "segments": segments(value, find(value, needles))} for label, value in parts]


def _nearest(run: Run, pick: Pick, needles: list[str]) -> dict[str, Any] | None:
    key = next((reason["data"]["key"] for reason in pick.reason if reason["kind"] == "near"), None)
    row = TargetRow.objects.filter(target=run.target, key=key).first() if key and run.target_id else None
    if row is None:
        return None
    return {"number": row.position + 1, "from": origin(row.origin), "parts": _marked(parts_of(row.unpacked()), needles)}
