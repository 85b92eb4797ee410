"""How a view answers: a whole page, or the part of it that htmx asked for."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails


class Request(HttpRequest):
    """The request as views see it, for type checkers."""

    htmx: HtmxDetails
    user: Any
    team: Any


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *,
    part: str | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    """Render `template`, or only its partial `part` when htmx swaps it.

    Boosted requests and restored history get the whole page. The server names the part, never the request.
    """
    context = context or {}
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    whole = not htmx or htmx.boosted or htmx.history_restore_request
    name = template if whole or part is None else f"{template}#{part}"
    if "team" in context:
        request.team = context["team"]  # type: ignore[attr-defined]
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def see_other(url: str) -> HttpResponseRedirect:
    """303: what answers a POST that succeeded, so that reloading does not repeat it."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def unchanged(request: HttpRequest, version: int) -> HttpResponse | None:
    """204 for a poll that has already seen this version; the browser then swaps nothing."""
    if request.htmx and request.GET.get("seen") == str(version):  # type: ignore[attr-defined]
        return HttpResponse(status=204)
    return None
