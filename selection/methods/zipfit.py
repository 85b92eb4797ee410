"""ZIP-FIT: rows that compress well together with the target (Obbad and others 2024, arXiv 2410.18194)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels.common import shared_stretches
from selection.kernels.compressors import LEVELS, available, pair_seconds
from selection.methods import zipfit_anchored
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard, scored
from selection.methods.params import ParamsError, param
from selection.methods.zipfit_pairs import Pairs

SHOWN = 160  # characters of a shared stretch


@dataclass(frozen=True)
class ZipFitParams:
    variant: Literal["header_corrected", "paper"] = param(
        "header_corrected", label="Formula",
        choices={"header_corrected": "Corrected for the file header", "paper": "As published"},
        help="As published, 18 bytes of file header count as shared, which favours very short rows.",
    )  # fmt: skip
    aggregation: Literal["mean", "max"] = param(
        "mean", label="Over the targets", choices={"mean": "Mean", "max": "Best target"},
        help="Mean favours rows like the target as a whole; best target also finds rows like a single one.",
    )  # fmt: skip
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip
    compressor: Literal["gzip", "zstd", "lz4"] = param(
        "gzip", label="Compressor", choices={"gzip": "gzip", "zstd": "Zstandard", "lz4": "LZ4"}, advanced=True,
        help="gzip is the published one and finds most; the others are quicker at low levels.",
    )  # fmt: skip
    level: int = param(
        9, label="Level", le=19, advanced=True,
        help="1 to 9 for gzip, to 19 for Zstandard, to 12 for LZ4; 1 is fastest and coarsest. Level 0 does not compress.",
    )  # fmt: skip
    mode: Literal["exact", "anchored"] = param(
        "exact", label="Rows looked at in full", choices={"exact": "All", "anchored": "Those that may be picked"},
        help="Those that may be picked: ten times faster and more, the best rows found the same but for a few in a "
        "thousand. An audit says how many may be missing. Only for the mean.",
    )  # fmt: skip
    keep: int = param(
        0, label="Rows to rank in full", ge=0, advanced=True,
        help="At least four times the rows to pick, since some are held back. 0: four times, from 10,000 on twice; where "
        "nobody said how many, a twentieth of the pool, 2,000 to 20,000. All other rows are estimated.",
    )  # fmt: skip
    margin: float = param(
        2.0, label="Margin", ge=0, le=10, advanced=True,
        help="A row is left out when its estimate is worse by more than twice the margin times the usual error.",
    )  # fmt: skip
    anchors: int = param(
        5, label="Anchors", ge=1, le=100, advanced=True, help="Targets with which the mean over all is foretold."
    )
    sample: int = param(
        400, label="Rows to learn from", ge=10, le=100_000, advanced=True,
        help="Drawn by chance and compared with every target; and as many again near the best.",
    )  # fmt: skip
    audit: int = param(
        300, label="Rows to audit", ge=0, le=1_000_000, advanced=True,
        help="Drawn by chance from the left-out rows nearest to the cut, and as many again from all others. More rows "
        "give a tighter bound on what is missing.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Raises `ParamsError` for settings that do not go together."""
        low, high = LEVELS.get(self.compressor, LEVELS["gzip"])
        if not low <= self.level <= high:
            named = "" if self.compressor == "gzip" else f" for {self.compressor}"
            raise ParamsError("level", f"must be between {low} and {high}{named}, not {self.level}")
        if self.mode == "anchored" and self.aggregation != "mean":
            raise ParamsError("mode", "must be exact for the best target: only a mean can be foretold from few targets")


class ZipFit:
    """score(row) = mean over targets v of 1 - NCD(row, v), with C = bytes of the gzip file:

    paper:            1 - NCD = (C(x) + C(v) - C(xv)) / max(C(x), C(v))
    header_corrected: (C(x) + C(v) - C(xv) - 18) / (max(C(x), C(v)) - 18)

    x is the row, v the target, xv the two without a separator, all UTF-8. Deflate looks back 32 KiB: of a longer
    row only the end meets the target. For other compressors 18 is what they write for an empty text.
    """

    name: ClassVar[str] = "zipfit"
    title: ClassVar[str] = "ZIP-FIT"
    summary: ClassVar[str] = "Rows that compress well together with the target: shared phrasing and format."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = ZipFitParams

    def passes(self, params: ZipFitParams) -> Sequence[Pass]:
        """Raises `ParamsError` where the compressor is not installed."""
        if not available(params.compressor):
            raise ParamsError("compressor", f"must be gzip here: the package for {params.compressor} is not installed")
        if params.mode == "anchored":
            return zipfit_anchored.passes(params)
        return [Pass("score", _score, title="Compress rows", reads=(params.view,), rows_per_item=_rows_per_item)]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        pairs, found = Pairs(ctx, len(rows)), []
        for at, text in enumerate(rows[ctx.params.view]):
            found.append(_explain(text, pairs.alignments(text.encode()), ctx))
            ctx.tick(at + 1)
        return found

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        return zipfit_anchored.notes(ctx) if ctx.params.mode == "anchored" else []

    def seconds(self, rows: int, targets: int, params: ZipFitParams) -> float:
        pair = pair_seconds(params.compressor, params.level)
        if params.mode == "anchored":
            return zipfit_anchored.seconds(rows, targets, params, pair)
        return rows * (targets + 1) * pair


def _rows_per_item(ctx: Ctx) -> int:
    pair = pair_seconds(ctx.params.compressor, ctx.params.level)
    return min(max(50, int(8 / (pair * (len(ctx.target) + 1)))), 50_000)


def _score(shard: Shard, ctx: Ctx) -> Part:
    scores = np.zeros(len(shard))
    best = ctx.params.aggregation == "max"
    for at, _, found in Pairs(ctx, len(shard)).of(shard, ctx):
        scores[at] = found.max() if best else found.mean()
    return scored(shard, scores)


def _explain(text: str, found: NDArray[np.float64], ctx: Ctx) -> list[Reason]:
    if not len(found):
        return []
    best = int(found.argmax())
    near: dict[str, Any] = {"target": best, "key": ctx.target.keys[best], "score": round(float(found[best]), 4)}
    reasons = [Reason("near", f"Nearest to target {best + 1}, alignment {found[best]:.2f}.", near)]
    parts = shared_stretches(text, ctx.target[ctx.params.view][best])
    if parts:
        # Cut without a mark: the page looks these up in the text.
        data = {"parts": [part[:SHOWN] for part in parts]}
        line = " ".join(parts[0].split())
        reasons.append(Reason("shared", f"Shares “{line if len(line) <= 60 else line[:59] + '…'}”.", data))
    return reasons
