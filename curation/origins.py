"""What other apps know of where a row came from. They add themselves; without them a row still says its numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Link:
    """One step on the way of a row: what it is, and where to look at it. `url` is empty for what is gone."""

    label: str
    text: str
    url: str = ""
    note: str = ""


# By the name of a field of the lineage: (team id, lineage) -> links. `pool` and `run` are told by selection.
LINKS: dict[str, Callable[[int, Mapping[str, Any]], list[Link]]] = {}
# By the same names: (team id, numbers) -> facts for a manifest, in the order of the numbers.
FACTS: dict[str, Callable[[int, list[int]], list[dict[str, Any]]]] = {}
