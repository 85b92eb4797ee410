"""What a recipe would give, before it is frozen: from facts alone, or from a share of them where there are many."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from config.faults import Fault
from curation import freezing, gathering
from curation.datasets.licences import Conflict, conflicts
from curation.datasets.mixing import Index, codes_of, index_of, mix, passing, rounded
from curation.datasets.recipe import Recipe
from curation.datasets.splits import Splits
from curation.models import Collection, DatasetVersion, Task, Team

MOST = 100_000  # facts that are looked at while a person waits
SHOWN = 25


@dataclass(slots=True)
class Line:
    """One source or name: rows that it has, that pass the filters, that are in."""

    name: str
    has: int = 0
    passed: int = 0
    kept: int = 0
    tokens: int = 0
    share: float = 0.0


@dataclass(slots=True)
class Preview:
    """every: one row in so many was looked at, so counts are estimates where it is more than 1."""

    rows: int = 0
    tokens: int = 0
    every: int = 1
    sources: list[Line] = field(default_factory=list)
    balance: list[Line] = field(default_factory=list)
    by: str = ""
    licences: list[tuple[str, int]] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    splits: list[tuple[str, int]] = field(default_factory=list)
    steps: list[tuple[str, int]] = field(default_factory=list)
    short: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[tuple[str, int]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # what only the freeze will see


def preview(team: Team, recipe: Recipe, splits: Splits) -> Preview:
    """Raises `Fault` dataset.source_gone."""
    found = [freezing.source_of(team.pk, one.kind, one.id, f"sources[{n}]") for n, one in enumerate(recipe.sources)]
    sizes = [gathering.size_of(one.kind, at, one.state) for one, at in zip(recipe.sources, found, strict=True)]
    every = max(1, -(-sum(sizes) // MOST))
    made = Preview(every=every)
    made.sources = [
        Line(_name(at, one.state), has=size) for at, one, size in zip(found, recipe.sources, sizes, strict=True)
    ]
    dropped: dict[str, int] = {}
    index = index_of(_pieces(recipe, found, every, made, dropped), recipe.seed, _categories(found))
    mixed = mix(index, recipe.scaled(every))
    _sum_up(made, index, mixed.places, recipe)
    made.steps = [(name, count * every) for name, count in mixed.steps]
    made.short = [
        one | {name: one[name] * every for name in ("wanted", "got")}
        | ({"what": made.sources[one["source"]].name} if "source" in one else {})
        for one in mixed.short
    ]  # fmt: skip
    made.dropped = sorted(((name, count * every) for name, count in dropped.items()), key=lambda pair: -pair[1])
    made.splits = list(zip(splits.shares, rounded(np.array([*splits.shares.values()]), made.rows), strict=True))
    if index.shas is None and recipe.duplicates == "drop":
        made.unknown.append("duplicates of a whole text")
    if recipe.filters.languages:
        made.unknown.append("the language of rows that name none")
    return made


def _name(found: Task | Collection | DatasetVersion, state: str) -> str:
    return str(found) if state == "accepted" else f"{found} ({state})"


def _categories(found: list[Any]) -> dict[str, str]:
    return {gathering.origin_of(one): one.categories[0] for one in found if isinstance(one, Task) and one.categories}


def _pieces(
    recipe: Recipe, found: list[Any], every: int, made: Preview, dropped: dict[str, int]
) -> Iterator[tuple[int, pa.Table]]:
    filters = recipe.filters
    for number, (source, one) in enumerate(zip(recipe.sources, found, strict=True)):
        if isinstance(one, Task):
            tables = gathering.task_facts(one, source.state, every)
        else:
            tables = gathering.part_facts(one, every)
        for table in tables:
            keep = passing(table, filters, dropped)
            if filters.languages:  # only the freeze hears how a text sounds
                keep |= passing(table, _without_languages(recipe)) & _unnamed(table)
            kept = table.filter(pa.array(keep))
            made.sources[number].passed += kept.num_rows * every
            if kept.num_rows:
                yield number, kept


def _without_languages(recipe: Recipe) -> Any:
    from dataclasses import replace

    return replace(recipe.filters, languages=())


def _unnamed(table: pa.Table) -> Any:
    return np.array([not one for one in table.column("language").to_pylist()], bool)


def _sum_up(made: Preview, index: Index, places: Any, recipe: Recipe) -> None:
    every = made.every
    tokens = np.asarray(index.table.column("tokens").to_numpy(), np.int64) if len(index) else np.empty(0, np.int64)
    made.rows, made.tokens = len(places) * every, int(tokens[places].sum()) * every
    for number, line in enumerate(made.sources):
        mine = places[index.numbers[places] == number]
        line.kept, line.tokens = len(mine) * every, int(tokens[mine].sum()) * every
        line.share = len(mine) / len(places) if len(places) else 0.0
    if not len(index):
        return
    codes, names = codes_of(index, "licence")
    counted = Counter(dict(zip(names, np.bincount(codes[places], minlength=len(names)).tolist(), strict=True)))
    made.licences = [(name, count * every) for name, count in counted.most_common(SHOWN) if count]
    made.conflicts = conflicts(dict(made.licences))
    made.by = recipe.balance.by or "tag"
    has, kept = _named(index, made.by, None), _named(index, made.by, places)
    wanted = list(recipe.balance.counts)
    order = [*wanted, *(name for name, _ in has.most_common(SHOWN) if name not in wanted)]
    made.balance = [Line(name, has=has[name] * every, kept=kept[name] * every) for name in order]


def _named(index: Index, by: str, places: Any) -> Counter[str]:
    if by == "tag":
        tags = index.table.column("tags")
        chosen = tags if places is None else tags.take(pa.array(places))
        return Counter(tag for mine in chosen.to_pylist() for tag in mine)
    codes, names = codes_of(index, by)
    mine = codes if places is None else codes[places]
    counts = np.bincount(mine, minlength=len(names)).tolist()
    return Counter({name: count for name, count in zip(names, counts, strict=True) if count})


__all__ = ["Fault", "Preview", "preview"]
