"""Files from the network: only from public addresses, checked at the socket; bounded in size and time."""

import io
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpcore
import pytest

from config import net
from config.faults import Fault

BODY = b'{"text": "one"}\n' * 1000


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        port = self.server.server_port
        self.server.asked.append(self.path)
        status, headers, body = {
            "/rows.jsonl": (200, {}, BODY),
            "/moved": (302, {"Location": "/rows.jsonl"}, b""),
            "/inside": (302, {"Location": f"http://127.0.0.1:{port}/rows.jsonl"}, b""),
            "/file": (302, {"Location": "file:///etc/passwd"}, b""),
            "/loop": (302, {"Location": "/loop"}, b""),
            "/cut": (200, {"Content-Length": str(len(BODY) + 10), "Connection": "close"}, BODY),
            "/%C3%BC%20x?q=%C3%A4": (200, {}, b"found"),
            "/drip": (200, {"Content-Length": "1000000"}, b""),
        }.get(self.path, (404, {}, b"not here"))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
            while self.path == "/drip" and not self.server.stopping.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    made.asked, made.stopping = [], threading.Event()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield made
    made.stopping.set()
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def site(server, settings):
    """The address of a server that is allowed as localhost, and not as 127.0.0.1."""
    settings.OUTBOUND_ALLOW = ["LocalHost"]
    server.asked.clear()
    return f"http://localhost:{server.server_port}"


def refusal(url: str, **how) -> Fault:
    with pytest.raises(Fault) as caught:
        net.download(url, io.BytesIO(), **({"max_bytes": 1 << 20, "seconds": 5} | how))
    return caught.value


@pytest.mark.parametrize("path", ["/rows.jsonl", "/moved"])
def test_a_file_is_fetched(site, path):
    into = io.BytesIO()
    assert net.download(site + path, into, max_bytes=len(BODY)) == len(BODY)
    assert into.getvalue() == BODY


def test_letters_and_spaces_in_an_address(site):
    into = io.BytesIO()
    assert net.download(f"{site}/ü x?q=ä#part", into, max_bytes=10) == 5


def test_a_private_address_is_refused_before_anything_is_sent(site, server, settings):
    settings.OUTBOUND_ALLOW = []
    for host in ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433"):  # noqa: S104
        fault = refusal(f"http://{host}:{server.server_port}/rows.jsonl")
        assert fault.code == "net.refused", host
        assert "private address" in fault.what
        assert "OUTBOUND_ALLOW" in fault.advice
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True), ("2606:4700::1111", True), ("10.0.0.1", False), ("192.168.1.1", False),
        ("172.16.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("127.0.0.1", False), ("0.0.0.0", False),  # noqa: S104
        ("224.0.0.1", False), ("255.255.255.255", False), ("::1", False), ("::", False), ("fe80::1", False),
        ("fd00::1", False), ("ff02::1", False), ("::ffff:10.0.0.1", False), ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False), ("64:ff9b::5db8:d70e", True), ("::ffff:93.184.215.14", True),
        # Python calls these global: 127.0.0.1 in two old forms, local NAT64, site-local, protocol assignments.
        ("::7f00:1", False), ("::ffff:0:7f00:1", False), ("64:ff9b:1::7f00:1", False), ("fec0::1", False), ("192.0.0.8", False),
    ],
)  # fmt: skip
def test_what_counts_as_public(address, public):
    assert net.is_public(address) is public


def test_a_redirect_does_not_lead_inside(site, server):
    assert refusal(site + "/inside").code == "net.refused"
    assert server.asked == ["/inside"]
    assert refusal(site + "/file").code == "net.refused"


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch):
    """A name that changes its address between check and use gains nothing: it is resolved once."""
    answers = iter(["93.184.215.14", "127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (next(answers), 80))])
    reached = []

    def connect(self, host, port, *args, **how):
        reached.append(host)
        raise httpcore.ConnectError("far away")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    assert refusal("http://turning.example/").code == "net.failed"
    assert reached == ["93.184.215.14"]


def test_of_several_addresses_a_public_one_is_taken(monkeypatch):
    entries = [(2, 1, 6, "", ("10.0.0.1", 80)), (2, 1, 6, "", ("93.184.215.14", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    reached = []
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", lambda self, host, *_: reached.append(host))
    net.GuardedBackend(time.monotonic() + 5).connect_tcp("mixed.example", 80)
    assert reached == ["93.184.215.14"]


@pytest.mark.parametrize(
    ("path", "how", "why"),
    [
        ("/nowhere", {}, "answered 404"),
        ("/rows.jsonl", {"max_bytes": len(BODY) - 1}, "larger than the 15,999 bytes"),
        ("/loop", {}, "more than 5 redirects"),
        ("/cut", {}, "closed"),
        ("/drip", {"seconds": 0.4}, "took too long"),
    ],
)
def test_what_is_not_the_file_is_said(site, path, how, why):
    began = time.monotonic()
    fault = refusal(site + path, **how)
    assert fault.code == "net.failed"
    assert why in fault.what
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.org/a", "net.refused"), ("file:///etc/passwd", "net.refused"), ("http:///a", "net.refused"),
        ("http://[::1/a", "net.failed"), ("http://exa mple.invalid/", "net.failed"), ("http://no-such-name.invalid/", "net.failed"),
        ("http://example.org:99999/", "net.failed"), ("http://ex\u00e4mple.invalid/", "net.failed"),
        ("http://" + "a" * 300 + ".org/", "net.failed"),
    ],
)  # fmt: skip
def test_addresses_that_are_none(url, code):
    assert refusal(url).code == code


def test_no_way_round_through_a_unix_socket():
    with pytest.raises(Fault, match="unix socket"):
        net.GuardedBackend(time.monotonic() + 5).connect_unix_socket("/tmp/x")


def test_a_server_that_says_nothing_is_left(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as mute:
        fault = refusal(f"http://127.0.0.1:{mute.getsockname()[1]}/", seconds=0.3)
    assert "took too long" in fault.what


def test_nobody_listens(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}/").code == "net.failed"
