"""What a selection is like: lengths, sources, scores, against the pool and against chance. Pure, no Django."""

from selection.evaluate.facts import Facts, control_rows, warnings

__all__ = ["Facts", "control_rows", "warnings"]
