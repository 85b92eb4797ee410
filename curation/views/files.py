"""Files that go out while they are made."""

from collections.abc import Iterator

from django.http import HttpRequest, StreamingHttpResponse

from curation.importing import bad_list

TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


GIVE_UP = 60  # seconds without a byte taken


def send(request: HttpRequest, body: Iterator[bytes], name: str, kind: str) -> StreamingHttpResponse:
    """An attachment in pieces; `kind` is jsonl or csv.

    A client that went away without a word would hold a thread of the server until the network gives it up, which may
    take hours: the connection is given a limit instead.
    """
    connection = request.META.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(GIVE_UP)
    answer = StreamingHttpResponse(body, content_type=TYPES[kind])
    answer["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer


def send_bad_rows(request: HttpRequest, path: str, name: str) -> StreamingHttpResponse:
    """The list of bad rows that an import kept, as CSV or, with `?as=jsonl`, as JSON Lines."""
    kind = "jsonl" if request.GET.get("as") == "jsonl" else "csv"
    return send(request, bad_list(path, kind), name, kind)
