"""Faults: what a person's data or settings did wrong, with the place and the mend.

A `Fault` carries a code and facts; the words live in a catalogue that each app fills from its `faults.py`.
One middleware turns a fault into a page, a part of a page, or JSON.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse


@dataclass(frozen=True, slots=True)
class Text:
    """The words of one fault. Braces are filled from the facts. `again`: the same work may succeed another time."""

    title: str
    what: str
    do: str
    status: int = 422
    again: bool = True


CATALOGUE: dict[str, Text] = {}


def register(texts: dict[str, Text]) -> None:
    for code, entry in texts.items():
        if CATALOGUE.setdefault(code, entry) != entry:
            raise ValueError(f"the fault {code} is already registered with other words")


def may_help(code: str) -> bool:
    """Whether work that ended with this fault is worth another try as it is."""
    return code not in CATALOGUE or CATALOGUE[code].again


class Fault(Exception):
    """`Fault("import.empty", name="train.jsonl")`. An unregistered code is a programming error and says so."""

    def __init__(self, code: str, **facts: Any) -> None:
        if code not in CATALOGUE:
            raise LookupError(f"the fault {code!r} is not in the catalogue")
        super().__init__(code)
        self.code, self.facts = code, facts
        entry = CATALOGUE[code]
        self.title = entry.title.format(**facts)
        self.what = entry.what.format(**facts)
        self.advice = entry.do.format(**facts)
        self.status = entry.status

    def __str__(self) -> str:
        return f"{self.title}. {self.what} {self.advice}"


register(
    {
        "store.missing": Text(
            "A file of the storage is gone",
            "{path} is not where it was written.",
            "Restore it from a backup, or delete what it belongs to and make it again.",
            status=500,
        ),
        "store.damaged": Text(
            "A file of the storage was changed",
            "{path} no longer has the content that was written: its sha256 differs.",
            "Restore it from a backup, or delete what it belongs to and make it again.",
            status=500,
        ),
        "store.full": Text(
            "There is no room left in the storage",
            "{path} could not be written, so nothing of it was kept.",
            "Free some space or enlarge the volume, then resume or try again; what was finished is kept.",
            status=507,
        ),
        "upload.too_large": Text(
            "The file is too large",
            "It has more than {limit}, the most that this installation accepts.",
            "Cut it in parts, compress it, or have UPLOAD_MAX_BYTES raised.",
            status=413,
        ),
        "stale": Text(
            "Somebody changed this before you",
            "The {thing} was changed since you opened the page, so nothing was saved.",
            "Load the page again and repeat your change.",
            status=409,
        ),
        "too_many": Text(
            "That was too often", "{what} is limited to {limit}.", "Wait {wait} and try again.", status=429
        ),
    }
)


class FaultMiddleware:
    """Answers a `Fault` that a view raised: JSON to those who ask for it, else a page (or its part)."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Fault):
            return None
        if "application/json" in request.headers.get("Accept", ""):
            body = {"code": error.code, "title": error.title, "what": error.what, "do": error.advice}
            return JsonResponse({"error": body}, status=error.status)
        from config.http import page

        return page(request, "fault.html", {"fault": error}, part="fault", status=error.status)
