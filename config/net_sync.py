"""The guarded door for `httpx2` clients that other libraries drive: the rule of `config.net`, at the opening of a socket.

Redirects may be followed: each of them opens its socket through the same door.
"""

import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

from config.net import address_of
from config.net_async import RefusedAddress


class GuardedSyncBackend(httpcore2.NetworkBackend):
    """Resolves a name once, refuses addresses that are not public, connects to the one that it checked."""

    def __init__(self) -> None:
        self._real = httpcore2.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:  # fmt: skip
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"the name {host} is not known") from error
        address = address_of(host, found, RefusedAddress)
        return self._real.connect_tcp(address, port, timeout, local_address, socket_options)

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore2.NetworkStream:
        raise RefusedAddress("a unix socket", "not an address of the network")


class GuardedSyncTransport(httpx2.HTTPTransport):
    """`httpx2` over the guarded backend."""

    def __init__(self, connections: int = 8) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl.create_default_context(), max_connections=connections,
            max_keepalive_connections=connections, keepalive_expiry=30.0, network_backend=GuardedSyncBackend(),
        )  # fmt: skip
