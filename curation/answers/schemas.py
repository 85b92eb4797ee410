"""JSON Schema (Draft 2020-12): whether a form may use it, and what is wrong with a value by it."""

from collections import abc
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from curation.answers.model import FormError, is_raw
from curation.content import jsontext

MAX_SCHEMA = 100_000  # characters of its JSON text
MAX_EXPANDED = 50_000  # places of the schema with every reference written out: a few lines can stand for billions
MAX_NAMED = 5  # errors named at once
DATA = ("enum", "const", "default", "examples")  # keywords that hold data, not schemas
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def check_schema(schema: Any, place: str) -> None:
    """Raises `FormError` unless the schema is valid, of a sane size, and refers to nothing outside of itself."""
    if not isinstance(schema, dict):
        raise FormError(place, 'must be a JSON Schema: an object such as {"type": "object", "properties": {…}}')
    try:
        size = len(jsontext.dumps(schema))
        jsontext.canonical(schema)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormError(place, f"is not a JSON value ({error})") from None
    if size > MAX_SCHEMA:
        raise FormError(place, f"has {size:,} characters; {MAX_SCHEMA:,} are the most")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise FormError(
            place + pointer(error.absolute_path), f"is not valid JSON Schema: {error.message[:200]}"
        ) from None
    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for where, target in _references(schema, place):
        if not target.startswith("#"):
            raise FormError(where, f"refers to {target[:100]}; a schema may refer only to itself, with # in front")
        try:
            resolver.lookup(target)
        except (Unresolvable, ValueError):
            raise FormError(where, f"refers to {target[:100]}, which is not in the schema") from None
    try:
        if _expanded(schema, resolver, {}) > MAX_EXPANDED:
            raise FormError(place, f"stands for more than {MAX_EXPANDED:,} places once its references are followed")
        list(validator(schema).iter_errors({}))
    except RecursionError:
        raise FormError(place, "refers to itself in a circle without end") from None


def validator(schema: abc.Mapping[str, Any]) -> Draft202012Validator:
    """Fetches nothing: the registry is empty, so only references inside of the schema resolve."""
    return Draft202012Validator(schema, registry=Registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def wrong(schema: abc.Mapping[str, Any], value: Any) -> list[tuple[str, str]]:
    """(why, what to do) of the first errors, by place."""
    unread = next(_raws(value, ()), None)
    if unread is not None:
        return [(f"{_at(unread)} is not JSON that can be read.", "Correct the text in that box.")]
    try:
        found = sorted(validator(schema).iter_errors(value), key=lambda one: pointer(one.absolute_path))
    except RecursionError:
        return [("The value is nested too deeply to be checked.", "Make it flatter.")]
    said = [_said(error) for error in found[:MAX_NAMED]]
    if len(found) > MAX_NAMED:
        said.append((f"There are {len(found) - MAX_NAMED:,} more errors.", "Correct these first."))
    return said


def pointer(path: abc.Iterable[Any]) -> str:
    return "".join(f"/{step}" for step in path)


def _at(path: abc.Iterable[Any]) -> str:
    steps = [f"item {step + 1}" if isinstance(step, int) else str(step) for step in path]
    return " › ".join(steps) or "The value"


def _said(error: ValidationError) -> tuple[str, str]:
    at, rule = _at(error.absolute_path), error.validator_value
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = [name for name in rule if name not in error.instance and f"{name!r} is" in error.message]
        name = missing[0] if missing else ""
        return f"{_at([*error.absolute_path, name])} is missing.", "Fill it in."
    types = " or ".join(map(str, rule)) if isinstance(rule, list) else rule
    words = {
        "type": (f"{at} is not of the type {types}.", "Correct it."),
        "minimum": (f"{at} is less than {rule}.", "Give a greater number."),
        "maximum": (f"{at} is more than {rule}.", "Give a smaller number."),
        "minLength": (f"{at} is shorter than {rule} characters.", "Write more."),
        "maxLength": (f"{at} is longer than {rule} characters.", "Shorten it."),
        "minItems": (f"{at} has fewer than {rule} items.", "Add some."),
        "maxItems": (f"{at} has more than {rule} items.", "Take some out."),
        "uniqueItems": (f"{at} has an item twice.", "Take one out."),
        "pattern": (f"{at} does not have the form {str(rule)[:80]}.", "Write it in that form."),
        "format": (f"{at} is not a {rule}.", f"Write it as a {rule}."),
    }
    if error.validator == "enum":
        choices = ", ".join(jsontext.dumps(one) for one in list(rule)[:8])
        return f"{at} is none of the choices.", f"Choose one of {choices}."
    if error.validator == "additionalProperties":
        return f"{at} has a field that the schema does not know.", f"Remove it: {error.message[:160]}."
    return words.get(str(error.validator), (f"{at}: {error.message[:200]}.", "Correct it."))


def _references(schema: Any, place: str, depth: int = 0) -> abc.Iterator[tuple[str, str]]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in REFERENCES and isinstance(value, str):
                yield f"{place}/{key}", value
            elif key not in DATA or depth == 0:
                yield from _references(value, f"{place}/{key}", depth + 1)
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from _references(value, f"{place}/{number}", depth + 1)


def _expanded(schema: Any, resolver: Any, known: dict[int, int]) -> int:
    """How many places the schema has with its references written out; a circle counts once."""
    if not isinstance(schema, dict | list):
        return 0
    if id(schema) in known:
        return known[id(schema)]
    known[id(schema)] = 0
    count = 1
    for key, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if key in REFERENCES and isinstance(value, str):
            count += _expanded(resolver.lookup(value).contents, resolver, known)
        elif key not in DATA:
            count += _expanded(value, resolver, known)
    known[id(schema)] = count
    return count


def _raws(value: Any, path: tuple[Any, ...]) -> abc.Iterator[tuple[Any, ...]]:
    """Where texts stand that could not be read."""
    if is_raw(value):
        yield path
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _raws(one, (*path, key))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _raws(one, (*path, number))
