"""Finished runs side by side: how many picks each two of them share, and which ones all of them have."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.urls import reverse
from numpy.typing import NDArray

from curation.models import Team
from selection.models import Pick, Run
from selection.queries.runs import said
from selection.running import earlier

LEAST, MOST = 2, 8
SHOWN = 20
SHADES = 5

K = 60  # as in the fusion of runs: in its order the shared picks stand


@dataclass(frozen=True)
class Cell:
    """Two runs: picks that both have, and that as a share of the smaller one; None where their pools differ."""

    shared: int | None
    share: float
    same: bool = False  # the run itself

    @property
    def shade(self) -> int:
        """0 to 5; only what is nothing at all has none."""
        return min(SHADES, 1 + int(self.share * SHADES)) if self.share and not self.same else 0


def chosen(team: Team, numbers: list[str]) -> tuple[list[Run], list[str]]:
    """The runs of these numbers in the order of their numbers, and what keeps them from being compared."""
    wanted = sorted({int(one) for one in numbers if one.isascii() and one.isdecimal() and len(one) < 10})
    if not LEAST <= len(wanted) <= MOST:
        ticked = {0: "None is ticked", 1: "Only one is ticked"}.get(len(wanted), f"{len(wanted):,} are ticked")
        return [], [f"{ticked}. Choose {LEAST} to {MOST} finished runs in the list."]
    found = {run.number: run for run in Run.objects.of(team).filter(number__in=wanted)}
    wrong = []
    for number in wanted:
        run = found.get(number)
        if run is None:
            wrong.append(f"There is no run {number} in this team.")
        elif run.job is None or run.job.state != run.job.State.SUCCEEDED:
            wrong.append(f"Run {number} has not finished, so it has no picks to compare.")
    return ([], wrong) if wrong else ([found[number] for number in wanted], [])


def compared(runs: list[Run]) -> dict[str, Any]:
    """The table of each two, what is to be known of each run, and the first picks that all of them have."""
    ranks = _ranks(runs)
    by_all = ranks[(ranks > 0).all(axis=1)]
    one_pool = len({run.pool_id for run in runs}) == 1
    return {
        "runs": [_about(run) for run in runs],
        "matrix": [(run, row) for run, row in zip(runs, _matrix(runs, ranks), strict=True)],
        "union": len(ranks),
        "by_all": len(by_all),
        "shared": _shared(runs, by_all),
        "one_pool": one_pool,
        "fuse_url": _fuse_url(runs) if one_pool else None,
    }


def _ranks(runs: list[Run]) -> NDArray[np.int32]:
    """int32[rows, runs]: each row that a run picked once, with its rank in each run; 0 where that did not pick it."""
    column = {run.pk: at for at, run in enumerate(runs)}
    found = list(earlier.arrays(list(column)))
    if not found:
        return np.empty((0, len(runs)), np.int32)
    # A shard has fewer than 2^32 rows, so shard and row fit into one number.
    once, at = np.unique(np.concatenate([shard << 32 | rows for _, shard, rows, _ in found]), return_inverse=True)
    ranks = np.zeros((len(once), len(runs)), np.int32)
    begin = 0
    for run, _, rows, rank in found:
        ranks[at[begin : begin + len(rows)], column[run]] = rank
        begin += len(rows)
    return ranks


def _matrix(runs: list[Run], ranks: NDArray[np.int32]) -> list[list[Cell]]:
    held = (ranks > 0).astype(np.float64)  # sums of ones, so exact
    both = np.rint(held.T @ held).astype(np.int64)
    sizes = both.diagonal()
    table = []
    for one, run in enumerate(runs):
        row = []
        for other, beside in enumerate(runs):
            smaller = int(min(sizes[one], sizes[other]))
            if run.pool_id != beside.pool_id:
                row.append(Cell(None, 0.0))
            else:
                shared = int(both[one, other])
                row.append(Cell(shared, shared / smaller if smaller else 0.0, same=one == other))
        table.append(row)
    return table


def _about(run: Run) -> dict[str, Any]:
    return {"run": run} | said(run)


def _shared(runs: list[Run], ranks: NDArray[np.int32]) -> list[dict[str, Any]]:
    """The best of the rows that all have: how each begins, its rank in each run with the address of that pick."""
    fused = (1.0 / (K + ranks)).sum(axis=1)
    best = ranks[np.lexsort((ranks[:, 0], -fused))[:SHOWN]].tolist()
    first = Pick.objects.filter(run=runs[0], rank__in=[mine[0] for mine in best])
    told = {pick.rank: pick for pick in first.only("rank", "excerpt", "source")}
    shown = []
    for mine in best:
        pick = told[mine[0]]
        links = [(rank, reverse("run_pick", args=[run.pk, rank])) for run, rank in zip(runs, mine, strict=True)]
        shown.append({"text": pick.excerpt, "source": pick.source, "ranks": links})
    return shown


def _fuse_url(runs: list[Run]) -> str:
    """The form of a new selection, filled: these runs, their pool, and their target where they have the same."""
    targets = {run.target_id for run in runs}
    target = next(iter(targets)) if len(targets) == 1 else None
    numbers = "%2C".join(str(run.number) for run in runs)
    address = reverse("run_new", args=[runs[0].team.slug])
    return f"{address}?method=runs&m_runs={numbers}&pool={runs[0].pool_id}&target={target or ''}"
