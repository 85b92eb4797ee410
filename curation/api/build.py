"""The NinjaAPI of Winnow: bearer tokens with scopes, strict input, errors in one shape, and its addresses."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.router import Router
from ninja.security import HttpBearer

from config.faults import Fault
from curation.api.errors import Invalid, answer_to, problem
from curation.api.guarding import View, guard
from curation.models import Scope

PREFIX = "/api/v1"


class Token(HttpBearer):
    """The scope that an operation needs. The token itself was checked before (`guarding`)."""

    def __init__(self, scope: Scope = Scope.READ) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Any:
        token = request.token  # type: ignore[attr-defined]
        if not token.may(self.scope):
            raise Fault("api.scope", scope=self.scope.value, scopes=", ".join(token.scopes))
        return token

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        raise NotImplementedError("the guard did this already")


class StrictParser(Parser):
    """JSON with no NaN, no endless numbers, and no text that a database cannot keep."""

    def parse_body(self, request: HttpRequest) -> Any:
        return read_json(request.body)


def read_json(raw: bytes) -> Any:
    """Raises `Fault` api.not_json, or `Invalid` with the place of a text that cannot be stored."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise Fault("api.not_json", why=f"It is not UTF-8: byte {error.start + 1} cannot be read.") from None
    except json.JSONDecodeError as error:
        why = f"It stops making sense at line {error.lineno}, column {error.colno}: {error.msg}."
        raise Fault("api.not_json", why=why) from None
    except RecursionError:
        raise Fault("api.not_json", why="It is nested too deeply.") from None
    except ValueError as error:
        raise Fault("api.not_json", why=f"It holds a number that cannot be read: {error}.") from None
    # NUL and half characters can only have come as escapes, which are rare: only then is it worth a walk.
    if b"\\u0000" in raw or b"\\ud" in raw or b"\\uD" in raw:
        for place, text in texts(value):
            check_text(place, text)
    return value


def check_text(place: str, text: str) -> None:
    if "\0" in text:
        raise Invalid(place, f"{place} holds a NUL character, which cannot be stored.", "Take it out and send again.")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise Invalid(place, f"{place} holds half a character (a lone surrogate).", "Take it out and send again.")


def texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a JSON value with its place, names of objects included."""
    if isinstance(value, str):
        yield place or "the body", value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield place or "the body", name
            yield from texts(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from texts(inner, f"{place}[{number}]")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]} is too large")
    return value


def strict_query(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Refuse parameters that the operation does not know: a filter that is misspelt must not return everything."""
    operation: Operation = run.__self__  # type: ignore[attr-defined]
    known: set[str] = set()
    for model in operation.models:
        if model.__ninja_param_source__ == "query":
            known |= set(model.__ninja_flatten_map__)  # type: ignore[attr-defined]

    def strict(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        for name, value in request.GET.items():
            if name not in known:
                may = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
                return problem(Invalid(name[:80], f"The parameter {name[:80]} is not known here.", may))
            try:
                check_text(name, str(value))
            except Invalid as error:
                return problem(error)
        return run(request, **kwargs)

    return strict


class WinnowAPI(NinjaAPI):
    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_operation_url_name(self, operation: Operation, router: Router) -> str:
        return f"api_{operation.view_func.__name__}"

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        if isinstance(exc, HttpError) and isinstance(exc.__cause__, Fault):
            exc = exc.__cause__  # ninja wraps what the parser raised in an error of its own
        return answer_to(request, exc)


def new_api() -> WinnowAPI:
    api = WinnowAPI(
        title="Winnow", version="1", openapi_url=None, docs_url=None, auth=Token(), parser=StrictParser(),
        urls_namespace="api",
        description="Tasks, examples, annotations, reviews, pools and runs of one team. A token acts as the person who made "
        "it, in one team, with the role that the person has today.",
    )  # fmt: skip
    api.add_decorator(strict_query, mode="view")
    return api


def addresses(api: WinnowAPI) -> list[URLPattern]:
    """The URL patterns of the operations behind the guard, and an answer for everything else below the prefix."""
    patterns: list[URLPattern] = []
    views: dict[str, Any] = {}
    for pattern in api.urls[0]:
        if not isinstance(pattern, URLPattern) or pattern.name == "api-root":
            continue
        route = str(pattern.pattern)
        if route not in views:  # ninja lists a route once for each of its methods
            views[route] = guard(cast("View", pattern.callback))
        patterns.append(path(route, views[route], name=pattern.name))
    return [*patterns, path("<path:rest>", guard(nowhere), name="api_nowhere")]


def nowhere(request: HttpRequest, rest: str) -> HttpResponse:
    return problem(Fault("api.not_found", path=request.path))
