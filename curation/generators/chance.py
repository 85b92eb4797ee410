"""Chance of a run: keyed hashes of its seed and of what is drawn, so a replay draws the same and order plays no part."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """Numbers that depend on the seed and the parts given alone: the same parts, the same number."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._key = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()

    def number(self, *parts: object) -> int:
        """Uniform in 0 .. 2**64 - 1."""
        text = "\x1f".join(str(part) for part in parts)
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=self._key).digest(), "little")

    def unit(self, *parts: object) -> float:
        """Uniform in (0, 1), with 53 bits."""
        return ((self.number(*parts) >> 11) + 0.5) * 2.0**-53

    def between(self, low: int, high: int, *parts: object) -> int:
        """A whole number, `low` and `high` included."""
        return low + int(self.unit(*parts) * (high - low + 1))

    def pick(self, things: Sequence[T], *parts: object) -> T:
        """One of them. Raises `IndexError` when there are none."""
        return things[int(self.unit(*parts) * len(things))]

    def shuffled(self, things: Sequence[T], *parts: object) -> list[T]:
        places = sorted(range(len(things)), key=lambda at: (self.number(*parts, at), at))
        return [things[at] for at in places]

    def sample(self, things: Sequence[T], count: int, *parts: object) -> list[T]:
        """`count` of them without repeats, in random order; all where there are fewer."""
        return self.shuffled(things, *parts)[: max(0, count)]

    def tag(self) -> str:
        """Eight letters and digits that fence data in the prompts of this run."""
        alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
        number = self.number("fence")
        return "".join(alphabet[(number >> (5 * at)) % 32] for at in range(8))
