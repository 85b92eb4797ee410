"""A hub on 127.0.0.1 that answers what the pinned `huggingface_hub` and `datasets` really ask.

    with Hub() as hub:
        hub.people["hf_owner"] = "ada"                    # a token and whose it is
        hub.repo("ada/rows", {"train.jsonl": b"…"})       # a repository with files
        hub.fail(429, "/commit/", headers={"Retry-After": "0"})
        HfApi(endpoint=hub.url, token="hf_owner")…

Large files go by LFS (basic transfer) and nothing by xet. `hub.log` holds every request and its status.
"""

import re
import threading
import time
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

from tests.hub.answering import Answering
from tests.hub.store import Repo

TOKEN = "hf_winnowtest"


@dataclass
class Fault:
    """What happens to the next `times` requests whose method and path match, after the first `skip` of them.

    status: the answer is this. cut: the connection ends after that many bytes of the body were read.
    torn: the connection ends after that many bytes of the answer. held: waits for the event.
    lost: the request is done, but the connection ends before the answer.
    """

    path: re.Pattern[str]
    method: str = ""
    times: int = 1
    skip: int = 0
    status: int = 0
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    torn: int | None = None
    lost: bool = False
    held: threading.Event | None = None
    reached: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    status: int
    bytes: int
    token: str


class Hub:
    """Everything the hub holds, and the server in front of it."""

    def __init__(self) -> None:
        self.people: dict[str, str] = {TOKEN: "ada"}
        self.orgs: dict[str, list[str]] = {"ada": ["ward"]}
        self.readers: set[str] = set()  # tokens that may only read
        self.repos: dict[str, Repo] = {}
        self.quota: int | None = None  # bytes of large files that a person may keep
        self.log: list[Asked] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self.busy = 0  # requests that are being answered

    def __enter__(self) -> "Hub":
        hub = self

        class Handler(Answering):
            held = hub

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for fault in self.faults:
            if fault.held:
                fault.held.set()
        self.server.shutdown()
        self.server.server_close()

    # --- for tests ---

    def repo(self, name: str, files: dict[str, bytes] | None = None, *, private: bool = False) -> Repo:
        made = self.repos[name] = Repo(name, private)
        if files:
            made.write(files)
        return made

    def fail(self, status: int, path: str = "", *, method: str = "", times: int = 1, message: str = "Not now", headers: dict[str, str] | None = None) -> Fault:  # fmt: skip  # noqa: E501
        return self._fault(Fault(re.compile(path), method, times, 0, status, message, headers or {}))

    def cut(self, path: str = "/lfs/", *, after: int = 1_000, times: int = 1, skip: int = 0) -> Fault:
        return self._fault(Fault(re.compile(path), "PUT", times, skip, cut=after))

    def tear(self, path: str = "/resolve/", *, after: int = 1_000, times: int = 1) -> Fault:
        return self._fault(Fault(re.compile(path), "GET", times, torn=after))

    def lose(self, path: str, *, method: str = "POST", times: int = 1) -> Fault:
        return self._fault(Fault(re.compile(path), method, times, lost=True))

    def hold(self, path: str, *, method: str = "") -> Fault:
        """The next such request waits until `.held.set()`; `.reached` tells that it came."""
        return self._fault(Fault(re.compile(path), method, held=threading.Event()))

    def idle(self, seconds: float) -> bool:
        """Wait until no request is being answered."""
        end = time.monotonic() + seconds
        while self.busy and time.monotonic() < end:
            time.sleep(0.01)
        return not self.busy

    def note(self, *asked: Any) -> None:
        self.log.append(Asked(*asked))

    def asked(self, path: str, method: str = "") -> list[Asked]:
        return [one for one in self.log if re.search(path, one.path) and method in ("", one.method)]

    def _fault(self, fault: Fault) -> Fault:
        self.faults.append(fault)
        return fault

    def stored(self, owner: str) -> int:
        return sum(len(data) for name, repo in self.repos.items() if name.partition("/")[0] == owner for data in repo.objects.values())  # fmt: skip  # noqa: E501


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Clients that were killed hear no answer."""
