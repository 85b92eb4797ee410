"""JSON in and out without loss: numbers past 64 bits stay whole, which orjson alone would round."""

import json
import re
from typing import Any

import orjson

_LIMIT = 2.0**63
_MAX_DEPTH = 200
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class TooDeepError(ValueError):
    """The value is nested more than 200 levels deep."""


def loads(text: str | bytes) -> Any:
    """The value of a JSON text. Raises `orjson.JSONDecodeError` (with `.pos`) when it is not JSON; `TooDeepError`."""
    value = orjson.loads(text)
    # orjson turns an integer past 64 bits into a float; only then the slower parser has to look again.
    return json.loads(text) if not isinstance(value, str) and _holds_huge(value) else value


def dumps(value: Any) -> str:
    """Compact JSON text; keys keep their order. Raises `TooDeepError`, or `TypeError` for keys not text."""
    try:
        return orjson.dumps(value, default=_plain).decode()
    except orjson.JSONEncodeError:
        _measure(value)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def canonical(value: Any) -> str:
    """JSON text with sorted keys: equal values give equal text."""
    _measure(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_plain)


def has_nul(text: str) -> bool:
    """Whether a JSON text holds an escaped NUL character (an escaped backslash before `u0000` is none)."""
    return "\\u0000" in text and _NUL.search(text) is not None


def _plain(value: Any) -> Any:
    """What a Parquet cell may hold besides JSON types (dates, decimals, bytes), as text or a list."""
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    return str(value)


def _holds_huge(value: Any, depth: int = 0) -> bool:
    if depth > _MAX_DEPTH:
        raise TooDeepError(f"nested more than {_MAX_DEPTH} levels deep")
    kind = type(value)
    if kind is float:
        return bool(abs(value) >= _LIMIT)
    if kind is dict:
        return any(type(item) is not str and _holds_huge(item, depth + 1) for item in value.values())
    if kind is list:
        return any(type(item) is not str and _holds_huge(item, depth + 1) for item in value)
    return False


def _measure(value: Any, depth: int = 0) -> None:
    if depth > _MAX_DEPTH:
        raise TooDeepError(f"nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        for item in value.values():
            _measure(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _measure(item, depth + 1)
