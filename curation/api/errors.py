"""Errors as JSON: what happened, why, what to do, and the place in the request where there is one."""

import logging
import secrets
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja.errors import ValidationError

from config.faults import Fault
from curation.content import ContentError

logger = logging.getLogger("winnow.api")
MAX_PROBLEMS = 20


class Invalid(Fault):
    """A value in the request that cannot be taken: `place` names it as `rows[3].content.input`."""

    def __init__(self, place: str, what: str, do: str = "", problems: list[dict[str, str]] | None = None) -> None:
        do = do or f"Correct {place} and send the request again."
        super().__init__("api.invalid", what=what, do=do)
        self.place, self.problems = place, problems


def problem(fault: Fault) -> HttpResponse:
    error: dict[str, Any] = {"code": fault.code, "title": fault.title, "what": fault.what, "do": fault.advice}
    if place := getattr(fault, "place", None) or fault.facts.get("place"):
        error["place"] = place
    if problems := getattr(fault, "problems", None):
        error["problems"] = problems
    response = JsonResponse({"error": error}, status=fault.status)
    if wait := fault.facts.get("retry_after"):
        response["Retry-After"] = str(wait)
    if fault.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Winnow"'
    return response


def answer_to(request: HttpRequest, error: Exception) -> HttpResponse:
    """The answer to whatever was raised on the way."""
    if isinstance(error, Fault):
        return problem(error)
    if isinstance(error, Http404):
        return problem(Fault("api.not_found", path=request.path))
    if isinstance(error, PermissionDenied):
        return problem(Fault("api.role", why=str(error) or "This needs a higher role."))
    if isinstance(error, ContentError):
        return problem(Invalid(error.field, f"{error.field} {error.why}."))
    if isinstance(error, ValidationError):
        return problem(invalid(error.errors))
    error_id = secrets.token_hex(4)
    # Never the body: it may hold the text of examples.
    logger.error("%s %s failed, error id %s", request.method, request.path, error_id, exc_info=error)
    return problem(Fault("api.unexpected", error_id=error_id))


def invalid(errors: list[dict[str, Any]]) -> Invalid:
    """The first problem in words, all of them (up to 20) with their places."""
    problems = [{"place": place_of(one["loc"]), "what": words(one)} for one in errors[:MAX_PROBLEMS]]
    first = problems[0]
    what = f"{first['place']} {first['what']}."
    if len(errors) > 1:
        what += f" {len(errors) - 1} more are not valid either."
    return Invalid(first["place"], what, problems=problems)


def place_of(loc: tuple[Any, ...]) -> str:
    """("body", "body", "rows", 3, "key") as `rows[3].key`; a parameter by its name."""
    parts = list(loc)
    parts = parts[1:] if parts and parts[0] in {"body", "query", "path", "header"} else parts
    place = ""
    # ninja puts the name of the argument (`body`, `filters`) before the places inside it
    for part in parts[1:] if parts and parts[0] in {"body", "filters"} else parts:
        if isinstance(part, int):
            place += f"[{part}]"
        elif not str(part).startswith(("function-", "tagged-", "list[", "dict[")):
            place += f".{part}" if place else str(part)
    return place or "the body"


def words(error: dict[str, Any]) -> str:
    """What pydantic found, completing "The field … "."""
    kind, facts = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is not known here"
    if kind in {"literal_error", "enum"}:
        return f"must be {facts.get('expected', 'one of the known values')}"
    if kind == "string_too_long":
        return f"is longer than {facts['max_length']:,} characters"
    if kind == "string_too_short":
        return "is empty" if facts["min_length"] == 1 else f"is shorter than {facts['min_length']} characters"
    if kind == "too_long":
        return f"has more than {facts['max_length']:,} entries"
    if kind == "too_short":
        return f"has fewer than {facts['min_length']} entries"
    said = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    swaps = {"Input should be ": "must be ", "Input should ": "should "}
    for start, better in swaps.items():
        if said.startswith(start):
            return better + said.removeprefix(start)
    return f"cannot be used: {said}"
