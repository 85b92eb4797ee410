"""What a request of the annotation page says: the answer, the note, the version it began from, the time it took."""

from math import isfinite
from typing import Any

from django.http import QueryDict

from curation.working import Writing, new_key

MOST_SECONDS = 4 * 3600.0  # of one visit to an item; more is a clock gone wrong
MOST_NOTE = 20_000


def read_writing(posted: QueryDict, form: Any) -> Writing:
    """Never raises: what cannot be read counts as not said."""
    from curation import answers

    return Writing(
        answer=answers.parse(form, posted),
        note=posted.get("note", "").replace("\0", "").replace("\r\n", "\n")[:MOST_NOTE],
        key=posted.get("submit_key", "").replace("\0", "")[:64] or new_key(),
        version=read_version(posted),
        seconds=read_seconds(posted),
        sure=bool(posted.get("sure")),
    )


def read_version(posted: QueryDict, name: str = "version") -> int:
    text = posted.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def read_seconds(posted: QueryDict) -> float:
    """Seconds that the page was in front of the person, bounded."""
    try:
        seconds = float(posted.get("seconds", "") or 0)
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), MOST_SECONDS) if isfinite(seconds) else 0.0


def storable(value: Any) -> Any:
    """An answer as it may be kept unfinished: without NUL characters, which the database refuses."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {storable(key): storable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [storable(one) for one in value]
    return value
