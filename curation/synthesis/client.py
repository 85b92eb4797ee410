"""Sending one request: the `openai` client over the guarded transport, without retries of its own."""

import asyncio
import json
import time
from typing import Any

from config import net_async
from config.crypto import unseal
from config.faults import Fault
from config.net_async import RefusedAddress
from curation.models import Endpoint
from curation.synthesis.outcomes import Outcome, Then, of_status


class Client:
    """Requests to one endpoint. Made inside the event loop that uses it; `close()` it there."""

    def __init__(self, endpoint: Endpoint) -> None:
        import httpx2
        from openai import AsyncOpenAI

        self.endpoint = endpoint
        self.seconds = float(endpoint.timeout)
        key = unseal(endpoint.key_sealed, f"The key of the endpoint {endpoint.name}") if endpoint.key_sealed else "none"
        http = net_async.client(connections=endpoint.concurrency, seconds=self.seconds)
        self._client = AsyncOpenAI(
            api_key=key, base_url=endpoint.base_url, max_retries=0, timeout=self.seconds, http_client=http
        )
        # Of a person's shell these would come, and belong to another account.
        self._client.organization = self._client.project = None
        self._raw = httpx2.Response

    async def close(self) -> None:
        await self._client.close()

    async def send(self, path: str, body: dict[str, Any]) -> Outcome:
        """One try. Raises `Fault` endpoint.unreachable for an address that may not be reached."""
        import openai

        began = time.monotonic()
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self._client.post(f"/{path}", cast_to=self._raw, body=body)
        except (TimeoutError, openai.APITimeoutError):
            return Outcome(Then.AGAIN, "timeout", f"no answer within {self.seconds:g} s", seconds=_since(began))
        except openai.APIStatusError as error:
            return of_status(error.status_code, dict(error.response.headers), error.body)
        except RefusedAddress as error:
            raise Fault("endpoint.unreachable", name=self.endpoint.name, host=error.host, why=error.why) from None
        except openai.APIConnectionError as error:
            said = str(error.__cause__ or error) or type(error.__cause__ or error).__name__
            return Outcome(Then.AGAIN, "connection", said[:500], seconds=_since(began))
        return _read(answer, _since(began))


def _read(answer: Any, seconds: float) -> Outcome:
    try:
        raw = json.loads(answer.content)
    except ValueError:  # cut off, no JSON, or no UTF-8
        return Outcome(Then.AGAIN, "malformed", "the answer is no JSON", seconds=seconds, status=answer.status_code)
    if not isinstance(raw, dict):
        return Outcome(Then.AGAIN, "malformed", "the answer is no object", seconds=seconds, status=answer.status_code)
    return Outcome(Then.DONE, response=raw, seconds=seconds, status=answer.status_code)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 4)
