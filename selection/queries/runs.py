"""What the pages of runs show."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.urls import reverse
from numpy.typing import NDArray

from config import plots
from config.faults import Fault
from curation.content import ContentError, Mapping, parts_of
from curation.content import read as read_content
from curation.models import Team
from jobs import queries as jobs
from jobs.models import Job
from selection import picked, test_sets
from selection.marking import segments, stretches, words
from selection.methods import METHODS, Method, Options, ParamsError, params_schema, parse_params
from selection.methods.recommend import Advice, recommend
from selection.models import Pick, Pool, Run, Shard, Target, TargetRow
from selection.queries import saes
from selection.queries.home import current
from selection.queries.targets import origin
from selection.running.finishing import WHY
from selection.running.inputs import Inputs, has_gpu, slots

PAGE = 50


def runs_page(team: Team, before: int | None = None) -> dict[str, Any]:
    """Runs newest first, those behind number `before`; progress of open ones in one query."""
    found = Run.objects.of(team).order_by("-number")
    rows = list(found.filter(number__lt=before)[: PAGE + 1] if before else found[: PAGE + 1])
    open_ = current([run.job_id for run in rows if run.job and not run.job.is_final])  # type: ignore[misc]
    shown = [
        {"run": run, "method": title_of(run.method), "progress": open_.get(run.job_id or 0)} for run in rows[:PAGE]
    ]
    return {
        "entries": shown,
        "next_before": rows[PAGE - 1].number if len(rows) > PAGE else None,
        "first_page": before is None,
        "any_open": bool(open_),
        "comparable": sum(row.job is not None and row.job.state == Job.State.SUCCEEDED for row in rows[:PAGE]) > 1,
    }


def title_of(method: str) -> str:
    return METHODS[method].title if method in METHODS else method


def progress(run: Run) -> dict[str, Any]:
    """The strip on top of a run's page."""
    job = run.job
    assert job is not None, "a run without a job is seen only by the transaction that starts it"  # noqa: S101
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
        "notes": facts.get("notes", []),
        "plots": {"score": _scores(facts), "length": _lengths(facts), "sources": _sources(facts)},
        "skipped": [(WHY.get(name, name), count) for name, count in facts.get("skipped", {}).items() if count],
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
    shown = rows[:PAGE]
    return {
        "entries": _entries(run, shown),
        "next_after": shown[-1].rank if len(rows) > PAGE else None,
        "first_rank": shown[0].rank if shown else 0,
        "last_rank": shown[-1].rank if shown else 0,
        "first_page": filters.after == 0,
        "filters": filters,
    }


def _entries(run: Run, shown: list[Pick]) -> list[dict[str, Any]]:
    """Picks as `components/_pick_row.html` takes them, the beginning of the nearest target row beside each."""
    keys = {key for pick in shown if (key := nearest_key(pick.reason))}
    near = {row.key: row.text()[:200] for row in TargetRow.objects.filter(target=run.target, key__in=keys)}
    return [
        {
            "rank": pick.rank, "score": pick.score, "text": pick.excerpt, "source": pick.source,
            "near": near.get(nearest_key(pick.reason), "") if run.target_id else None,
            "url": reverse("run_pick", args=[run.pk, pick.rank]),
        }
        for pick in shown
    ]  # fmt: skip


def nearest_key(reasons: list[dict[str, Any]]) -> str:
    return next((reason["data"]["key"] for reason in reasons if reason["kind"] == "near"), "")


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
    nearest = _nearest(run, pick)
    return {
        "pick": pick,
        "parts": _marked(parts, pick.reason),
        "nearest": nearest,
        "reason": " ".join(reason["text"] for reason in pick.reason),
    }


