"""Files that go out while they are made."""

from collections.abc import Iterator

from django.http import StreamingHttpResponse

from curation.importing import bad_list

TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


def send(body: Iterator[bytes], name: str, kind: str) -> StreamingHttpResponse:
    """An attachment in pieces; `kind` is jsonl or csv."""
    answer = StreamingHttpResponse(body, content_type=TYPES[kind])
    answer["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


def send_bad_rows(path: str, name: str, kind: str) -> StreamingHttpResponse:
    """The list of bad rows that an import kept; `kind` is what the address asked for, CSV if it is nothing known."""
    kind = "jsonl" if kind == "jsonl" else "csv"
    return send(bad_list(path, kind), name, kind)
