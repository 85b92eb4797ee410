"""Cards of sub-tasks: what must be settled before data for one are generated (after AnyTaskTune, Cui and others 2024)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curation.generators.parsing import Unreadable, check, obj

FIELDS = ("definition", "input_source", "schema", "pairs", "metric")
PAIRS = 3
LEAST = 300  # examples of a sub-task, where the card says nothing else


class CardError(ValueError):
    """A card that cannot be used: of which sub-task, what is wrong, how to mend it."""

    def __init__(self, name: str, what: str, mend: str) -> None:
        super().__init__(f"{name}: {what}. {mend}")
        self.name, self.what, self.mend = name, what, mend


@dataclass(frozen=True, slots=True)
class Card:
    """`schema`: JSON schema of an answer; `pairs`: at least three checked (input, output)."""

    definition: str
    input_source: str
    schema: Mapping[str, Any]
    pairs: tuple[tuple[str, str], ...]
    metric: str
    least: int = LEAST


def read(name: str, raw: Mapping[str, Any] | None) -> Card:
    """Raises `CardError` unless every field is there and every pair's output fits the schema."""
    if raw is None:
        raise CardError(name, "the sub-task has no card", f"Write one with {', '.join(FIELDS)}.")
    for field in FIELDS:
        if not raw.get(field):
            raise CardError(name, f"the card has no {field.replace('_', ' ')}", "Fill it in before generating.")
    for field in ("definition", "input_source", "metric"):
        if not isinstance(raw[field], str):
            raise CardError(name, f"{field.replace('_', ' ')} is no text", "Write one sentence.")
    if not isinstance(raw["schema"], Mapping):
        raise CardError(name, "the schema is no object", 'Write a JSON schema such as {"type": "string"}.')
    pairs = _pairs(name, raw["pairs"])
    least = raw.get("least", LEAST)
    if not isinstance(least, int) or isinstance(least, bool) or least < 1:
        raise CardError(name, "least is no number above 0", "Write how many examples are wanted at least.")
    card = Card(raw["definition"], raw["input_source"], dict(raw["schema"]), pairs, raw["metric"], least)
    for number, (_, output) in enumerate(pairs, 1):
        why = misfit(output, card.schema)
        if why:
            raise CardError(name, f"pair {number} does not fit the schema: {why}", "Mend the pair or the schema.")
    return card


def _pairs(name: str, raw: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(raw, list | tuple) or len(raw) < PAIRS:
        raise CardError(name, f"the card has fewer than {PAIRS} pairs", "Write checked pairs of input and output.")
    found = []
    for number, one in enumerate(raw, 1):
        held = one if isinstance(one, Mapping) else {}
        if not all(isinstance(held.get(part), str) and held[part].strip() for part in ("input", "output")):
            raise CardError(name, f"pair {number} has no input or no output", "Write both as text.")
        found.append((held["input"], held["output"]))
    return tuple(found)


def misfit(output: str, schema: Mapping[str, Any]) -> str:
    """Why an answer does not fit the schema; empty where it does. A schema of a string takes the text as it is."""
    try:
        if schema.get("type") == "string":
            check(output, schema)
        elif schema.get("type") in (None, "object") and output.lstrip()[:1] == "{":
            obj(output, schema)
        else:
            check(json.loads(output), schema)
    except (Unreadable, ValueError) as error:
        return str(error)
    return ""
