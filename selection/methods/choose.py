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
from typing import Literal, NamedTuple

from curation.content import Content, render
from selection.kernels.language import codes, language
from selection.kernels.pii import personal
from selection.kernels.shingles import NearDuplicates
from selection.methods import spread
from selection.methods.base import Part, no_tick
from selection.methods.budget import Budget, tokens
from selection.methods.meaning import SameMeaning
from selection.methods.params import ParamsError, param

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
    same_meaning: float | None = param(
        None, label="Drop rows of the same meaning above", ge=0.5, le=0.999,
        help="Cosine of word vectors with a row that is already picked; 0.9 is a good start.",
    )  # fmt: skip
    spread: Literal["none", "k_center", "facility_location"] = param(
        "none", label="Spread the picks", choices={"none": "No: strictly by score", **spread.WAYS},
        help="Looks at the best rows, several times as many as asked for, and takes those that differ.",
    )  # fmt: skip
    spread_over: int = param(
        5, label="Spread over this many times the budget", ge=2, le=50,
        help="More gives more variety and lower scores. At most 20,000 rows are looked at.",
    )  # fmt: skip
    min_chars: int | None = param(None, label="At least this many characters", ge=0)
    max_chars: int | None = param(None, label="At most this many characters", ge=1)
    decontaminate: str | None = param(
        None, label="Keep out rows of these targets",
        help="Rows that hold a row of a test set: equal to it, or sharing 13 words in a row with it.",
    )  # fmt: skip
    language: str | None = param(
        None, label="Only these languages",
        help="ISO codes such as en, de. Rows with fewer than 20 letters, mostly code, or hard to tell stay.",
    )  # fmt: skip
    repetition: float | None = param(
        None, label="Drop rows that repeat themselves above", ge=0.01, le=1,
        help="The share of a prompt or an answer that says again what it has said; 0.3 is a good start.",
    )  # fmt: skip
    pii: bool = param(
        False, label="Drop rows with personal data",
        help="E-mail and IP addresses, phone, card and account numbers. Names are not recognised.",
    )  # fmt: skip
    perplexity: float | None = param(
        None, label="Drop rows of a perplexity above", ge=1,
        help="How surprising a language model finds the answer after its prompt; look at a run of perplexity first.",
    )  # fmt: skip
    ifd: float | None = param(
        None, label="Drop rows of an IFD above", ge=0.01,
        help="How little the prompt helps a language model with the answer; above 1 it does not help at all.",
    )  # fmt: skip
    judge: str = param(
        "smollm2", label="Language model of these two",
        help="smollm2, a name on the Hub, or a folder. It reads ten rows for each one wanted, at least 2,000 and at most 20,000.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Raises `ParamsError` for a language that cannot be told."""
        if self.language is not None:
            try:
                object.__setattr__(self, "language", ", ".join(codes(self.language)) or None)
            except ValueError as error:
                raise ParamsError(
                    "language", f"must be ISO codes such as en, de; {error} is none that can be told apart"
                ) from None

    @property
    def needs_text(self) -> bool:
        """Whether a row's text and parts must be known, beside its source, length and content key."""
        wanted = (
            self.spread or None,
            self.near_duplicates,
            self.same_meaning,
            self.decontaminate,
            self.language,
            self.repetition,
        )
        return self.pii or self.judged or self.spread != "none" or any(value is not None for value in wanted)

    @property
    def judged(self) -> bool:
        """Whether a language model reads rows."""
        return self.perplexity is not None or self.ifd is not None


class Place(NamedTuple):
    """Where a row is: the score column (= item) it was in, and its position within the shard file."""

    column: int
    row: int
    key: str


@dataclass(frozen=True, slots=True)
class Row:
    """What `choose` may ask about a row. `content`: equal for equal content (`curation.content.key_of`).

    `parts`: prompt and answers, for what is told of each by itself; without them the text stands for both.
    """

    source: str = ""
    chars: int = 0
    content: str = ""
    text: str = ""
    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: Content, source: str, chars: int, key: str) -> "Row":
        """With text and parts. Each output is a part, since several answers to one question are alike."""
        answers = content.outputs if content.kind == "single" else (render(content, "response"),)
        return cls(source, chars, key, render(content, "text"), (render(content, "prompt"), *answers))


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
    seed: int = 0, tests: Sequence[str] = (), tick: Callable[[int], None] = no_tick,
) -> Chosen:  # fmt: skip
    """Pick from score columns given in item order, each sorted by (-score, key).

    `lookup(places)` returns one `Row` a place, in order; it is called in batches and only when an option or the
    budget needs to know a row. `tests`: texts of test rows, whose rows are held back as "decontaminate" (see
    `kernels.contamination.texts_of`). Rows whose score is NaN or -inf are never picked. `tick(read)` is called once a
    batch and may raise. Raises `ValueError` when a lookup is needed and missing, or `decontaminate` has no `tests`.
    """
    options = options or Options()
    pool = sum(len(column["key"]) for column in columns)
    limit = budget.rows(pool)
    chosen = Chosen(wanted=int(budget.amount) if limit is None else limit)
    gate = _Gate(options, chosen, limit, seed, tests, tick=tick)
    if gate.needs_rows and lookup is None:
        raise ValueError("these options need a lookup of rows")
    merged: Iterator[spread.Entry] = heapq.merge(*(_places(place, column) for place, column in enumerate(columns)))
    if options.spread != "none" and lookup is not None:
        merged = _spread(merged, options, gate, lookup, tick)
    # The last places of a budget are often wanted from far down: batches grow while little is found.
    size = min(max(chosen.wanted if limit else BATCH, 64), BATCH)
    while not gate.full:
        batch = list(islice(merged, size))
        if not batch:
            break
        rows = (
            lookup([Place(c, row, key.decode()) for _, key, c, row, _ in batch]) if gate.needs_rows and lookup else None
        )
        gate.expect(rows or [])
        for at, (minus, key, column, row, exact) in enumerate(batch):
            if gate.full:
                break
            chosen.read += 1
            if gate.admits(rows[at] if rows else None):
                chosen.picks.append(Choice(key.decode(), -minus, column, row, exact))
        tick(chosen.read)
        size = min(size * 2, 8 * BATCH)
    return chosen


