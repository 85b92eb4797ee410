"""How much of a text repeats itself, as one share (after Rae and others 2021, "Gopher", table A1)."""

import numpy as np
from numpy.typing import NDArray

from selection.kernels.wordhash import Hashes, grams, of_words, words

RUN = 5  # words in a row that make a repetition
TOP = 3


def repetition(text: str) -> float:
    """From 0 (nothing twice) towards 1 (the same again and again): the larger of two shares.

    One: the letters and digits that lie in a line, or in a run of 5 words, that stood earlier in the text; what could
    be struck out without losing anything. Two: those that the most frequent run of 3 words covers, where it occurs at
    least three times. Texts of fewer than 6 words have none.
    """
    found = words(text)
    if len(found) <= RUN:
        return 0.0
    sizes = np.array([len(word) for word in found], np.int64)
    flat, _ = of_words([found])
    total = int(sizes.sum())
    return max(int(sizes[_again(text, flat)].sum()), _most_frequent(flat, sizes)) / total


def _again(text: str, flat: Hashes) -> NDArray[np.bool_]:
    """bool a word: whether it lies in a line or a run of words that came before."""
    struck = np.zeros(len(flat), bool)
    runs = grams(flat, RUN)
    _, first = np.unique(runs, return_index=True)
    later = np.ones(len(runs), bool)
    later[first] = False
    for shift in range(RUN):
        struck[shift : shift + len(runs)] |= later
    seen: set[tuple[str, ...]] = set()
    at = 0
    for line in text.splitlines():
        inside = tuple(words(line))
        if inside in seen:
            struck[at : at + len(inside)] = True
        seen.add(inside)
        at += len(inside)
    return struck


def _most_frequent(flat: Hashes, sizes: NDArray[np.int64]) -> int:
    runs = grams(flat, TOP)
    names, inverse, counts = np.unique(runs, return_inverse=True, return_counts=True)
    if not len(names) or counts.max() < 3:
        return 0
    lengths = sizes[: len(runs)].copy()
    for shift in range(1, TOP):
        lengths += sizes[shift : shift + len(runs)]
    # Of equally frequent runs the longest; its occurrences do not overlap unless the words are all the same.
    covered = np.zeros(len(flat), bool)
    best = int(np.lexsort((-np.bincount(inverse, lengths), -counts))[0])
    for start in np.flatnonzero(inverse == best).tolist():
        covered[start : start + TOP] = True
    return int(sizes[covered].sum())
