"""Splits by stable hash: a row's split follows from its group. Once it is in a version, it never changes."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.content import Content, render
from curation.datasets.recipe import RecipeError

GROUPS = ("prompt", "row", "source", "tag", "lineage")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
MOST = 10


@dataclass(frozen=True, slots=True)
class Splits:
    """shares: by name, adding up to 1. group: what stays together; `name` is the beginning of the tag or the field of
    the lineage that names the group. The first split is the one to train on.
    """

    shares: Mapping[str, float] = field(default_factory=lambda: {"train": 0.9, "validation": 0.05, "test": 0.05})
    seed: int = 0
    group: str = "prompt"
    name: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "shares": [[name, share] for name, share in self.shares.items()], "seed": self.seed, "group": self.group,
            "name": self.name,
        }  # fmt: skip


def parse(raw: Mapping[str, Any]) -> Splits:
    """Raises `RecipeError`. `shares` is an object or, to keep the order in the database, a list of pairs."""
    given = raw.get("shares")
    if given is None:
        return Splits(seed=_seed(raw), group=_group(raw), name=str(raw.get("name") or ""))
    try:
        pairs = dict(given)
    except (TypeError, ValueError):
        raise RecipeError(
            "splits.shares", "are not pairs of name and share.", "Write {train: 0.9, test: 0.1}."
        ) from None
    shares: dict[str, float] = {}
    for name, share in pairs.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise RecipeError(f"splits.{name}", "is no name of a split.", "Use small letters, digits and _.")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise RecipeError(f"splits.{name}", "is not between 0 and 100 %.", "Leave out a split without rows.")
        if share:
            shares[name] = float(share)
    if not shares or len(shares) > MOST or abs(sum(shares.values()) - 1) > 1e-6:
        raise RecipeError("splits", "do not add up to 100 %.", f"Use 1 to {MOST} splits whose shares do.")
    return Splits(shares, _seed(raw), _group(raw), str(raw.get("name") or ""))


def _seed(raw: Mapping[str, Any]) -> int:
    seed = raw.get("seed", 0)
    if type(seed) is not int or not 0 <= seed < 1 << 40:
        raise RecipeError("splits.seed", "is not a whole number.", "0 is as good as any.")
    return seed


def _group(raw: Mapping[str, Any]) -> str:
    group = raw.get("group", "prompt")
    if group not in GROUPS:
        raise RecipeError("splits.group", "is nothing to group by.", f"It is one of {', '.join(GROUPS)}.")
    if group in ("tag", "lineage") and not raw.get("name"):
        raise RecipeError("splits.name", "is missing.", "Say how the tag begins, or which field of the lineage it is.")
    return str(group)


def group_of(
    splits: Splits, *, key: str, content: Content, source: str, tags: Sequence[str], lineage: Mapping[str, Any]
) -> str:
    """What stays together with this row: rows of one group are in one split. Falls back to the row's own key."""
    if splits.group == "prompt":
        plain = " ".join(render(content, "prompt").lower().split())
        return hashlib.blake2b(plain.encode(), digest_size=16).hexdigest() if plain else key
    if splits.group == "source":
        return source or key
    if splits.group == "tag":
        return next((tag for tag in tags if tag.startswith(splits.name)), key)
    if splits.group == "lineage":
        value = lineage.get(splits.name)
        return key if value in (None, "", [], {}) else str(value)
    return key


def assign(splits: Splits, groups: Sequence[str], moved: "Moved | None" = None) -> list[str]:
    """The split of each group: its keyed hash against the running sum of the shares, unless its rows lie elsewhere."""
    names, at = list(splits.shares), chances(splits, groups)
    numbers = _hashed(splits, at)
    if moved is not None and len(moved.at):
        found = np.minimum(np.searchsorted(moved.at, at), len(moved.at) - 1)
        numbers = np.where(moved.at[found] == at, moved.split[found], numbers)
    return [names[number] for number in numbers]


def chances(splits: Splits, groups: Sequence[str]) -> NDArray[np.float64]:
    """float64[groups] in (0, 1): 53 bits of a hash, so it stands for the group too."""
    from selection.kernels.chance import chance

    return chance(splits.seed, groups, "split")


def _hashed(splits: Splits, at: NDArray[np.float64]) -> NDArray[np.int8]:
    edges = np.cumsum(list(splits.shares.values()))
    edges[-1] = 1.0
    return np.searchsorted(edges, at, side="right").astype(np.int8)


def numbered(splits: Splits, names: Sequence[str | None]) -> NDArray[np.int8]:
    """int8[names]: the places of the splits, -1 for what is none of them."""
    places: dict[str | None, int] = {name: number for number, name in enumerate(splits.shares)}
    return np.array([places.get(name, -1) for name in names], np.int8)


# --- what lies in a split stays in it ---

Placed = tuple[NDArray[np.float64], NDArray[np.int8]]  # chances of the groups of some rows, and the rows' splits


@dataclass(frozen=True, slots=True)
class Moved:
    """Groups with rows in another split than their hash says, because a row that was edited stayed where it was.

    at: float64[n], ascending, their chances. split: int8[n], where their new rows go.
    """

    at: NDArray[np.float64]
    split: NDArray[np.int8]


def settle(splits: Splits, now: Iterable[Placed], before: Iterable[Iterable[Placed]]) -> tuple[Moved, int]:
    """Where the groups of rows lie, of the new version first, then of the earlier ones, the newest first.

    now: rows of the new version that have a split from before. Also returns how many groups lie in several splits now.
    Where a group does, its new rows go by its hash, or to the first of its splits.
    """
    at, split, torn = _first(splits, now)
    for version in before:
        more, theirs, _ = _first(splits, version)
        new = ~np.isin(more, at)
        at, split = np.concatenate([at, more[new]]), np.concatenate([split, theirs[new]])
    strange = np.flatnonzero(split != _hashed(splits, at))
    order = strange[np.argsort(at[strange])]
    return Moved(at[order], split[order]), torn


def _first(splits: Splits, rows: Iterable[Placed]) -> tuple[NDArray[np.float64], NDArray[np.int8], int]:
    """One split a group, and how many groups have several."""
    found = list(rows)
    at = np.concatenate([np.empty(0), *(one for one, _ in found)])
    split = np.concatenate([np.empty(0, np.int8), *(one for _, one in found)])
    del found
    order = np.lexsort((split, split != _hashed(splits, at), at))
    at, split = at[order], split[order]
    first = np.diff(at, prepend=-1.0) != 0
    other = ~first & (np.diff(split, prepend=np.int8(-1)) != 0)
    return at[first], split[first], len(np.unique(at[other]))


def keep_earlier(table: pa.Table, earlier: Mapping[str, str], names: Sequence[str]) -> pa.Table:
    """The table with the splits that rows had before: a row whose group changed stays where it was."""
    if not earlier:
        return table
    known = set(names)
    found = [
        earlier[key] if earlier.get(key) in known else split
        for key, split in zip(table.column("key").to_pylist(), table.column("split").to_pylist(), strict=True)
    ]
    return table.set_column(table.schema.get_field_index("split"), "split", pa.array(found, pa.string()))
