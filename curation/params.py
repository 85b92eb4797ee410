"""Parameters of a method or a generator: a frozen dataclass whose fields make the form, the API schema and the CLI
flags. Pure.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

P = TypeVar("P")


class ParamsError(ValueError):
    """A parameter that cannot be used: which field, and why, in words that complete "The field … "."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field, self.why = field, why


def param(
    default: Any,
    *,
    label: str,
    help: str = "",  # noqa: A002  (the word on the form)
    ge: float | None = None,
    le: float | None = None,
    choices: Mapping[str, str] | Sequence[str] = (),
    advanced: bool = False,
) -> Any:
    """A dataclass field with what a form needs. `choices`: values with labels, or values alone."""
    named = dict(choices) if isinstance(choices, Mapping) else {choice: choice for choice in choices}
    meta = {"label": label, "help": help, "ge": ge, "le": le, "choices": named, "advanced": advanced}
    return dataclasses.field(default=default, metadata=meta)


def params_schema(cls: type) -> list[dict[str, Any]]:
    """One dict a field, in order: name, type ("int", "float", "bool", "str"), optional, default, label, help, ge,
    le, choices ({value: label}), advanced.
    """
    hints = typing.get_type_hints(cls)
    schema = []
    for field in dataclasses.fields(cls):
        kind, optional = _kind(hints[field.name])
        facts = {"name": field.name, "type": kind, "optional": optional, "default": field.default}
        schema.append(facts | dict(field.metadata))
    return schema


def parse_params(cls: type[P], raw: Mapping[str, Any]) -> P:
    """`raw` values may be text, as from a form or a command line, or of the right type already.

    A missing or empty value is the default, but an empty text for an optional field is None. Raises `ParamsError`.
    """
    schema = {entry["name"]: entry for entry in params_schema(cls)}
    for name in raw:
        if name not in schema:
            raise ParamsError(str(name), f"is no parameter; there are {', '.join(schema) or 'none'}")
    return cls(**{name: _value(schema[name], value) for name, value in raw.items()})


def params_dict(params: Any) -> dict[str, Any]:
    """JSON from which `parse_params` makes the same parameters."""
    return dataclasses.asdict(params)


def _kind(hint: Any) -> tuple[str, bool]:
    optional = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        hint, optional = inner[0], True
    if typing.get_origin(hint) is Literal:
        return "str", optional
    return hint.__name__, optional


def _value(entry: Mapping[str, Any], raw: Any) -> Any:
    name = entry["name"]
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None if entry["optional"] else entry["default"]
    value = _CASTS[entry["type"]](name, raw)
    if entry["choices"] and value not in entry["choices"]:
        raise ParamsError(name, f"must be one of {', '.join(entry['choices'])}, not {value!r}")
    low, high = entry["ge"], entry["le"]
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"between {low} and {high}" if None not in (low, high) else (
            f"at least {low}" if high is None else f"at most {high}"
        )  # fmt: skip
        raise ParamsError(name, f"must be {bounds}, not {value}")
    return value


def _int(name: str, raw: Any) -> int:
    try:
        if isinstance(raw, bool) or (isinstance(raw, float) and not raw.is_integer()):
            raise ValueError
        return int(raw)
    except (ValueError, TypeError):
        raise ParamsError(name, f"must be a whole number, not {raw!r}") from None


def _float(name: str, raw: Any) -> float:
    try:
        if isinstance(raw, bool):
            raise ValueError
        value = float(raw)
    except (ValueError, TypeError, OverflowError):
        raise ParamsError(name, f"must be a number, not {raw!r}") from None
    if not math.isfinite(value):
        raise ParamsError(name, f"must be a finite number, not {raw!r}")
    return value


def _bool(name: str, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    found = {"on": True, "true": True, "1": True, "yes": True, "off": False, "false": False, "0": False, "no": False}
    if str(raw).strip().lower() not in found:
        raise ParamsError(name, f"must be yes or no, not {raw!r}")
    return found[str(raw).strip().lower()]


def _str(name: str, raw: Any) -> str:
    if not isinstance(raw, str):
        raise ParamsError(name, f"must be text, not {raw!r}")
    return raw.strip()


_CASTS = {"int": _int, "float": _float, "bool": _bool, "str": _str}
