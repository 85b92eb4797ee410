"""Outbound HTTP through one guarded door: no private addresses, checked on the address that is really connected to.

A check of the name before the request is not enough: names change their addresses between check and use, and
redirects lead elsewhere. So the check sits in the opening of the socket, which every request and redirect passes.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import httpcore
from django.conf import settings

from config.faults import Fault, Text, register

register(
    {
        "net.refused": Text(
            "This address may not be reached",
            "{host} is {why}.",
            "Use a public address, download the file yourself, or have the host added to OUTBOUND_ALLOW.",
        ),
        "net.failed": Text(
            "The file could not be fetched",
            "{url} did not give it: {why}.",
            "Check the address, or download the file yourself and import it from disk.",
        ),
    }
)
REDIRECTS = 5
BLOCK = 1 << 16


def allowed(host: str, address: str) -> bool:
    """Whether this address of this host may be connected to."""
    return host.lower() in {name.lower() for name in settings.OUTBOUND_ALLOW} or ipaddress.ip_address(address).is_global


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves a name once, refuses addresses that are not public, and connects to the one that it checked."""

    def __init__(self) -> None:
        self._real = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"the name {host} is not known") from error
        addresses = [str(entry[4][0]) for entry in found]
        good = [address for address in addresses if allowed(host, address.split("%")[0])]
        if not good:
            raise Fault("net.refused", host=host, why=f"at the private address {addresses[0]}")
        return self._real.connect_tcp(good[0], port, timeout, local_address, socket_options)

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        raise Fault("net.refused", host="a unix socket", why="not an address of the network")


def download(url: str, into: IO[bytes], *, max_bytes: int, seconds: float = 3600.0) -> int:
    """Fetch a file into an open one; returns its size in bytes.

    Raises `Fault` net.refused for an address that is not public, net.failed for an answer that is not the file,
    more than `max_bytes`, or more than `seconds` in all.
    """
    deadline = time.monotonic() + seconds
    timeouts = {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 10.0}
    at = url
    with httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=GuardedBackend()) as pool:
        for _ in range(REDIRECTS + 1):
            if urlsplit(at).scheme not in {"http", "https"}:
                raise Fault("net.refused", host=at[:100], why="not an http or https address")
            try:
                with pool.stream(
                    "GET", at, headers={"User-Agent": "winnow"}, extensions={"timeout": timeouts}
                ) as answer:
                    headers = {name.decode().lower(): value.decode("latin-1") for name, value in answer.headers}
                    if 300 <= answer.status < 400 and "location" in headers:
                        at = urljoin(at, headers["location"])
                        continue
                    if answer.status != 200:
                        raise Fault("net.failed", url=url, why=f"the server answered {answer.status}")
                    return _copy(answer.iter_stream(), into, url, max_bytes, deadline)
            except (
                httpcore.TimeoutException,
                httpcore.NetworkError,
                httpcore.ProtocolError,
                httpcore.UnsupportedProtocol,
            ) as error:
                raise Fault("net.failed", url=url, why=str(error) or type(error).__name__) from None
    raise Fault("net.failed", url=url, why=f"it led through more than {REDIRECTS} redirects")


def _copy(parts: Iterable[bytes], into: IO[bytes], url: str, max_bytes: int, deadline: float) -> int:
    got = 0
    for part in parts:
        got += len(part)
        if got > max_bytes:
            raise Fault("net.failed", url=url, why=f"it is larger than the {max_bytes:,} bytes that are accepted")
        if time.monotonic() > deadline:
            raise Fault("net.failed", url=url, why="it took too long")
        into.write(part)
    return got
