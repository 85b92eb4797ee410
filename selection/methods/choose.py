"""From score columns to picks: merged in order of score, read as far as the options need.

Reading on, instead of keeping the best `budget` rows and filtering those, is what makes a source cap fill up:
the best 500 rows of a pool may hold only 131 that a cap of 20 % admits.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from selection.methods.base import Part
from selection.methods.budget import Budget, tokens
from selection.methods.params import param

BATCH = 512
STOP_AFTER = 100  # rows in a row that no longer fit into a budget of tokens


@dataclass(frozen=True)
class Options:
    """What `choose` holds back, beside the order of scores."""

    source_cap: float | None = param(
        None, label="Largest share of one source", ge=0.001, le=1,
        help="Between 0 and 1. Rows without a source are not held back.",
    )  # fmt: skip
    exact_duplicates: bool = param(
        True, label="Drop exact duplicates", help="Of rows with the same content, the first in order stays."
    )
    near_duplicates: float | None = param(
        None, label="Drop near duplicates above", ge=0.3, le=0.99,
        help="Jaccard similarity of word 3-grams with a row that is already picked; 0.8 is a good start.",
    )  # fmt: skip
    min_chars: int | None = param(None, label="At least this many characters", ge=0)
    max_chars: int | None = param(None, label="At most this many characters", ge=1)


class Place(NamedTuple):
    """Where a row is: the score column (= item) it was in, and its position within the shard file."""

    column: int
    row: int
    key: str


@dataclass(frozen=True, slots=True)
class Row:
    """What `choose` may ask about a row. `content`: equal for equal content (`curation.content.key_of`)."""

    source: str = ""
    chars: int = 0
    content: str = ""
    text: str = ""


class Choice(NamedTuple):
    """A pick and where its row is."""

    key: str
    score: float
    column: int
    row: int
    exact: bool


@dataclass
class Chosen:
    """`picks` in rank order. `skipped` counts the rows passed over, by option; `read` the rows looked at.

    `wanted` is the number of rows or tokens asked for, `tokens` what the picks hold (0 unless they were counted).
    """

    picks: list[Choice] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    read: int = 0
    wanted: int = 0
    tokens: int = 0


Lookup = Callable[[Sequence[Place]], Sequence[Row]]


def choose(
    columns: Sequence[Part], *, budget: Budget, options: Options | None = None, lookup: Lookup | None = None,
    seed: int = 0, tick: Callable[[int], None] = lambda done: None,
) -> Chosen:  # fmt: skip
    """Pick from score columns given in item order, each sorted by (-score, key).

    `lookup(places)` returns one `Row` a place, in order; it is called in batches and only when an option or the
    budget needs to know a row. Rows whose score is NaN or -inf are never picked. Raises `ValueError` when a
    lookup is needed and missing.
    """
    raise NotImplementedError