def _spread(
    merged: Iterator[spread.Entry], options: Options, gate: "_Gate", lookup: Lookup, tick: Callable[[int], None]
) -> Iterator[spread.Entry]:
    """The best rows in an order that spreads them; rows that are held back for themselves take no place there."""

    def admitted(batch: Sequence[spread.Entry]) -> list[tuple[spread.Entry, str, int]]:
        rows = lookup([Place(c, row, key.decode()) for _, key, c, row, _ in batch]) if batch else []
        gate.expect(rows)
        good = [(entry, row) for entry, row in zip(batch, rows, strict=True) if gate.alone(row)]
        return [(entry, row.text, gate.cost(row)) for entry, row in good]

    wanted = gate.chosen.wanted
    return spread.head(
        merged, admitted, way=options.spread, most=spread.MOST, cost=options.spread_over * wanted, wanted=wanted,
        tick=tick,
    )  # fmt: skip


def _places(column: int, part: Part) -> Iterator[tuple[float, bytes, int, int, bool]]:
    """(-score, key, column, row, exact) in order, taken out of the arrays a stretch at a time."""
    for start in range(0, len(part["key"]), BATCH):
        stretch = slice(start, start + BATCH)
        names = ("score", "key", "row", "exact")
        for score, key, row, exact in zip(*(part[name][stretch].tolist() for name in names), strict=True):
            if not math.isfinite(score):
                return
            yield -score, key, column, row, exact


