"""The asynchronous door: private addresses refused at the socket, redirects not followed, answers bounded."""

import asyncio
import gzip
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from config import net_async
from config.net_async import RefusedAddress, client


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body = {
            "/": (200, {}, b"hello"),
            "/away": (302, {"Location": f"http://127.0.0.1:{self.server.server_port}/"}, b""),
            "/big": (200, {}, b"x" * 5000),
            "/packed": (200, {"Content-Encoding": "gzip"}, gzip.compress(b"hello")),
        }[self.path]
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def run(asked: Coroutine[None, None, Any]) -> Any:
    """Apart: a browser that is open in this process has a loop in the main thread."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, asked).result()


def get(url: str) -> httpx2.Response:
    async def ask() -> httpx2.Response:
        async with client(seconds=5) as http:
            return await http.get(url)

    return run(ask())


def test_a_private_address_is_refused_before_a_byte_is_sent(server, settings):
    settings.OUTBOUND_ALLOW = []
    server.asked.clear()
    for host in ("127.0.0.1", "localhost", "[::1]"):
        with pytest.raises(RefusedAddress):
            get(f"http://{host}:{server.server_port}/")
    assert server.asked == []


def test_a_host_that_is_allowed_by_name_and_no_other(server, settings):
    settings.OUTBOUND_ALLOW = ["LocalHost"]
    assert get(f"http://localhost:{server.server_port}/").text == "hello"
    with pytest.raises(RefusedAddress):
        get(f"http://127.0.0.1:{server.server_port}/")


def test_the_proxy_of_the_environment_is_not_used(server, settings, monkeypatch):
    settings.OUTBOUND_ALLOW = ["localhost"]
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert get(f"http://localhost:{server.server_port}/").text == "hello"


def test_redirects_are_not_followed(server, settings):
    settings.OUTBOUND_ALLOW = ["localhost"]
    server.asked.clear()
    assert get(f"http://localhost:{server.server_port}/away").status_code == 302
    assert server.asked == ["/away"]


def test_an_answer_is_bounded_and_never_packed(server, settings, monkeypatch):
    settings.OUTBOUND_ALLOW = ["localhost"]
    monkeypatch.setattr(net_async, "MOST_BYTES", 1000)
    with pytest.raises(httpx2.ReadError, match="more than 1,000 bytes"):
        get(f"http://localhost:{server.server_port}/big")
    with pytest.raises(httpx2.ReadError, match="packed"):
        get(f"http://localhost:{server.server_port}/packed")


def test_a_unix_socket_is_no_address():
    with pytest.raises(RefusedAddress):
        run(net_async.GuardedAsyncBackend().connect_unix_socket("/tmp/x"))
