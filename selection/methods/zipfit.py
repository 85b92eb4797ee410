"""ZIP-FIT: rows that compress well together with the target (Obbad and others 2024, arXiv 2410.18194)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels.common import shared_stretches
from selection.kernels.gzipsize import CONTAINER, Ends, pair_seconds
from selection.methods.base import Ctx, Part, Pass, Reason, Shard, scored
from selection.methods.params import param

SHOWN = 160  # characters of a shared stretch
# Work is told about every 0.3 s. A pair costs as much as 1,000 bytes before the first byte is compared, and what lies
# further back than the window of deflate costs nothing again.
BEAT, PAIR, WINDOW = 15_000_000, 1000, 32_768


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
    level: int = param(
        9, label="gzip level", ge=1, le=9, advanced=True,
        help="6 and 9 pick nearly the same rows; 1 is faster and coarser. Level 0 would only measure length.",
    )  # fmt: skip


class ZipFit:
    """score(row) = mean over targets v of 1 - NCD(row, v), with C = bytes of the gzip file:

    paper:            1 - NCD = (C(x) + C(v) - C(xv)) / max(C(x), C(v))
    header_corrected: (C(x) + C(v) - C(xv) - 18) / (max(C(x), C(v)) - 18)

    x is the row, v the target, xv the two without a separator, all UTF-8. Deflate looks back 32 KiB: of a longer
    row only the end meets the target.
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
        return [Pass("score", _score, title="Compress rows", reads=(params.view,), rows_per_item=_rows_per_item)]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        pairs, found = Pairs(ctx, len(rows)), []
        for at, text in enumerate(rows[ctx.params.view]):
            found.append(_explain(text, pairs.alignments(text.encode()), ctx))
            ctx.tick(at + 1)
        return found

    def seconds(self, rows: int, targets: int, params: ZipFitParams) -> float:
        return rows * (targets + 1) * pair_seconds(params.level)


def _rows_per_item(ctx: Ctx) -> int:
    return min(max(50, int(8 / (pair_seconds(ctx.params.level) * (len(ctx.target) + 1)))), 50_000)


class Pairs:
    """The targets, ready to be held against rows; `rows`: about how many."""

    def __init__(self, ctx: Ctx, rows: int = 0) -> None:
        texts = [text.encode() for text in ctx.target[ctx.params.view]]
        self.ends = Ends(texts, ctx.params.level, pairs=rows * len(texts))
        # Bytes that every pair shares for nothing.
        self.free = CONTAINER if ctx.params.variant == "header_corrected" else 0

    def alignments(self, text: bytes) -> NDArray[np.float64]:
        """1 - NCD of the row and each target."""
        own, joint = self.ends.after(text)
        saved = own + self.ends.sizes - joint - self.free
        return saved / (np.maximum(own, self.ends.sizes) - self.free)


def _score(shard: Shard, ctx: Ctx) -> Part:
    pairs, scores = Pairs(ctx, len(shard)), np.zeros(len(shard))
    best = ctx.params.aggregation == "max"
    targets = len(ctx.target)
    fixed, work = sum(PAIR + len(text) for text in pairs.ends.texts), 0
    for at, text in enumerate(shard[ctx.params.view]):
        row = text.encode()
        if targets:
            found = pairs.alignments(row)
            scores[at] = found.max() if best else found.mean()
        work += fixed + targets * min(len(row), WINDOW) + len(row)
        if work >= BEAT:
            ctx.tick(at + 1)
            work = 0
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
