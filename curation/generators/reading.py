"""Answers that are JSON objects: their fields, checked; their schemas; and candidates that stand for unreadable ones."""

from collections.abc import Mapping
from typing import Any

from curation.generators.base import Job, Read
from curation.generators.model import Candidate, Reply, Verdict
from curation.generators.parsing import Unreadable, obj


def thing(reply: Reply) -> dict[str, Any]:
    """The JSON object of a reply. Raises `Unreadable`."""
    return obj(reply.text)


def text_of(raw: Mapping[str, Any], name: str, most: int = 20_000) -> str:
    """A field that must be text with something in it. Raises `Unreadable`."""
    found = raw.get(name)
    if not isinstance(found, str) or not found.strip():
        raise Unreadable(f"the answer has no text in {name!r}")
    if len(found) > most:
        raise Unreadable(f"{name!r} has {len(found)} characters, more than {most}")
    if "\0" in found:
        raise Unreadable(f"{name!r} holds a NUL character")
    return found.strip()


def things_of(raw: Mapping[str, Any], name: str, most: int = 1_000) -> list[Any]:
    """A field that must be a list, perhaps an empty one. Raises `Unreadable`."""
    found = raw.get(name)
    if not isinstance(found, list):
        raise Unreadable(f"the answer has no list in {name!r}")
    if len(found) > most:
        raise Unreadable(f"{name!r} has {len(found)} entries, more than {most}")
    return found


def texts_of(raw: Mapping[str, Any], name: str, most: int = 1_000) -> list[str]:
    """A list of texts; blank ones are left out. Raises `Unreadable` for an entry that is no text."""
    found = things_of(raw, name, most)
    if not all(isinstance(one, str) for one in found):
        raise Unreadable(f"{name!r} holds something that is no text")
    return [one.strip() for one in found if one.strip()]


def flag_of(raw: Mapping[str, Any], name: str) -> bool:
    """A field that must be true or false, or yes or no as a text. Raises `Unreadable`."""
    found = raw.get(name)
    if isinstance(found, bool):
        return found
    said = found.strip().strip(".").casefold() if isinstance(found, str) else ""
    if said not in ("yes", "no", "true", "false"):
        raise Unreadable(f"{name!r} is neither yes nor no")
    return said in ("yes", "true")


def number_of(raw: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """A field that must be a number within bounds; text such as "7" is read. Raises `Unreadable`."""
    found = raw.get(name)
    if isinstance(found, str):
        try:
            found = float(found.strip())
        except ValueError:
            found = None
    if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
        raise Unreadable(f"{name!r} is no number between {low:g} and {high:g}")
    return float(found)


def schema(**fields: Any) -> dict[str, Any]:
    """The JSON schema of an object that has exactly these fields. A field is a type's name or a schema."""
    told = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in fields.items()}
    return {"type": "object", "properties": told, "required": list(told), "additionalProperties": False}


def list_of(kind: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": kind} if isinstance(kind, str) else kind}


def verdict(
    name: str, passed: bool, reason: str = "", value: float | str | None = None, threshold: float | str | None = None,
    *, flag: bool = False,
) -> Verdict:  # fmt: skip
    """A verdict of a generator's own, version 1. The reason is kept only where it failed."""
    return Verdict(name, 1, passed, "" if passed else reason, value, threshold, flag)


def unread(job: Job, found: Read[Any], **content: Any) -> None:
    """Hands in what could not be read as a dropped candidate that says why. A request that failed is no candidate."""
    if found.value is None and not found.reply.error:
        why = verdict("readable", False, f"The answer could not be read: {found.why}.")
        content = {"outputs": (found.reply.text,) if found.reply.text else ()} | content
        job.emit(Candidate(requests=found.requests, verdicts=(why,), **content))