class _Gate:
    """Says of each row, in order, whether it is picked, and when there is enough."""

    def __init__(
        self, options: Options, chosen: Chosen, limit: int | None, seed: int, tests: Sequence[str], *,
        tick: Callable[[int], None] = no_tick,
    ) -> None:  # fmt: skip
        if options.decontaminate and not tests:
            raise ValueError("decontaminate needs the texts of the test rows")
        self.options, self.chosen, self.limit = options, chosen, limit
        self.needs_rows = (
            limit is None or bool(tests) or options != Options(exact_duplicates=False, judge=options.judge)
        )
        self.misfits = 0
        self.contents: set[str] = set()
        self.shares: Counter[str] = Counter()
        self.share = max(1, int((options.source_cap or 0) * chosen.wanted + 1e-9))
        self.near = NearDuplicates(options.near_duplicates, seed) if options.near_duplicates else None
        self.meaning = SameMeaning(options.same_meaning) if options.same_meaning else None
        self.tests = None
        if tests:  # compiled kernels are loaded where an option needs them
            from selection.kernels.contamination import TestRows

            self.tests = TestRows(tests)
        self.languages = codes(options.language or "")
        self.judge = None
        if options.judged:
            from selection.methods.judged import MOST, Judge

            self.judge = Judge(options, MOST if limit is None else limit, lambda: tick(chosen.read))

    @property
    def full(self) -> bool:
        if self.limit is None:
            return self.misfits >= STOP_AFTER or self.chosen.tokens >= self.chosen.wanted
        return len(self.chosen.picks) >= self.limit

    def admits(self, row: Row | None) -> bool:
        if row is None:
            return True
        cost = self.cost(row)
        why = self._against(row, cost)
        if why:
            self._skip(why)
            return False
        self.misfits = 0
        self.contents.add(row.content)
        self.shares[row.source] += cost
        if self.near:
            self.near.keep()
        if self.meaning:
            self.meaning.keep()
        if self.limit is None:
            self.chosen.tokens += cost
        return True

    def expect(self, rows: Sequence[Row]) -> None:
        """What will be asked for next: a language model reads several at once."""
        if self.judge:
            self.judge.expect(rows)

    def cost(self, row: Row) -> int:
        """What the row takes of the budget."""
        return tokens(row.chars) if self.limit is None else 1

    def alone(self, row: Row) -> bool:
        """Whether nothing holds the row back for what it is by itself; else it is counted."""
        why = self._by_itself(row)
        if why:
            self.chosen.read += 1
            self._skip(why)
        return not why

    def _skip(self, why: str) -> None:
        self.chosen.skipped[why] = self.chosen.skipped.get(why, 0) + 1

    def _by_itself(self, row: Row) -> str:
        return self._length(row) or self._in_text(row) or self._judged(row)

    def _length(self, row: Row) -> str:
        options = self.options
        if row.chars < (options.min_chars or 0):
            return "min_chars"
        return "max_chars" if options.max_chars is not None and row.chars > options.max_chars else ""

    def _against(self, row: Row, cost: int) -> str:
        """The option that holds the row back, or ""; the cheap ones first."""
        options = self.options
        if why := self._length(row):
            return why
        if options.exact_duplicates and row.content in self.contents:
            return "exact_duplicates"
        if options.source_cap and row.source and self.shares[row.source] + cost > self.share:
            return "source_cap"
        if why := self._in_text(row):
            return why
        if self.near and self.near.seen(row.text):
            return "near_duplicates"
        if self.meaning and self.meaning.seen(row.text):
            return "same_meaning"
        if why := self._judged(row):
            return why
        if self.limit is None and self.chosen.tokens + cost > self.chosen.wanted:
            self.misfits += 1
            return "budget"
        return ""

    def _in_text(self, row: Row) -> str:
        """The option that holds the row back for what its text says by itself, or ""."""
        options = self.options
        if self.tests and self.tests.touch(row.text):
            return "decontaminate"
        if options.repetition is not None and _most_repeated(row) > options.repetition:
            return "repetition"
        if options.pii and personal(row.text):
            return "pii"
        if self.languages and language(row.text) not in ("", *self.languages):
            return "language"
        return ""

    def _judged(self, row: Row) -> str:
        return self.judge.against(row) if self.judge else ""


def _most_repeated(row: Row) -> float:
    from selection.kernels.repetition import repetition

    return max(map(repetition, row.parts or (row.text,)))
