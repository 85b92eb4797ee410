"""What a language model says of rows while they are chosen: perplexity and IFD as options of every method.

Rows are read as `choose` comes to them, some at once, and no more than a bound: a threshold that no row keeps would
otherwise send a whole pool through the model.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selection.methods import lm, loss
from selection.methods.base import no_tick
from selection.methods.ifd import ratio

if TYPE_CHECKING:
    from selection.methods.choose import Options, Row

AT_ONCE = 32  # rows that are read together; of the last ones some may be read in vain
TOKENS = 2048  # of one row
LEAST, MOST = 2_000, 20_000  # rows that are read at most: ten for each that is wanted, within these
UNREAD = "judge"  # in the counts of rows passed over: those that came after the bound


class _Model(NamedTuple):
    model: str


class Judge:
    """The options `perplexity` and `ifd`. `wanted`: the rows asked for. `tick()` is called between batches."""

    def __init__(self, options: "Options", wanted: int, tick: Callable[[], None] | None = None) -> None:
        self.options, self.tick = options, tick or (lambda: no_tick(0))
        self.left = max(LEAST, min(MOST, 10 * wanted))
        self._known: dict[str, tuple[float, float]] = {}
        self._ahead: deque[Row] = deque()

    def expect(self, rows: Iterable["Row"]) -> None:
        """Rows that will be asked for, in order; they may be read together with the one that is."""
        self._ahead = deque(rows)

    def against(self, row: "Row") -> str:
        """The option that holds the row back, or "". A row without an answer to judge stays."""
        told = self._told(row)
        if told is None:
            return UNREAD
        perplexity, ifd = told
        if self.options.perplexity is not None and perplexity > self.options.perplexity:
            return "perplexity"
        return "ifd" if self.options.ifd is not None and ifd > self.options.ifd else ""

    def _told(self, row: "Row") -> tuple[float, float] | None:
        key = _key(row)
        if key not in self._known:
            while self._ahead and _key(self._ahead[0]) != key:
                self._ahead.popleft()
            together = {key: row}
            while self._ahead and len(together) < min(AT_ONCE, self.left):
                one = self._ahead.popleft()
                if _key(one) not in self._known:
                    together[_key(one)] = one
            if self.left < len(together):
                return None
            self.left -= len(together)
            self._known |= zip(together, self._read(list(together.values())), strict=True)
            self.tick()
        return self._known[key]

    def _read(self, rows: Sequence["Row"]) -> list[tuple[float, float]]:
        """Perplexity of the answer and IFD of each; NaN where there is nothing to judge."""
        model = lm.loaded(_Model(self.options.judge), "judge")
        prompts = [row.parts[0] if row.parts else "" for row in rows]
        answers = ["\n".join(part for part in row.parts[1:] if part) if row.parts else row.text for row in rows]
        with lm.refused("judge"):
            none = np.full(len(rows), np.nan)
            after = loss.of_answers(model, prompts, answers, TOKENS) if self.options.perplexity is not None else none
            gain = none
            if self.options.ifd is not None:
                gain = loss.with_and_without(model, prompts, answers, TOKENS)[:, 1]
        return list(zip(np.exp(np.minimum(after, 500)).tolist(), ratio(gain).tolist(), strict=True))


def _key(row: "Row") -> str:
    return row.content or row.text
