"""A model server that does as it is told: on 127.0.0.1, in a thread with an event loop of its own.

It keeps a ledger of what it answered, and so of what would have been paid. `script(text, nth)` says what becomes of the
nth request (from 1) whose last message is `text`.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What the server does. `text` None: an echo. `cut`: bytes of the body that are sent before the end."""

    status: int = 200
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    seconds: float = 0.0
    cut: int | None = None
    reset: bool = False
    drip: float = 0.0  # seconds between bytes
    finish: str = "stop"
    id: str = ""
    usage: bool = True


Script = Callable[[str, int], Answer]


def fine(text: str, nth: int) -> Answer:
    return Answer()


class Server:
    def __init__(self, script: Script = fine, seconds: float = 0.0) -> None:
        self.script, self.seconds = script, seconds
        self.seen: Counter[str] = Counter()  # requests that came, by their last message
        self.paid: Counter[str] = Counter()  # requests that got a whole answer
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.heads: list[dict[str, str]] = []
        self.at: list[tuple[float, str]] = []
        self.flying = self.most_flying = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                headers = {}
                for line in head.split("\r\n")[1:]:
                    name, _, value = line.partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))))
                self.keys.add(headers.get("authorization", ""))
                self.heads.append(headers)
                if not await self._answer(body, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        text = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        self.seen[text] += 1
        self.bodies.append(body)
        self.at.append((self._loop.time(), text))
        self.flying += 1
        self.most_flying = max(self.flying, self.most_flying)
        try:
            told = self.script(text, self.seen[text])
            await asyncio.sleep(told.seconds or self.seconds)
        finally:
            self.flying -= 1
        if told.reset:
            writer.transport.abort()
            return False
        raw = json.dumps(told.body if told.body is not None else self._body(body, text, told)).encode()
        length = len(raw)
        if told.cut is not None:
            raw = raw[: told.cut]
        lines = [f"HTTP/1.1 {told.status} X", "Content-Type: application/json", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in told.headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        if told.drip:
            for at in range(len(raw)):
                writer.write(raw[at : at + 1])
                await writer.drain()
                await asyncio.sleep(told.drip)
        writer.write(raw if not told.drip else b"")
        await writer.drain()
        if told.status == 200 and told.cut is None and told.body is None:
            self.paid[text] += 1
        return told.cut is None

    def _body(self, asked: dict[str, Any], text: str, told: Answer) -> Any:
        if told.status != 200:
            return {"error": {"message": f"scripted {told.status}"}}
        said = f"echo of {text}" if told.text is None else told.text
        choice: dict[str, Any] = {"index": 0, "finish_reason": told.finish}
        choice |= {"message": {"role": "assistant", "content": said}} if "messages" in asked else {"text": said}
        found = {"id": told.id or f"r-{len(self.bodies)}", "model": asked["model"], "choices": [choice]}
        if told.usage:
            found["usage"] = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return found
