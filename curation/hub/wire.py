"""The HTTP client that `huggingface_hub` is given. Apart, because only workers load it."""

from typing import Any

import httpx2

from config.net_sync import GuardedSyncTransport
from jobs.errors import Transient

MEND = "Check the network of the workers, and HF_ENDPOINT if the hub is another one"
LATER = (408, 429, 500, 502, 503, 504)
LONGEST = 3600.0  # seconds that a hub may ask to wait


class _Transport(GuardedSyncTransport):
    """Busy and broken answers as `Transient`."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            answer = super().handle_request(request)
        except httpx2.TransportError as error:
            raise Transient(unheard(request.url.host, error), mend=MEND) from error
        if answer.status_code in LATER:
            said = f"{request.url.host} answered {answer.status_code} to {request.method} {_short(request.url.path)}"
            pause = pause_of(answer)
            answer.close()
            raise Transient(said, retry_after=pause)
        return answer


def pause_of(answer: httpx2.Response) -> float | None:
    """Seconds that the hub asks to wait: Retry-After, or its rate limit's reset."""
    from huggingface_hub.utils._http import parse_ratelimit_headers

    given = answer.headers.get("retry-after", "").strip()
    if given.isdigit():
        return min(float(given), LONGEST)
    limit = parse_ratelimit_headers(answer.headers)
    if answer.status_code == 429 and limit is not None and limit.remaining == 0:
        return min(float(limit.reset_in_seconds), LONGEST)
    return None


def unheard(host: str, error: httpx2.TransportError) -> str:
    """That the hub was not reached, or not to the end."""
    if isinstance(error, httpx2.ConnectError | httpx2.TimeoutException):
        return f"{host} did not answer ({type(error).__name__})"
    return f"the connection to {host} broke ({type(error).__name__})"


def _short(path: str) -> str:
    return path if len(path) <= 120 else f"{path[:119]}…"


class _Client(httpx2.Client):
    def request(self, method: Any, url: Any, **kwargs: Any) -> httpx2.Response:
        data = kwargs.get("data")
        if data is not None and hasattr(data, "read"):  # how the library sends files, which httpx2 calls old
            kwargs["content"] = kwargs.pop("data")
        return super().request(method, url, **kwargs)


def make_client() -> httpx2.Client:
    from huggingface_hub.utils._http import hf_request_event_hook

    return _Client(
        transport=_Transport(), timeout=httpx2.Timeout(60.0, connect=10.0, read=300.0), follow_redirects=True,
        trust_env=False, event_hooks={"request": [hf_request_event_hook]},
    )  # fmt: skip
