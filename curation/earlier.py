"""Splits that rows and groups had in the versions before: what lies in a split stays in it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curation import parts
from curation.datasets.splits import Moved, Placed, Splits, chances, numbered, settle
from curation.models import DatasetVersion

Json = dict[str, Any]


def versions(version: DatasetVersion) -> list[list[Json]]:
    """The parts of all versions frozen before it, the newest first. A part that several hold stands in the newest."""
    made, seen = [], set[str]()
    frozen = version.dataset.versions.filter(number__lt=version.number).exclude(sha256="").order_by("-number")
    for held in frozen.values_list("parts", flat=True):
        made.append([part for part in held if part["path"] not in seen])
        seen.update(part["path"] for part in held)
    return [held for held in made if held]


def between(before: Sequence[Sequence[Json]], low: str, high: str) -> dict[str, str]:
    """{key: split} of the rows of a range of keys; where versions differ, as the newest says."""
    made: dict[str, str] = {}
    for part in (part for held in reversed(before) for part in held):
        if part["last"] < low or (high and part["first"] >= high):
            continue
        for _, table in parts.between(part, low, high, ("key", "split")):
            made.update(zip(table.column("key").to_pylist(), table.column("split").to_pylist(), strict=True))
    return made


def moved(
    splits: Splits, before: Sequence[Sequence[Json]], ranges: Iterable[tuple[str, str, pa.Table]], told: Callable[[], None]
) -> tuple[Moved, int]:  # fmt: skip
    """Which groups keep a split that their hash does not say, and how many groups are torn between splits.

    ranges: (low, high, rows with key and group) of the new version. Holds 9 bytes a row.
    """

    def now() -> Iterator[Placed]:
        for low, high, table in ranges if before else ():
            told()
            earlier = between(before, low, high)
            keys = table.column("key").to_pylist()
            yield _placed(splits, keys, table.column("group").to_pylist(), [earlier.get(key) for key in keys])

    def then(held: Sequence[Json]) -> Iterator[Placed]:
        for batch in parts.batches(held, ("key", "group", "split"), size=10_000):
            told()
            yield _placed(splits, *(batch.column(name).to_pylist() for name in ("key", "group", "split")))

    return settle(splits, now(), (then(held) for held in before))


def _placed(splits: Splits, keys: Sequence[str], groups: Sequence[str], names: Sequence[str | None]) -> Placed:
    """Of the rows that have a split."""
    numbers = numbered(splits, names)
    found = np.flatnonzero(numbers >= 0)
    return chances(splits, [groups[n] or keys[n] for n in found.tolist()]), numbers[found]
