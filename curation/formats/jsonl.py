"""JSON Lines: one object a line. Empty lines are passed over; a bad line costs that line only."""

from collections.abc import Iterator
from typing import Any

import orjson

from curation.content.jsontext import TooDeepError, loads
from curation.formats import natural
from curation.formats.base import Batch, Limits
from curation.formats.building import Builder
from curation.formats.streams import TooLong, Unpacked, lines


def read(stream: Unpacked, limits: Limits, builder: Builder) -> Iterator[Batch]:
    """Batches of a stream of lines."""
    for first, block in lines(stream, limits.max_line_bytes):
        for number, line in enumerate(block, first):
            if type(line) is TooLong:
                reason = f"is longer than {limits.max_line_bytes:,} bytes"
                builder.refuse(number, "too_long", reason, line.head)
            else:
                parse(builder, number, line)  # type: ignore[arg-type]
            if builder.full:
                yield builder.flush()
    yield builder.flush()


def parse(builder: Builder, number: int, raw: bytes, facts: dict[str, Any] | None = None) -> None:
    """One text into the builder: as a row (of a task file with its `facts`), or refused with the place it breaks."""
    try:
        row = loads(raw)
    except orjson.JSONDecodeError as error:
        if raw and not raw.isspace():
            builder.refuse(number, *explain(raw, error), raw)
        return
    except TooDeepError as error:
        builder.refuse(number, "too_deep", f"is {error}", raw)
        return
    if facts and type(row) is dict:
        builder.add(number, natural.row(row, facts), raw, len(raw) + facts[natural.WEIGHT])
    else:
        builder.add(number, row, raw)


def explain(raw: bytes, error: orjson.JSONDecodeError) -> tuple[str, str]:
    """Why a text is not JSON: code and reason."""
    if b"\0" in raw:
        return "nul", f"contains a NUL byte at byte {raw.index(0) + 1}"
    try:
        raw.decode()
    except UnicodeDecodeError as broken:
        return "utf8", f"is not valid UTF-8 at byte {broken.start + 1}"
    return "bad_json", f"is not JSON: {error.msg.split(': line')[0]} at character {error.pos + 1}"
