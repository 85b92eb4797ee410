"""Splits by stable hash: a row's split follows from its group, so it is the same in every version."""

import hashlib
import re
from collections.abc import Mapping, Sequence
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


def assign(splits: Splits, groups: Sequence[str]) -> list[str]:
    """The split of each group: its keyed hash against the running sum of the shares."""
    names = list(splits.shares)
    edges = np.cumsum(list(splits.shares.values()))
    edges[-1] = 1.0
    places = np.searchsorted(edges, _chance(splits.seed, groups), side="right")
    return [names[place] for place in places]


def _chance(seed: int, keys: Sequence[str]) -> NDArray[np.float64]:
    from selection.kernels.chance import chance

    return chance(seed, keys, "split")


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
