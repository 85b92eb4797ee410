"""What changed between two versions: a walk along two lists sorted by key."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Entry = tuple[str, bytes, str]  # key, sha of the content, split


@dataclass(frozen=True, slots=True)
class Difference:
    kind: Literal["added", "removed", "changed"]
    key: str


def differences(before: Iterable[Entry], after: Iterable[Entry]) -> Iterator[Difference]:
    """Added, removed and changed rows in the order of their keys. Both lists are sorted by key, each key once."""
    one, two = iter(before), iter(after)
    old, new = next(one, None), next(two, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            assert old is not None  # noqa: S101  (for the type checker: one of the two is left)
            yield Difference("removed", old[0])
            old = next(one, None)
        elif old is None or new[0] < old[0]:
            yield Difference("added", new[0])
            new = next(two, None)
        else:
            if old[1] != new[1]:
                yield Difference("changed", new[0])
            old, new = next(one, None), next(two, None)
