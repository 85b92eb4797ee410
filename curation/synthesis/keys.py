"""What a request is known by: sha256 over the canonical JSON of everything that can change its answer. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from curation.content import jsontext


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, as far as it decides the answer."""

    dialect: str
    identity: str  # the address, in one spelling
    model: str


def key_of(target: Target, path: str, body: Mapping[str, Any], sample: int) -> str:
    """64 hex digits. `body` has messages, every sampling field, schema and tools; `sample` tells n draws apart."""
    return _sha(target, path, body, sample)


def base_of(target: Target, path: str, body: Mapping[str, Any], sample: int) -> str:
    """The same whatever the limit of tokens: an answer that ended by itself is the answer under each larger limit."""
    return _sha(target, path, {name: value for name, value in body.items() if name != "max_tokens"}, sample)


def _sha(target: Target, path: str, body: Mapping[str, Any], sample: int) -> str:
    asked = {
        "dialect": target.dialect, "at": target.identity, "model": target.model, "path": path, "body": dict(body),
        "sample": sample,
    }  # fmt: skip
    try:
        text = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a character
        text = jsontext.canonical(asked).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()


def bytes_of(body: Mapping[str, Any]) -> int:
    """UTF-8 bytes of all that the model reads."""
    turns = body.get("messages") or [{"content": body.get("prompt", "")}]
    return sum(len(str(turn["content"]).encode("utf-8", "replace")) for turn in turns)


def most_prompt_tokens(body: Mapping[str, Any]) -> int:
    """More tokens than the prompt can have: a token is at least one byte, and each turn has a few marks around it."""
    return bytes_of(body) + 16 * max(1, len(body.get("messages", ())))


def likely_prompt_tokens(body: Mapping[str, Any]) -> int:
    """About as many tokens as the prompt has: four bytes a token."""
    return bytes_of(body) // 4 + 8 * max(1, len(body.get("messages", ())))
