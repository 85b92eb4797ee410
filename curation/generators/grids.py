"""A grid of attributes whose cells are drawn without repeating one, so that what is generated covers all of it.

Plain text, one attribute a line; a value may have values of its own, which then belong to it alone:

    language: English, German
    topic: nature (rivers, birds), trade (prices, ships)
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(r"\s*([^:\n]{1,60}):(.*)")
_VALUE = re.compile(r"\s*([^(),]+?)\s*(?:\(([^()]*)\))?\s*(?:,|$)")
MOST = 200  # values of one attribute


class GridError(ValueError):
    """A grid that cannot be used: the line, what is wrong, and how to mend it."""

    def __init__(self, line: int, what: str, mend: str) -> None:
        super().__init__(f"Line {line}: {what}. {mend}")
        self.line, self.what, self.mend = line, what, mend


@dataclass(frozen=True, slots=True)
class Attribute:
    """`options` holds (value, value of its own or ""), one entry for each choice that can be drawn."""

    name: str
    options: tuple[tuple[str, str], ...]

    def told(self, choice: int) -> dict[str, str]:
        value, own = self.options[choice]
        return {self.name: value} | ({f"sub-{self.name}": own} if own else {})


@dataclass(frozen=True, slots=True)
class Grid:
    """Attributes in order. The number of cells is the product of their choices."""

    attributes: tuple[Attribute, ...]

    @property
    def size(self) -> int:
        size = 1
        for attribute in self.attributes:
            size *= len(attribute.options)
        return size

    def cell(self, index: int) -> dict[str, str]:
        """The cell with this number, 0..size-1, as attribute: value."""
        found: dict[str, str] = {}
        for attribute in reversed(self.attributes):
            index, choice = divmod(index, len(attribute.options))
            found = attribute.told(choice) | found
        return found

    def draw(self, seed: int) -> Iterator[tuple[int, dict[str, str]]]:
        """(number, cell) without end: every cell once, in an order from the seed, then every cell again in another."""
        lap = 0
        while True:
            rng = random.Random(f"{seed}:{lap}")  # noqa: S311  (a seeded order, no secret)
            if self.size <= 100_000:
                order: Iterator[int] = iter(rng.sample(range(self.size), self.size))
            else:
                order = _stride(self.size, rng)
            yield from ((index, self.cell(index)) for index in order)
            lap += 1


def _stride(size: int, rng: random.Random) -> Iterator[int]:
    """Every number below `size` once, without holding them: steps of a width that shares no factor with it."""
    from math import gcd

    start, step = rng.randrange(size), rng.randrange(size // 3, size) | 1
    while gcd(step, size) != 1:
        step += 2
    return ((start + step * at) % size for at in range(size))


def parse(text: str) -> Grid:
    """Raises `GridError` for a line without a colon, an attribute twice, no values, a value twice, or none at all."""
    attributes: list[Attribute] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            raise GridError(number, "it has no colon", "Write `attribute: value, value`.")
        name = match[1].strip()
        if name in {one.name for one in attributes}:
            raise GridError(number, f"{name!r} is there twice", "Join the two lines.")
        attributes.append(Attribute(name, tuple(_options(number, match[2].strip()))))
    if not attributes:
        raise GridError(1, "the grid has no attribute", "Write at least one line such as `topic: nature, trade`.")
    return Grid(tuple(attributes))


def _options(number: int, text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _VALUE.match(text, at)
        if not match or match.end() == at:
            raise GridError(number, f"{text[at : at + 30]!r} cannot be read", "Write `value, value (own, own)`.")
        own = [one.strip() for one in (match[2] or "").split(",") if one.strip()]
        found += [(match[1], one) for one in own] or [(match[1], "")]
        at = match.end()
    if not found:
        raise GridError(number, "it has no value", "Write the values after the colon, with commas between.")
    if len(set(found)) < len(found):
        twice = next(one for one in found if found.count(one) > 1)
        raise GridError(number, f"{' / '.join(filter(None, twice))!r} is there twice", "Leave one of them out.")
    if len(found) > MOST:
        raise GridError(number, f"it has {len(found)} values", f"Leave at most {MOST}.")
    return found
