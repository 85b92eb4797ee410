"""Natural Instructions task files, in and out without loss (Wang and others 2022, arXiv 2204.07705). Pure: no Django.

    task = read(raw, "task1146_country_capital.json")
    write(task) == json.loads(raw)          # up to the order of keys

What has a place of its own is named; everything else of the file, at every level, goes along in `extra`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

DEFINITION, INSTANCES = "Definition", "Instances"
DEMONSTRATIONS = {"positive": "Positive Examples", "negative": "Negative Examples"}
# Fields of a file that are lists of short texts, and ours that hold them.
LISTS = {
    "Categories": "categories", "Domains": "domains", "Input_language": "input_languages",
    "Output_language": "output_languages",
}  # fmt: skip
LICENCE = "Instance License"
PARTS = ("input", "output", "explanation")
MAX_CHARS = 1_000_000


class NaturalError(ValueError):
    """A file that cannot be used: the place in it, why, and what to do."""

    def __init__(self, place: str, why: str, mend: str) -> None:
        super().__init__(f"{place} {why} {mend}")
        self.place, self.why, self.mend = place, why, mend


@dataclass(frozen=True)
class NaturalDemonstration:
    kind: str
    input: str
    output: str
    explanation: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NaturalInstance:
    """`shape` says how the outputs stood in the file: "list" or "text"."""

    id: str | None
    input: str
    outputs: tuple[str, ...]
    shape: str = "list"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NaturalTask:
    """`definition` is the text of the file's list, joined by line ends; `extra` keeps how it stood, and all else."""

    name: str
    definition: str
    demonstrations: tuple[NaturalDemonstration, ...]
    instances: tuple[NaturalInstance, ...]
    lists: dict[str, list[str]] = field(default_factory=dict)
    licence: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def read(raw: bytes | dict[str, Any], name: str) -> NaturalTask:
    """Raises `NaturalError` for what is no task file, naming the place."""
    data = raw if isinstance(raw, dict) else _parsed(raw)
    for needed in (DEFINITION, INSTANCES):
        if needed not in data:
            raise NaturalError("The file", f"has no {needed}.", "Send a task file of Natural Instructions.")
    extra: dict[str, Any] = {"keys": list(data)}
    rest = {
        key: value for key, value in data.items()
        if key not in (DEFINITION, INSTANCES, LICENCE, *DEMONSTRATIONS.values(), *LISTS)
    }  # fmt: skip
    lists: dict[str, list[str]] = {}
    for key, ours in LISTS.items():
        value = data.get(key)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            lists[ours] = value
        elif key in data:
            rest[key] = value
    licence = data.get(LICENCE)
    if isinstance(licence, list) and all(isinstance(one, str) for one in licence):
        extra["licence"] = licence
    elif LICENCE in data:
        rest[LICENCE] = licence
    definition = data[DEFINITION]
    if isinstance(definition, list) and all(isinstance(one, str) for one in definition):
        extra["definition"] = definition
        definition = "\n".join(definition)
    elif not isinstance(definition, str):
        raise NaturalError(DEFINITION, "is neither a text nor a list of texts.", "Put it into quotation marks.")
    demonstrations = [
        _demonstration(one, kind, f"{key}[{n}]")
        for kind, key in DEMONSTRATIONS.items() for n, one in enumerate(_list(data, key))
    ]  # fmt: skip
    return NaturalTask(
        name=name.rsplit("/", 1)[-1].removesuffix(".json"), definition=definition, demonstrations=tuple(demonstrations),
        instances=tuple(_instance(one, f"{INSTANCES}[{n}]") for n, one in enumerate(_list(data, INSTANCES))),
        lists=lists, licence=", ".join(extra.get("licence", [])), extra=extra | {"rest": rest},
    )  # fmt: skip


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NaturalError("The file", "is not UTF-8 text.", "Save it as UTF-8 and send it again.") from None
    except (ValueError, RecursionError) as error:
        where = f"Line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "The file"
        why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise NaturalError(where, f"is not JSON: {why}.", "Mend it there and send the file again.") from None
    if not isinstance(data, dict):
        raise NaturalError("The file", "is not a JSON object.", "Send a task file of Natural Instructions.")
    return data