def _marked(parts: list[tuple[str, str]], reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each part cut at what the reasons say that the row shares with the target."""
    data = [reason.get("data", {}) for reason in reasons]
    shared = [part for facts in data for part in facts.get("parts", [])]
    terms = [term for facts in data for term, _ in facts.get("terms", [])]
    return [
        {"label": label, "segments": segments(text, [*stretches(text, shared), *words(text, terms)])}
        for label, text in parts
    ]


def _nearest(run: Run, pick: Pick) -> dict[str, Any] | None:
    key = nearest_key(pick.reason)
    row = TargetRow.objects.filter(target=run.target, key=key).first() if key and run.target_id else None
    if row is None:
        return None
    return {
        "number": row.position + 1,
        "from": origin(row.origin),
        "parts": _marked(parts_of(row.unpacked()), pick.reason),
    }


# --- before the start ---


@dataclass(frozen=True)
class Estimate:
    """What a run would cost here. `seconds` by the clock; `measured`: runs of the method on this machine it rests on."""

    rows: int
    targets: int
    seconds: float
    workers: int
    measured: int

    @property
    def pairs(self) -> int:
        return self.rows * self.targets


def estimate(method: Method, params: Any, rows: int, targets: int) -> Estimate:
    """The method's own figure, corrected by what its last runs here took beside theirs."""
    workers = slots("cpu")
    stated = method.seconds(rows, max(targets, 1) if method.needs_target else targets, params)
    factors = [factor for run in _measured(method.name) if (factor := _factor(run, method))]
    factor = float(np.median(factors)) if factors else 1.0
    return Estimate(rows, targets, factor * stated / workers, workers, len(factors))


def _measured(method: str) -> list[Run]:
    found = Run.objects.filter(method=method, job__state=Job.State.SUCCEEDED, rows__gte=1000)
    return list(found.order_by("-pk").only("method", "method_version", "params", "rows", "manifest")[:5])


def _factor(run: Run, method: Method) -> float | None:
    """Seconds of work in the method's passes over the seconds that the method states for the same work."""
    try:
        passes = run.manifest["timings"]["passes"]
        params: Any = parse_params(method.Params, run.params)
        targets = (run.manifest["target"] or {"rows": 0})["rows"]
    except (KeyError, TypeError, ParamsError):
        return None
    stated = method.seconds(run.rows, targets, params)
    work = sum(one["work_seconds"] for one in passes if not one["name"].startswith("winnow."))
    return work / stated if stated > 0.5 and run.method_version == method.version else None


def pools_of(team: Team) -> Any:
    """Pools that a run may use, newest first."""
    return Pool.objects.visible().filter(team=team, rows__gt=0).order_by("-created_at")


def targets_of(team: Team) -> Any:
    return Target.objects.filter(team=team).order_by("-created_at")


def choices(team: Team) -> tuple[int | None, int | None]:
    """Ids of the newest pool and target."""
    pool, target = pools_of(team).first(), targets_of(team).first()
    return pool.pk if pool else None, target.pk if target else None


def sizes(team: Team, pool: Any, target: Any) -> tuple[int, int]:
    """Rows of the chosen pool and target; 0 for one that is not there or not the team's."""
    found = pools_of(team).filter(pk=pool).first() if str(pool or "").isdecimal() else None
    aim = targets_of(team).filter(pk=target).first() if str(target or "").isdecimal() else None
    return (found.rows if found else 0), (aim.rows.count() if aim else 0)


def advice(team: Team, pool: Any, target: Any) -> Advice:
    """What Winnow proposes for a pool and a target, on the workers that are here."""
    rows, targets = sizes(team, pool, target)
    return recommend(rows=rows, targets=targets, workers=slots("cpu"), gpu=has_gpu())


def methods_table(rows: int, targets: int) -> list[dict[str, Any]]:
    """The methods to choose from, each with what it would cost with its usual settings."""
    return [
        {
            "name": name,
            "title": method.title,
            "summary": method.summary,
            "needs_target": method.needs_target,
            "seconds": estimate(method, method.Params(), rows, targets).seconds if rows else None,
        }
        for name, method in METHODS.items()
    ]


def said(run: Run) -> dict[str, Any]:
    """The method and settings of a run in words."""
    method = METHODS.get(run.method)
    if method is None:
        return {"method_title": run.method, "method_known": False, "settings": []}
    tested = Target.objects.filter(team=run.team_id, pk__in=test_sets.ids_in(run.options.get(test_sets.OPTION)))
    named = {test_sets.OPTION: ", ".join(tested.order_by("pk").values_list("name", flat=True)) or None}
    params = run.params | {"sae": saes.name_of(run)} if run.params.get("sae") else run.params
    settings = [*_differing(method.Params, params), *_differing(Options, run.options | named)]
    return {"method_title": method.title, "method_known": True, "settings": settings}


def _differing(cls: type, values: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and value of the settings that are not the usual ones."""
    found = []
    for entry in params_schema(cls):
        value = values.get(entry["name"], entry["default"])
        if value == entry["default"]:
            continue
        plain = "none" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)
        shown = entry["choices"].get(value, plain)
        found.append((entry["label"], shown))
    return found
