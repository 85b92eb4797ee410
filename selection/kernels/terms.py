"""Counting words: rows as sparse counts over a fixed vocabulary."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

# Words of at least two characters, lower case: what scikit-learn and bm25s take by default.
_WORD = re.compile(r"\b\w\w+\b")
ROWS_AT_ONCE = 1024


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """The words of some texts, sorted; `counts` is texts × words, how often each text says each word."""

    words: list[str]
    index: dict[str, int]
    counts: NDArray[np.float64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Vocabulary":
        counted = [Counter(words(text)) for text in texts]
        names = sorted(set().union(*counted)) if counted else []
        index = {name: at for at, name in enumerate(names)}
        counts = np.zeros((len(texts), len(names)))
        for row, found in enumerate(counted):
            for name, often in found.items():
                counts[row, index[name]] = often
        return cls(names, index, counts)


@dataclass(frozen=True)
class Counts:
    """Rows start.. of a shard: for each (row, word) that occurs, how often; sorted by row, then word.

    `row` counts from `start`. `length` is the number of words of each row, also those outside the vocabulary.
    """

    start: int
    row: NDArray[np.int64]
    word: NDArray[np.int64]
    often: NDArray[np.int64]
    length: NDArray[np.int64]


def count(texts: Sequence[str], vocabulary: Vocabulary) -> Iterator[Counts]:
    """The texts in stretches of about a thousand, so memory does not grow with the shard."""
    size, find = max(1, len(vocabulary.words)), vocabulary.index.get
    for start in range(0, len(texts), ROWS_AT_ONCE):
        ids: list[int] = []
        lengths = []
        for text in texts[start : start + ROWS_AT_ONCE]:
            found = _WORD.findall(text.lower())
            lengths.append(len(found))
            ids.extend(map(find, found, repeat(-1)))
        length = np.array(lengths, np.int64)
        word = np.array(ids, np.int64)
        row = np.repeat(np.arange(len(length)), length)
        known = word >= 0
        cells, often = np.unique(row[known] * size + word[known], return_counts=True)
        yield Counts(start, cells // size, cells % size, often, length)
