"""Which candidates become rows: repeats, caps, balance, shares and budgets, in that order. The same on every machine.

Where not all rows can stay, those with the highest u^(1/weight) do, u being the keyed hash of the row (Efraimidis and
Spirakis 2006, weighted sampling without replacement): adding a source or a row moves as few others as can be.
Temperature: a source of n rows gets a share of n^(1/T) / sum (Raffel and others 2020, section 3.5.2).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.datasets.recipe import Filters, Recipe
from curation.datasets.rows import SCHEMA

COLUMNS = ["origin", "source", "licence", "language", "tags", "tokens"]
SKIPS = 100  # rows in a row that do not fit a budget of tokens, after which it counts as spent
Places = NDArray[np.int64]


@dataclass(slots=True)
class Index:
    """Facts of the candidates, one entry each, without their texts and keys: some 100 bytes a row.

    luck: float64, uniform in (0, 1) by the keyed hash of the row key. marks, shas: uint64[rows, 2], the first 16 bytes of
    the hashes of key and content (shas is None where nobody looked). numbers: int32, the recipe's source. table: the
    columns COLUMNS of rows. category: of each origin, by name.
    """

    luck: NDArray[np.float64]
    marks: NDArray[np.uint64]
    shas: NDArray[np.uint64] | None
    numbers: NDArray[np.int32]
    table: pa.Table
    categories: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.luck)


def index_of(pieces: Iterable[tuple[int, pa.Table]], seed: int, categories: Mapping[str, str] | None = None) -> Index:
    """The index of candidates that come as (number of the source, table with the columns FACTS of rows)."""
    from selection.kernels.chance import chance

    luck, marks, shas, numbers, tables = [], [], [], [], []
    known = True
    for number, table in pieces:
        keys = table.column("key").to_pylist()
        luck.append(chance(seed, keys, "mix"))
        digests = b"".join([hashlib.blake2b(key.encode(), digest_size=16).digest() for key in keys])
        marks.append(np.frombuffer(digests, "<u8").reshape(-1, 2))
        known = known and table.column("sha").null_count == 0
        if known:
            whole = b"".join(table.column("sha").to_pylist())
            shas.append(np.frombuffer(whole, "<u8").reshape(-1, 4)[:, :2].copy())
        numbers.append(np.full(len(keys), number, np.int32))
        tables.append(_light(table))
    if not tables:
        empty = np.empty((0, 2), np.uint64)
        return Index(
            np.empty(0), empty, empty, np.empty(0, np.int32), SCHEMA.empty_table().select(COLUMNS), categories or {}
        )
    return Index(
        _joined(luck), _joined(marks), _joined(shas) if known else None, _joined(numbers),
        pa.concat_tables(tables).unify_dictionaries(), categories or {},
    )  # fmt: skip


def _joined(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    """One array; the pieces are let go, so that no two columns are held twice."""
    whole = np.concatenate(pieces)
    pieces.clear()
    return whole


def _light(table: pa.Table) -> pa.Table:
    """The columns that mixing looks at; what repeats is held once."""
    columns = {}
    for name in COLUMNS:
        column = table.column(name)
        if pa.types.is_string(column.type):
            column = pc.fill_null(column, "").dictionary_encode()
        columns[name] = column
    return pa.table(columns)


@dataclass(slots=True)
class Mixed:
    """places: of the chosen rows, ascending. steps: (what was looked at, rows left). short: what could not be had."""

    places: Places
    steps: list[tuple[str, int]] = field(default_factory=list)
    short: list[dict[str, Any]] = field(default_factory=list)


def passing(table: pa.Table, filters: Filters, dropped: dict[str, int] | None = None) -> NDArray[np.bool_]:
    """bool[rows]: what the filters let through. `dropped` counts, by filter, the rows that it was the first to refuse."""
    keep = np.ones(table.num_rows, bool)
    for name, wanted in _checks(table, filters):
        if dropped is not None and (lost := int((keep & ~wanted).sum())):
            dropped[name] = dropped.get(name, 0) + lost
        keep &= wanted
    return keep


def _among(table: pa.Table, column: str, values: Sequence[str], lower: bool = False) -> NDArray[np.bool_]:
    held = pc.fill_null(table.column(column).cast(pa.string()), "")
    if lower:
        held, values = pc.utf8_lower(held), [one.lower() for one in values]
    return _bools(pc.is_in(held, pa.array(list(values), pa.string())))


def _checks(table: pa.Table, filters: Filters) -> Iterable[tuple[str, NDArray[np.bool_]]]:
    yield from _worded(table, filters)
    yield from _measured(table, filters)


def _worded(table: pa.Table, filters: Filters) -> Iterable[tuple[str, NDArray[np.bool_]]]:
    if filters.licences:
        yield "licence", _among(table, "licence", filters.licences, lower=True)
    if filters.sources:
        yield "source", _among(table, "source", filters.sources)
    if filters.sources_not:
        yield "source", ~_among(table, "source", filters.sources_not)
    if filters.tags_any or filters.tags_none:
        tags = table.column("tags").to_pylist()
        if filters.tags_any:
            wanted = set(filters.tags_any)
            yield "tags", np.fromiter((not wanted.isdisjoint(one) for one in tags), bool, len(tags))
        if filters.tags_none:
            refused = set(filters.tags_none)
            yield "tags", np.fromiter((refused.isdisjoint(one) for one in tags), bool, len(tags))
    if filters.languages:
        yield "language", _among(table, "language", filters.languages)


def _measured(table: pa.Table, filters: Filters) -> Iterable[tuple[str, NDArray[np.bool_]]]:
    chars = table.column("chars").to_numpy()
    if filters.min_chars is not None:
        yield "length", chars >= filters.min_chars
    if filters.max_chars is not None:
        yield "length", chars <= filters.max_chars
    if filters.from_day:
        yield "day", _bools(pc.greater_equal(table.column("day").cast(pa.string()), filters.from_day))
    if filters.to_day:
        yield "day", _bools(pc.less_equal(table.column("day").cast(pa.string()), filters.to_day))
    if filters.min_agreement is not None:
        # A row that one person answered has no agreement: it was never in doubt.
        yield (
            "agreement",
            _bools(pc.fill_null(pc.greater_equal(table.column("agreement"), filters.min_agreement), True)),
        )


def _bools(values: Any) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), bool)


def mix(index: Index, recipe: Recipe) -> Mixed:
    """The rows of a version. Memory: about 150 bytes a candidate beside the index."""
    if not len(index):
        return Mixed(np.empty(0, np.int64))
    order = _order(index, recipe)
    made = Mixed(order)
    made.steps.append(("candidates", len(order)))

    def step(name: str, left: Places) -> Places:
        if len(left) != made.steps[-1][1]:
            made.steps.append((name, len(left)))
        return left

    left = step("repeats of a key", _without_repeats(index, order, index.marks))
    if recipe.duplicates == "drop" and index.shas is not None:
        left = step("duplicates", _without_repeats(index, left, index.shas))
    left = step("caps", _capped(index, recipe, left))
    left = step("balance", _balanced(index, recipe, left, made.short))
    left = step("mixing", _mixed(index, recipe, left, made.short))
    made.places = np.sort(left)
    return made


def _order(index: Index, recipe: Recipe) -> Places:
    """All places, the likeliest to stay first."""
    weights = np.array([one.weight for one in recipe.sources] or [1.0])
    luck = index.luck ** (1.0 / weights[np.minimum(index.numbers, len(weights) - 1)])
    return np.lexsort((index.marks[:, 1], index.marks[:, 0], -luck)).astype(np.int64)


def _without_repeats(index: Index, order: Places, hashes: NDArray[np.uint64]) -> Places:
    """One row of each value: of the source that the recipe names first, then by the hash of the key. The order stays."""
    mine = hashes[order]
    marks = mine if hashes is index.marks else index.marks[order]
    best = np.lexsort((marks[:, 1], marks[:, 0], index.numbers[order], mine[:, 1], mine[:, 0]))
    del marks
    mine = mine[best]
    first = np.ones(len(best), bool)
    first[1:] = (mine[1:] != mine[:-1]).any(axis=1)
    del mine
    keep = np.zeros(len(order), bool)
    keep[best[first]] = True
    return order[keep]


def codes_of(index: Index, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """int64[rows] and what the numbers mean. Tags are lists: see `_names`."""
    if name in ("task", "category"):
        codes, names = codes_of(index, "origin")
        if name == "task":
            return codes, names
        found = [index.categories.get(one, "") for one in names]
        kinds = sorted(set(found))
        return np.array([kinds.index(one) for one in found] or [0], np.int64)[codes], kinds
    chunks = index.table.column(name).chunks
    if not chunks:
        return np.empty(0, np.int64), []
    codes = np.concatenate([one.indices.to_numpy(zero_copy_only=False).astype(np.int64) for one in chunks])
    return codes, chunks[-1].dictionary.to_pylist()


def _capped(index: Index, recipe: Recipe, order: Places) -> Places:
    limits = np.array([one.cap or 0 for one in recipe.sources] or [0], np.int64)
    if limits.any():
        order = _first_of(order, index.numbers.astype(np.int64), lambda code: int(limits[code]) or None)
    for name in ("task", "source"):
        if name in recipe.caps:
            order = _first_of(order, codes_of(index, name)[0], lambda _, most=recipe.caps[name]: most)  # type: ignore[misc]
    if "tag" in recipe.caps:
        order = _tag_capped(index, order, recipe.caps["tag"])
    return order


def _first_of(order: Places, codes: NDArray[np.int64], most: Callable[[int], int | None]) -> Places:
    """The first `most(code)` rows of each code, in the order."""
    if not len(order):
        return order
    mine = codes[order]
    by_code = np.argsort(mine, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(mine[by_code]) > 0])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    limit = np.array([len(order) if (n := most(int(code))) is None else n for code in mine[by_code][starts]])
    keep = np.zeros(len(order), bool)
    keep[by_code] = rank < np.repeat(limit, np.diff(np.r_[starts, len(order)]))
    return order[keep]


def _tag_capped(index: Index, order: Places, most: int) -> Places:
    """A row counts for each of its tags and stays while all of them have room."""
    tags, counts, keep = index.table.column("tags").to_pylist(), dict[str, int](), []
    for place in order:
        mine = tags[place]
        if all(counts.get(tag, 0) < most for tag in mine):
            keep.append(place)
            for tag in mine:
                counts[tag] = counts.get(tag, 0) + 1
    return np.array(keep, np.int64)


def _balanced(index: Index, recipe: Recipe, order: Places, short: list[dict[str, Any]]) -> Places:
    balance = recipe.balance
    if not balance.by:
        return order
    names = _names(index, balance.by)
    counts: dict[str, int] = {}
    keep = []
    for place in order:
        mine = names(int(place))
        wanted = [(one, n) for one in mine if (n := balance.counts.get(one, balance.each)) is not None]
        if not wanted:
            if balance.rest == "keep":
                keep.append(place)
            continue
        # A row with several tags serves the first that still has room.
        serves = next((one for one, most in wanted if counts.get(one, 0) < most), None)
        if serves is not None:
            counts[serves] = counts.get(serves, 0) + 1
            keep.append(place)
    for name, most in balance.counts.items():
        if counts.get(name, 0) < most:
            short.append({"what": name, "wanted": most, "got": counts.get(name, 0), "unit": "rows"})
    return np.array(keep, np.int64)


def _names(index: Index, by: str) -> Callable[[int], Sequence[str]]:
    if by == "tag":
        tags = index.table.column("tags").to_pylist()
        return lambda place: tags[place]
    codes, names = codes_of(index, by)
    return lambda place: [names[codes[place]]]


def _mixed(index: Index, recipe: Recipe, order: Places, short: list[dict[str, Any]]) -> Places:
    sizes = np.asarray(index.table.column("tokens").to_numpy(), np.int64)
    if recipe.mix == "all":
        left = order[: recipe.rows]
        return left if recipe.tokens is None else fitting(left, sizes, recipe.tokens)
    numbers = index.numbers[order]
    groups = [order[numbers == n] for n in range(len(recipe.sources))]
    unit = sizes if recipe.tokens is not None else np.ones_like(sizes)
    have = np.array([int(unit[group].sum()) for group in groups], np.float64)
    shares = shares_of(recipe, have)
    total = recipe.tokens if recipe.tokens is not None else recipe.rows
    if total is None:  # as much as there is while the shares hold
        total = int(
            np.floor(min((n / share for n, share in zip(have, shares, strict=True) if share > 0), default=0) + 1e-9)
        )
    kept = []
    for n, (group, quota) in enumerate(zip(groups, rounded(shares, total), strict=True)):
        taken = fitting(group, sizes, quota) if recipe.tokens is not None else group[:quota]
        if have[n] < quota:
            word = "tokens" if recipe.tokens is not None else "rows"
            short.append({"source": n, "wanted": int(quota), "got": int(unit[taken].sum()), "unit": word})
        kept.append(taken)
    left = np.concatenate(kept) if kept else order[:0]
    if recipe.tokens is not None and recipe.rows is not None:
        chosen = np.zeros(len(index), bool)
        chosen[left] = True
        left = order[chosen[order]][: recipe.rows]
    return left


def shares_of(recipe: Recipe, have: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of each source, adding up to 1: as the recipe says, or n^(1/T)."""
    if recipe.mix == "share":
        return np.array([one.share or 0.0 for one in recipe.sources])
    heat = np.where(have > 0, np.power(np.maximum(have, 1.0), 1.0 / recipe.temperature), 0.0)
    return heat / heat.sum() if heat.sum() else heat


def rounded(shares: NDArray[np.float64], total: int) -> list[int]:
    """Whole numbers that add up to the total (times the sum of shares), by largest remainder; ties to the first."""
    exact = shares * total
    floor = np.floor(exact + 1e-9).astype(np.int64)
    missing = round(float(exact.sum())) - int(floor.sum())
    for place in np.argsort(-(exact - floor), kind="stable")[: max(missing, 0)]:
        floor[place] += 1
    return [int(one) for one in floor]


def fitting(order: Places, sizes: NDArray[np.int64], budget: int) -> Places:
    """Rows in order while they fit; one that does not is skipped, and after 100 of these the budget counts as spent."""
    whole = int(np.searchsorted(np.cumsum(sizes[order]), budget, side="right"))
    keep, left, skipped = list(order[:whole]), budget - int(sizes[order[:whole]].sum()), 0
    for place in order[whole:]:
        if sizes[place] <= left:
            keep.append(place)
            left -= int(sizes[place])
        else:
            skipped += 1
            if skipped > SKIPS:
                break
    return np.array(keep, np.int64)
