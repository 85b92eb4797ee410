"""What a selection is like: lengths, sources, scores, against the pool and against chance. Pure, no Django."""

from selection.evaluate.facts import Facts, control_rows, warnings
from selection.evaluate.provenance import chance_level, mask, overlap, precision_at, r_precision

__all__ = [
    "Facts",
    "chance_level",
    "control_rows",
    "mask",
    "overlap",
    "precision_at",
    "r_precision",
    "warnings",
]
