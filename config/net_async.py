"""The guarded door for asynchronous HTTP: the rule of `config.net`, for clients that keep many requests in flight.

The address is checked when the socket is opened, on the address that is connected to; redirects are not followed;
the environment's proxies are not used; an answer may have `MOST_BYTES` and must not be packed.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpcore2
import httpx2
from httpcore2._backends.anyio import AnyIOBackend

from config.net import address_of

MOST_BYTES = 32 << 20


class RefusedAddress(Exception):
    """This host may not be reached: it is at an address that is not public, and OUTBOUND_ALLOW does not name it."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"{host} is {why}")
        self.host, self.why = host, why


class GuardedAsyncBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a name once, refuses addresses that are not public, connects to the one that it checked."""

    def __init__(self) -> None:
        self._real = AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:  # fmt: skip
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"the name {host} is not known") from error
        address = address_of(host, found, RefusedAddress)
        return await self._real.connect_tcp(address, port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore2.AsyncNetworkStream:
        raise RefusedAddress("a unix socket", "not an address of the network")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """`httpx2` over the guarded backend."""

    def __init__(self, connections: int) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(), max_connections=connections,
            max_keepalive_connections=connections, keepalive_expiry=30.0, network_backend=GuardedAsyncBackend(),
        )  # fmt: skip

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await super().handle_async_request(request)
        if answer.headers.get("content-encoding", "identity") not in {"identity", ""}:
            await answer.aclose()
            raise httpx2.ReadError("the server packed its answer though it was asked not to")
        assert isinstance(answer.stream, httpx2.AsyncByteStream)  # noqa: S101  (for the type checker)
        answer.stream = _Bounded(answer.stream)
        return answer


class _Bounded(httpx2.AsyncByteStream):
    """The body of an answer, up to `MOST_BYTES`."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        got = 0
        async for part in self._stream:
            got += len(part)
            if got > MOST_BYTES:
                raise httpx2.ReadError(f"the answer has more than {MOST_BYTES:,} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def client(*, connections: int = 64, seconds: float = 120.0) -> httpx2.AsyncClient:
    """A client through the guarded door. `seconds` bounds each wait of a request. Raises `RefusedAddress` on use."""
    return httpx2.AsyncClient(
        transport=GuardedTransport(connections), timeout=httpx2.Timeout(seconds, connect=min(10.0, seconds)),
        follow_redirects=False, trust_env=False, headers={"Accept-Encoding": "identity", "User-Agent": "winnow"},
    )  # fmt: skip