def _list(data: dict[str, Any], key: str) -> list[Any]:
    value = data.get(key, [])
    if not isinstance(value, list):
        raise NaturalError(key, "is not a list.", "Put it into square brackets.")
    return value


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NaturalError(place, "is not an object.", "Write it as {…} with an input and an output.")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise NaturalError(place, "is not a text.", "Put it into quotation marks.")
    if "\0" in value or len(value) > MAX_CHARS:
        raise NaturalError(place, f"holds a NUL character or more than {MAX_CHARS:,} characters.", "Take it out.")
    return value


def _demonstration(raw: Any, kind: str, place: str) -> NaturalDemonstration:
    given = _object(raw, place)
    texts = {part: _text(given.get(part, ""), f"{place}.{part}") for part in PARTS}
    extra = {key: value for key, value in given.items() if key not in PARTS}
    missing = [part for part in PARTS if part not in given]
    return NaturalDemonstration(kind, **texts, extra=extra | ({"$missing": missing} if missing else {}))


def _instance(raw: Any, place: str) -> NaturalInstance:
    given = _object(raw, place)
    output = given.get("output")
    shape = "text" if isinstance(output, str) else "list"
    outputs = [output] if isinstance(output, str) else output
    if not isinstance(outputs, list):
        raise NaturalError(f"{place}.output", "is neither a text nor a list of texts.", "Write it as a list of texts.")
    texts = tuple(_text(one, f"{place}.output[{n}]") for n, one in enumerate(outputs))
    number = given.get("id")
    if number is not None and not isinstance(number, str):
        raise NaturalError(f"{place}.id", "is not a text.", "Put it into quotation marks.")
    extra = {key: value for key, value in given.items() if key not in ("id", "input", "output")}
    return NaturalInstance(number, _text(given.get("input", ""), f"{place}.input"), texts, shape, extra)


def write(task: NaturalTask) -> dict[str, Any]:
    """The task as a file of Natural Instructions; of what `read` gave, the same file."""
    return head(task) | {INSTANCES: [instance(one) for one in task.instances]}


def head(task: NaturalTask) -> dict[str, Any]:
    """All of the file but its instances, in the order in which the keys stood. A new task gets the fields of the schema."""
    kept, there = task.extra, task.extra.get("keys")
    before = kept.get("definition")
    unchanged = isinstance(before, list) and "\n".join(before) == task.definition
    as_text = there is not None and before is None
    made: dict[str, Any] = dict(kept.get("rest", {}))
    made[DEFINITION] = before if unchanged else task.definition if as_text else [task.definition]
    for key, ours in LISTS.items():
        if key not in made and (there is None or key in there or task.lists.get(ours)):
            made[key] = task.lists.get(ours, [])
    licence = kept.get("licence")
    if licence is not None and ", ".join(licence) == task.licence:
        made[LICENCE] = licence
    elif task.licence or there is None:
        made[LICENCE] = [task.licence or "Unknown"]
    for kind, key in DEMONSTRATIONS.items():
        ones = [demonstration(one) for one in task.demonstrations if one.kind == kind]
        if ones or there is None or key in there:
            made[key] = ones
    order = {key: at for at, key in enumerate(there or [])}
    return dict(sorted(made.items(), key=lambda pair: order.get(pair[0], len(order))))


def demonstration(one: NaturalDemonstration) -> dict[str, Any]:
    extra = dict(one.extra)
    missing = extra.pop("$missing", [])
    return {part: getattr(one, part) for part in PARTS if getattr(one, part) or part not in missing} | extra


def instance(one: NaturalInstance) -> dict[str, Any]:
    output: Any = one.outputs[0] if one.shape == "text" and len(one.outputs) == 1 else list(one.outputs)
    return ({"id": one.id} if one.id is not None else {}) | {"input": one.input, "output": output} | one.extra
