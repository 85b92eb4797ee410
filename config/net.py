"""Outbound HTTP through one guarded door: no private addresses, checked on the address that is really connected to.

A check of the name before the request is not enough: names change their addresses between check and use, and
redirects lead elsewhere. So the check sits in the opening of the socket, which every request and redirect passes.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import IO, Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

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
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # NAT64: the last four bytes are an IPv4 address
UNICAST = ipaddress.ip_network("2000::/3")  # all of IPv6 that is given out for the public internet (RFC 4291, IANA)
PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # RFC 6890; `is_global` lets a part of it pass
TROUBLE = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also where it wraps an IPv4 address."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if found in TRANSLATED:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is None and found not in UNICAST:
            return False  # `is_global` lets site-local, local NAT64 and old forms that wrap 127.0.0.1 pass
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast and found not in PROTOCOLS


def allowed(host: str, address: str) -> bool:
    """Whether this address of this host may be connected to."""
    return host.lower() in {name.lower() for name in settings.OUTBOUND_ALLOW} or is_public(address)


def address_of(host: str, found: Iterable[Any], refused: Callable[..., Exception]) -> str:
    """Of what `getaddrinfo` found for a name, the first address that may be connected to.

    Raises `refused(host=…, why=…)` where there is none.
    """
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if allowed(host, address.split("%")[0]):
            return address
    raise refused(host=host, why=f"at the private address {addresses[0]}")


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves a name once, refuses addresses that are not public, and connects to the one that it checked.

    `deadline` (monotonic seconds) bounds all waiting, so that a server that drips cannot hold a worker.
    """

    def __init__(self, deadline: float) -> None:
        self._real = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name {host} is not known") from error
        address = address_of(host, found, partial(Fault, "net.refused"))
        stream = self._real.connect_tcp(address, port, _left(self._deadline, timeout), local_address, socket_options)
        return Bounded(stream, self._deadline)

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        raise Fault("net.refused", host="a unix socket", why="not an address of the network")


class Bounded(httpcore.NetworkStream):
    """A connection whose every wait also ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline, timeout))
        return Bounded(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


def _left(deadline: float, timeout: float | None) -> float:
    """The shorter of a timeout and the time that is left. Raises `httpcore.ReadTimeout` when none is."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("it took too long")
    return left if timeout is None else min(left, timeout)


def download(url: str, into: IO[bytes], *, max_bytes: int, seconds: float = 3600.0) -> int:
    """Fetch a file into an open one; returns its size in bytes.

    Raises `Fault` net.refused for an address that is not public, net.failed for an answer that is not the file,
    more than `max_bytes`, or more than `seconds` in all.
    """
    deadline = time.monotonic() + seconds
    timeouts = {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 10.0}
    at = url
    backend = GuardedBackend(deadline)
    with httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=backend) as pool:
        for _ in range(REDIRECTS + 1):
            try:
                if urlsplit(at).scheme not in {"http", "https"} or not urlsplit(at).hostname:
                    raise Fault("net.refused", host=at[:100], why="not an http or https address")
                with pool.stream(
                    "GET", _ascii(at), headers={"User-Agent": "winnow"}, extensions={"timeout": timeouts}
                ) as answer:
                    headers = {name.decode().lower(): value.decode("latin-1") for name, value in answer.headers}
                    if 300 <= answer.status < 400 and "location" in headers:
                        at = urljoin(at, headers["location"])
                        continue
                    if answer.status != 200:
                        raise Fault("net.failed", url=url, why=f"the server answered {answer.status}")
                    return _copy(answer.iter_stream(), into, url, max_bytes)
            except TROUBLE as error:
                why = "it took too long" if time.monotonic() >= deadline else str(error) or type(error).__name__
                raise Fault("net.failed", url=url, why=why) from None
            except ValueError:  # of urlsplit and httpcore: spaces, brackets, letters that no host has
                raise Fault("net.failed", url=url, why="it is not an address") from None
    raise Fault("net.failed", url=url, why=f"it led through more than {REDIRECTS} redirects")


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float = 20.0) -> tuple[int, float | None]:
    """Send a few bytes; returns the status of the answer, and the seconds that it asks to wait (Retry-After), if any.

    Redirects are not followed, and of the answer nothing else is read. Raises `Fault` net.refused, net.failed.
    """
    deadline = time.monotonic() + seconds
    timeouts = {"connect": min(10.0, seconds), "read": seconds, "write": seconds, "pool": seconds}
    backend = GuardedBackend(deadline)
    try:
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise Fault("net.refused", host=url[:100], why="not an http or https address")
        with (
            httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=backend) as pool,
            pool.stream(
                "POST", _ascii(url), headers=[("User-Agent", "winnow"), ("Connection", "close"), *headers.items()],
                content=body, extensions={"timeout": timeouts},
            ) as answer,
        ):  # fmt: skip
            pause = next((value for name, value in answer.headers if name.lower() == b"retry-after"), b"")
            return answer.status, min(float(pause), 3600.0) if pause.isdigit() else None
    except TROUBLE as error:
        why = "it took too long" if time.monotonic() >= deadline else str(error) or type(error).__name__
        raise Fault("net.failed", url=url, why=why) from None
    except ValueError:
        raise Fault("net.failed", url=url, why="it is not an address") from None


def _ascii(url: str) -> str:
    """The address as it goes over the wire: names by IDNA, other letters in percent form. Raises `ValueError`."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else (parts.hostname or "").encode("idna").decode()
    place = f"{host}:{parts.port}" if parts.port else host
    path, query = (quote(text, safe="/%:@!$&'()*+,;=~?-._") for text in (parts.path, parts.query))
    return urlunsplit((parts.scheme, place, path or "/", query, ""))


def _copy(parts: Iterable[bytes], into: IO[bytes], url: str, max_bytes: int) -> int:
    got = 0
    for part in parts:
        got += len(part)
        if got > max_bytes:
            raise Fault("net.failed", url=url, why=f"it is larger than the {max_bytes:,} bytes that are accepted")
        into.write(part)
    return got
