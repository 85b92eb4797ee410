"""People as the load generator plays them: one keep-alive connection each, the same POST that the page sends."""

import http.client
import re
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

FIELDS = re.compile(r'<input[^>]*\bname="(annotation|version|submit_key|csrfmiddlewaretoken)"[^>]*\bvalue="([^"]*)"')


class Broken(Exception):
    """The connection broke, or the server answered with an error: to be sent again."""


@dataclass
class Person:
    """One annotator with a session of her own."""

    host: str
    port: int
    task: int
    cookies: dict[str, str]
    name: str = ""
    connection: http.client.HTTPConnection | None = None
    item: dict[str, str] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)  # seconds of each cycle
    sent: list[int] = field(default_factory=list)  # annotations whose submit was answered
    again: int = 0

    @property
    def path(self) -> str:
        return f"/tasks/{self.task}/annotate/"

    def ask(self, method: str, body: bytes | None = None) -> str:
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), "HX-Request": "true",
            "HX-Target": "item",
        }  # fmt: skip
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            self.connection.request(method, self.path, body, headers)
            answer = self.connection.getresponse()
            text = answer.read().decode()
            for line in answer.msg.get_all("Set-Cookie", []):
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.connection = None
            raise Broken(str(error)) from error
        if answer.status >= 500:
            raise Broken(str(answer.status))
        if answer.status >= 400:
            raise RuntimeError(f"{answer.status}: {text[:600]}")
        return text

    def begin(self) -> bool:
        self.item = dict(FIELDS.findall(self.ask("GET")))
        return "annotation" in self.item

    def cycle(self) -> bool:
        """Submit what is open; the answer brings the next item. False: nothing is left."""
        body = urlencode(
            self.item | {"do": "submit", "a-output": f"You are well. {self.name}", "seconds": "3"}
        ).encode()
        begun = time.perf_counter()
        text = self.ask("POST", body)
        self.took.append(time.perf_counter() - begun)
        self.sent.append(int(self.item["annotation"]))
        token = self.item.get("csrfmiddlewaretoken", "")
        self.item = {"csrfmiddlewaretoken": token} | dict(FIELDS.findall(text))
        return "annotation" in self.item

    def persist(self, work, seconds: float = 60.0):
        """Do it again, with the same key, until the server is there."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return work()
            except Broken:
                self.again += 1
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def all_at_once(people: list[Person], work) -> float:
    """Each person in a thread of her own; returns the seconds until the last is done."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(people) + 1)

    def run(person: Person) -> None:
        try:
            start.wait()
            work(person)
        except BaseException as error:  # noqa: BLE001  (told by the caller)
            errors.append(error)

    threads = [threading.Thread(target=run, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    start.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - begun


def percentile(values: list[float], share: float) -> float:
    """Milliseconds."""
    ordered = sorted(values)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)
