"""What the columns of written files are: read from the files themselves, as the hub and Croissant want it said.

A column whose rows do not agree on one type has none, and then the card names no features: readers find out themselves.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

Shape = Any  # None (only nulls), "bool" "int64" "float64" "string", ("list", Shape), {name: Shape}
NUMBERS = {"int64", "float64"}


class Mixed(Exception):
    """Rows of one column are of different types."""


@dataclass(frozen=True, slots=True)
class Split:
    """The files of one split, from the root of the folder. bytes: of all of them. columns: those that its rows have,
    where that is known.
    """

    name: str
    files: tuple[str, ...]
    rows: int
    bytes: int
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """features: {column: Shape}, or None where they cannot be told. inside: the field of a JSON file that holds the rows.

    unfit: rows of the version that this format cannot hold.
    """

    format: str
    suffix: str
    splits: tuple[Split, ...]
    features: Mapping[str, Shape] | None
    inside: str = ""
    unfit: int = 0


def layout(folder: Path, format: str, suffix: str, rows: Mapping[str, int], names: Iterable[str]) -> Layout:  # noqa: A002
    """How the data files of an export lie. `rows`: by split; `names`: of the files that were written."""
    known = sorted(names)
    splits = []
    for split, count in rows.items():
        mine = tuple(name for name in known if name == f"{split}.{suffix}" or name.startswith(f"{split}/"))
        if mine:
            splits.append(Split(split, mine, count, sum((folder / name).stat().st_size for name in mine)))
    inside = "Instances" if suffix == "json" else ""
    try:
        found: Shape = None
        for place, one in enumerate(splits):
            whole: Shape = None
            for name in one.files:
                whole = merged(whole, _columns(folder / name, suffix))
            splits[place] = replace(one, columns=tuple(whole or ()))
            found = merged(found, whole)
        features = found if isinstance(found, Mapping) and not _holes(found) else None
    except Mixed:
        features = None
    return Layout(format, suffix, tuple(splits), features, inside)


def _columns(path: Path, suffix: str) -> Shape:
    if suffix in ("parquet", "csv"):  # all of their columns are text
        if suffix == "parquet":
            return dict.fromkeys(pq.read_schema(path).names, "string")
        with path.open("rb") as file:
            return dict.fromkeys(file.readline().decode().strip().split(","), "string")
    if suffix == "json":  # Natural Instructions, whose instances are always alike; the file cannot be read line by line
        return {"id": "string", "input": "string", "output": ("list", "string")}
    found: Shape = None
    for row in _rows(path):
        found = merged(found, shape_of(row))
    return found


def _rows(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for text in file:
            if text.strip():
                yield orjson.loads(text)


def shape_of(value: Any) -> Shape:
    """Raises `Mixed` for a list whose members differ."""
    kind = type(value)
    if kind is str:
        return "string"
    if value is None:
        return None
    if kind is bool:
        return "bool"
    if kind is int:
        return "int64"
    if kind is float:
        return "float64"
    if kind is list:
        inner: Shape = None
        for one in value:
            inner = merged(inner, shape_of(one))
        return ("list", inner)
    return {name: shape_of(one) for name, one in value.items()}


def merged(one: Shape, other: Shape) -> Shape:
    """What both are. Raises `Mixed`."""
    if one is None or one == other:
        return other
    if other is None:
        return one
    if isinstance(one, tuple) and isinstance(other, tuple):
        return ("list", merged(one[1], other[1]))
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: merged(one.get(name), other.get(name)) for name in (one | other)}
    if isinstance(one, str) and isinstance(other, str) and {one, other} == NUMBERS:
        return "float64"
    raise Mixed


def _holes(shape: Shape) -> bool:
    """Whether something has no type at all: only nulls, an empty list, an object without fields."""
    if isinstance(shape, tuple):
        return _holes(shape[1])
    if isinstance(shape, Mapping):
        return not shape or any(_holes(one) for one in shape.values())
    return shape is None


def to_yaml(features: Mapping[str, Shape]) -> list[dict[str, Any]]:
    """As `dataset_info` of a card names them."""
    return [{"name": name} | _yaml(shape) for name, shape in features.items()]


def _yaml(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, tuple):
        inner = shape[1]
        if isinstance(inner, Mapping):
            return {"list": to_yaml(inner)}
        return {"list": inner if isinstance(inner, str) else _yaml(inner)}
    if isinstance(shape, Mapping):
        return {"struct": to_yaml(shape)}
    return {"dtype": shape}
