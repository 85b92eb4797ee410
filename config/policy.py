"""Every view says who may come in. A system check walks the URLs and refuses one without a mark.

The mark is the outer door only: which objects a member may reach is decided by `access.py`.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.urls import URLPattern, URLResolver, get_resolver
from django.views.decorators.http import require_safe

MARK = "winnow_policy"


def members(view: Callable[..., Any]) -> Callable[..., Any]:
    """Signed-in people; the view takes its objects from `access.py`."""
    guarded = login_required(view)
    setattr(guarded, MARK, "members")
    return guarded


def reads(view: Callable[..., Any]) -> Callable[..., Any]:
    """Members, and the page only shows something: another method than GET is answered with 405."""
    return members(require_safe(view))


def public(*, reason: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Anybody, for a stated reason."""
    if not reason.strip():
        raise ValueError("a public view states its reason")

    def mark(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def open_view(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs)

        setattr(open_view, MARK, f"public: {reason}")
        return open_view

    return mark


def by_token(*, reason: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Programs with a bearer token, for a stated reason; cookies mean nothing here. Objects come from `access.py`."""
    if not reason.strip():
        raise ValueError("a view for programs states its reason")

    def mark(view: Callable[..., Any]) -> Callable[..., Any]:
        setattr(view, MARK, f"token: {reason}")
        return view

    return mark


def policy_of(view: Callable[..., Any]) -> str | None:
    return getattr(view, MARK, None)


def every_url(patterns: list[Any] | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """(route, pattern) of every URL of the project, includes resolved."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from every_url(entry.url_patterns, route)
        else:
            yield route, entry
