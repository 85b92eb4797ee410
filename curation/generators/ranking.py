"""Round trips: does a question lead back to its own passage? BM25 over the passages, in plain Python."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from curation.generators.filters.texts import squeezed, words

K1, B = 1.5, 0.75


class Trip(NamedTuple):
    """`rank` of the question's own passage, from 1, or 0 where it was not found; `close`: passages, its own among them,
    whose score is within a share of the best; `beside`: passages that differ from its own.
    """

    rank: int
    close: int
    beside: int


class Passages:
    """Texts to be found by words (Robertson and Zaragoza 2009, the Lucene form). Equal texts are one."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.place: dict[str, int] = {}
        counted = []
        for text in texts:
            if squeezed(text) not in self.place:
                self.place[squeezed(text)] = len(self.place)
                counted.append(Counter(words(text)))
        self.lengths = [count.total() for count in counted]
        self.mean = sum(self.lengths) / max(1, len(self.lengths))
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for at, count in enumerate(counted):
            for word, often in count.items():
                self.postings[word].append((at, often))

    def __len__(self) -> int:
        return len(self.place)

    def scores(self, question: str) -> dict[int, float]:
        """Of the passages that share a word with the question."""
        found: dict[int, float] = defaultdict(float)
        for word, asked in Counter(words(question)).items():
            held = self.postings.get(word, ())
            idf = math.log(1 + (len(self) - len(held) + 0.5) / (len(held) + 0.5))
            for at, often in held:
                norm = K1 * (1 - B + B * self.lengths[at] / max(1.0, self.mean))
                found[at] += asked * idf * often / (often + norm)
        return found

    def trip(self, question: str, passage: str, margin: float = 0.02) -> Trip:
        """Passages that score the same as its own are counted against it: the rank is the worst of the equals."""
        found = self.scores(question)
        own = self.place.get(squeezed(passage))
        if own is None or own not in found:
            return Trip(0, 0, len(self) - (own is not None))
        best = max(found.values())
        # Sums in another order differ in the last bits.
        rank = sum(score >= found[own] * (1 - 1e-12) for score in found.values())
        return Trip(rank, sum(score >= best * (1 - margin) for score in found.values()), len(self) - 1)
