"""Rows that hold a test row: equal to it, or sharing 13 words in a row with it (Brown and others 2020, appendix C).

A test row of 5 to 12 words is found where all of its words stand in a row together; a shorter one only where it is the
whole text, because "yes" stands in every second row.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from curation.content import Content, render
from selection.kernels.wordhash import Hashes, grams, hashed

WORDS = 13
LEAST = 5


def texts_of(contents: Iterable[Content]) -> list[str]:
    """What of test rows must not be learned: the whole rows, and their prompts whatever the answer, each once."""
    return list(dict.fromkeys(text for one in contents for view in ("text", "prompt") if (text := render(one, view))))


class TestRows:
    """The test rows by the hashes of their word n-grams (64 bits: a chance hit is one in millions of rows)."""

    __test__ = False  # not a class of pytest

    def __init__(self, texts: Iterable[str]) -> None:
        flat, edges = hashed(list(texts))
        rows = [flat[edges[at] : edges[at + 1]] for at in range(len(edges) - 1)]
        wholes: dict[int, list[Hashes]] = {}
        long: list[Hashes] = []
        for row in rows:
            if len(row) >= WORDS:
                long.append(grams(row, WORDS))
            wholes.setdefault(len(row), []).append(grams(row, len(row)))
        self.long = np.unique(np.concatenate(long)) if long else np.empty(0, np.uint64)
        self.wholes = {size: np.unique(np.concatenate(found)) for size, found in sorted(wholes.items())}
        self.count = len(rows)

    def __len__(self) -> int:
        return self.count

    def touch(self, text: str) -> bool:
        """Whether the text holds a test row."""
        row, _ = hashed([text])
        if len(row) in self.wholes and _any(grams(row, len(row)), self.wholes[len(row)]):
            return True
        if len(self.long) and len(row) >= WORDS and _any(grams(row, WORDS), self.long):
            return True
        return any(
            LEAST <= size < WORDS and size <= len(row) and _any(grams(row, size), held)
            for size, held in self.wholes.items()
        )


def _any(asked: Hashes, held: NDArray[np.uint64]) -> bool:
    """Whether one of `asked` is in the sorted `held`."""
    at = np.minimum(np.searchsorted(held, asked), len(held) - 1)
    return bool((held[at] == asked).any())
