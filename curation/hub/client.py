"""The hub's own client library through the guarded door, with one place for retries: the step of the job.

    with talking():
        api = api_of(token)
        api.create_commit(…)

Answers that ask to come back later (429, 5xx) and cut connections become `jobs.errors.Transient` at once instead of the
library's pauses, so that a worker does not sleep and a person sees what is waited for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings

from config.faults import Fault
from curation.hub.escaping import flat
from jobs.errors import Stop, Transient

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi

FULL = ("storage limit", "quota", "storage quota", "no space", "exceeded your", "upgrade your plan", "too large")


def endpoint() -> str:
    return str(settings.HF_ENDPOINT).rstrip("/")


@contextmanager
def talking() -> Iterator[None]:
    """Inside, `huggingface_hub` speaks through the guarded door, quietly and without xet (which has a client of its own).

    One at a time in a process: its client is the process's.
    """
    from huggingface_hub import constants, set_client_factory
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from huggingface_hub.utils._http import default_client_factory

    from curation.hub.wire import make_client

    xet, quiet = constants.HF_HUB_DISABLE_XET, are_progress_bars_disabled()
    constants.HF_HUB_DISABLE_XET = True
    disable_progress_bars()
    set_client_factory(make_client)
    try:
        yield
    except (Fault, Transient, Stop):
        raise
    except Exception as error:
        raise understood(error) from error
    finally:
        set_client_factory(default_client_factory)
        constants.HF_HUB_DISABLE_XET = xet
        if not quiet:
            enable_progress_bars()


def api_of(token: str) -> HfApi:
    """The library's client; without a token it reads what everybody may read, whatever is kept on this machine."""
    from huggingface_hub import HfApi

    return HfApi(endpoint=endpoint(), token=token or False, library_name="winnow")


def understood(error: BaseException) -> BaseException:
    """The `Fault`, `Transient` or `Stop` that stands behind what the library raised; else the error itself."""
    import httpx2
    from huggingface_hub.errors import OfflineModeIsEnabled

    from config.net_async import RefusedAddress
    from curation.hub.wire import MEND, unheard

    at: BaseException | None = error
    while at is not None:
        if isinstance(at, Fault | Transient | Stop):
            return at
        if isinstance(at, RefusedAddress):
            return Fault("net.refused", host=at.host, why=at.why)
        if isinstance(at, OfflineModeIsEnabled):
            return Fault("hub.unreachable", endpoint=endpoint(), why="HF_HUB_OFFLINE is set on the workers")
        if isinstance(at, httpx2.TransportError):
            return Transient(unheard("the hub", at), mend=MEND)
        answer = getattr(at, "response", None)
        if isinstance(answer, httpx2.Response):
            return of_answer(answer)
        if isinstance(at, ValueError) and (fault := _said(str(at))) is not None:
            return fault
        at = at.__cause__
    return error


def _said(text: str) -> Fault | None:
    """What the library says in words alone."""
    if "LFS batch API returned errors" in text:
        return Fault("hub.full" if _is_full(text) else "hub.refused", status=422, said=flat(text, 300))
    if "Invalid metadata in README.md" in text:
        return Fault("hub.refused", status=400, said=flat(text, 300))
    return None


def _is_full(text: str) -> bool:
    low = text.lower()
    return any(word in low for word in FULL)


def of_answer(answer: httpx2.Response) -> BaseException:
    """What an answer that is no success means for the person who pushes."""
    from curation.hub.wire import LATER, pause_of

    said, status = message_of(answer), answer.status_code
    if status in LATER:
        return Transient(f"the hub answered {status}", retry_after=pause_of(answer))
    if status == 401:
        return Fault("hub.token", said=said)
    if status in (402, 403, 413, 507) and (status in (402, 507) or _is_full(said)):
        return Fault("hub.full", status=status, said=said)
    if status == 403:
        return Fault("hub.forbidden", said=said)
    if status == 404:
        return Fault("hub.missing", said=said)
    if status == 409:
        return Fault("hub.conflict", said=said)
    if status == 412:
        return Transient("somebody else wrote to the branch meanwhile", retry_after=0.0)
    return Fault("hub.refused", status=status, said=said)


def message_of(answer: httpx2.Response) -> str:
    """What the hub says, as one line."""
    import httpx2

    try:
        raw = answer.content
    except httpx2.StreamError:
        raw = b""
    said: Any = ""
    try:
        found = json.loads(raw)
        said = found.get("error") or found.get("message") if isinstance(found, dict) else ""
    except ValueError:
        said = ""
    return flat(said or answer.headers.get("x-error-message", "") or answer.reason_phrase or "nothing", 300)


def whoami(token: str) -> dict[str, Any]:
    """Whose token it is: {name, orgs, role}. Raises `Fault` hub.token, hub.unreachable, net.refused."""
    import httpx2

    from config.net_async import RefusedAddress
    from config.net_sync import GuardedSyncTransport
    from curation.hub.wire import LATER

    try:
        with httpx2.Client(transport=GuardedSyncTransport(), timeout=10.0, trust_env=False) as client:
            answer = client.get(f"{endpoint()}/api/whoami-v2", headers={"Authorization": f"Bearer {token}"})
    except RefusedAddress as error:
        raise Fault("net.refused", host=error.host, why=error.why) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Fault("hub.unreachable", endpoint=endpoint(), why=flat(error, 200) or type(error).__name__) from None
    if answer.status_code in LATER:
        raise Fault("hub.unreachable", endpoint=endpoint(), why=f"it answered {answer.status_code}")
    if answer.status_code != 200:
        fault = of_answer(answer)
        raise fault if isinstance(fault, Fault) else Fault("hub.refused", status=answer.status_code, said="")
    try:
        found = answer.json()
        name = str(found["name"])
    except (ValueError, KeyError, TypeError):
        raise Fault("hub.unreachable", endpoint=endpoint(), why="its answer is none of a hub") from None
    orgs = [str(one.get("name")) for one in found.get("orgs") or [] if isinstance(one, dict)]
    token_facts = (found.get("auth") or {}).get("accessToken") or {}
    return {
        "name": flat(name, 100),
        "orgs": [flat(one, 100) for one in orgs[:100]],
        "role": flat(token_facts.get("role", ""), 40),
    }
