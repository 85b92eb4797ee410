"""Requests a second of one worker against a server that answers in 200 ms, and what the client library alone costs.

python -m benchmarks.synthesis                     3,000 requests, 64 in flight
python -m benchmarks.synthesis --requests 500

The server is a process of its own; database and storage are thrown away afterwards. Told beside the rate: the CPU time
of the worker per request; the same for the `openai` client without table and generator, and for `httpx2` without
`openai`; how late the event loop was, and how long it spent in the database (calls in its own thread: there are none).
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from benchmarks.run_overhead import installation

SECONDS, IN_FLIGHT = 0.2, 64


# --- the server ---


def serve(seconds):
    body = json.dumps(
        {
            "id": "x", "model": "bench", "object": "chat.completion", "created": 0,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "word " * 60}}],
            "usage": {"prompt_tokens": 120, "completion_tokens": 60, "total_tokens": 180},
        }
    ).encode()  # fmt: skip
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    class Talk(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.held = transport, b""

        def data_received(self, data):
            self.held += data
            head, mark, rest = self.held.partition(b"\r\n\r\n")
            if not mark:
                return
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            if len(rest) >= length:
                self.held = rest[length:]
                asyncio.get_running_loop().call_later(seconds, self.say)

        def say(self):
            if not self.transport.is_closing():
                self.transport.write(answer)

    async def run():
        server = await asyncio.get_running_loop().create_server(Talk, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


class Server:
    def __init__(self, seconds):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.synthesis", "--serve", str(seconds)], stdout=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}/v1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


# --- what the client library costs ---


def body(number):
    text = f"Case {number}. " + "Summarise the letter for the patient in plain words. " * 8
    return {"model": "bench", "messages": [{"role": "user", "content": text}], "max_tokens": 64, "seed": number}


def bare(url, count, *, library):
    """(seconds, CPU seconds) of `count` requests with 64 in flight and nothing around them."""
    from config import net_async

    async def run():
        import httpx2
        from openai import AsyncOpenAI

        http = net_async.client(connections=IN_FLIGHT)
        client = AsyncOpenAI(api_key="x", base_url=url, max_retries=0, http_client=http)

        async def ask(number):
            if library == "openai":
                answer = await client.post("/chat/completions", cast_to=httpx2.Response, body=body(number))
            else:
                answer = await http.post(f"{url}/chat/completions", json=body(number))
            json.loads(answer.content)

        numbers = iter(range(count))

        async def one():
            for number in numbers:
                await ask(number)

        begun, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one() for _ in range(IN_FLIGHT)))
        found = time.perf_counter() - begun, time.process_time() - cpu
        await client.close()
        return found

    return asyncio.run(run())


# --- a whole run ---


class Lag:
    """How late the event loop was: a task that wants to wake every 5 ms."""

    def __init__(self):
        self.late = []

    async def watch(self):
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.005)
            self.late.append(time.perf_counter() - begun - 0.005)

    def share(self, percent):
        ordered = sorted(self.late)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def generator():
    from curation.generators import GENERATORS, Candidate, Need, Sampling, Template, ask

    class Label:
        name, title, summary = "bench_label", "Label", "One answer an input."
        needs, stages = (Need("inputs"),), ("label",)
        templates = {"label": Template(system="Summarise in plain words.", action="Write it.", data="{{ text }}")}

        @dataclass(frozen=True)
        class Params:
            pass

        def run(self, job):
            requests = [
                job.request("label", one.key, data={"text": one.text}, sampling=Sampling(max_tokens=64))
                for one in job.sources.inputs
            ]
            for source, found in zip(
                job.sources.inputs, (yield from ask(requests, lambda _, reply: reply.text, job)), strict=True
            ):
                job.emit(Candidate(input=source.text, outputs=(found.value or "",), requests=found.requests))

        def estimate(self, job):
            return len(job.sources.inputs)

    GENERATORS._made["bench_label"] = Label()


def run(url, count):
    from django.db import connection

    from curation.actions import endpoints, generations
    from curation.actions.teams import create_owner
    from curation.generators import Source, Sources, Spec
    from curation.models import Task
    from curation.synthesis.engine import Engine
    from jobs.runner import run_job

    generator()
    user, team = create_owner(email=f"b{count}@example.org", name="B", password="not-used-anywhere", team_name="Bench")
    to = endpoints.create(
        team=team,
        by=user,
        name="bench",
        base_url=url,
        model="bench",
        concurrency=IN_FLIGHT,
        price_in="1",
        price_out="1",
    )
    endpoints.limit_spending(team=team, by=user, limit=1_000_000)  # so that each request is held against a limit
    inputs = tuple(Source(f"k{n}", body(n)["messages"][0]["content"]) for n in range(count))
    made = generations.start(
        task=Task.objects.create(team=team, name="Bench", definition="Summarise."), by=user, endpoint=to,
        generator="bench_label", spec=Spec(instruction="Summarise."), sources=Sources(inputs=inputs), wanted=count,
        filters={"near": None, "similar": None, "language": False, "copied": 1.0},
    )  # fmt: skip
    lag, seen = Lag(), {}
    plain, answers = Engine._run, Engine.answers

    async def watched(engine, plan, sender):
        seen["loop"] = threading.get_ident()
        watch = asyncio.create_task(lag.watch())
        try:
            await plain(engine, plan, sender)
        finally:
            seen["writer"] = engine.writer.busy
            watch.cancel()

    async def timed(engine, batch):
        begun = time.perf_counter()
        try:
            return await answers(engine, batch)
        finally:
            seen["asking"] = seen.get("asking", 0.0) + time.perf_counter() - begun

    in_loop = [0]

    def look(execute, sql, params, many, context):
        try:
            asyncio.get_running_loop()
            in_loop[0] += 1
        except RuntimeError:
            pass
        return execute(sql, params, many, context)

    Engine._run, Engine.answers = watched, timed
    begun, cpu = time.perf_counter(), time.process_time()
    try:
        with connection.execute_wrapper(look):
            run_job(made.job)
    finally:
        Engine._run, Engine.answers = plain, answers
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    made.refresh_from_db()
    assert (made.state, made.answered, made.kept) == ("complete", count, count), (made.state, made.why)
    return {
        "requests": count, "seconds": round(seconds, 2), "requests/s, whole run": round(count / seconds, 1),
        "requests/s while asking": round(count / seen["asking"], 1), "CPU ms a request": round(1000 * cpu / count, 2),
        "database thread busy, s": round(seen["writer"], 2), "database calls in the loop's thread": in_loop[0],
        "loop late, ms: median, 95 %, 99 %": [round(lag.share(part), 2) for part in (50, 95, 99)],
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--serve", type=float)
    args = parser.parse_args()
    if args.serve is not None:
        serve(args.serve)
        return
    os.environ["OUTBOUND_ALLOW"] = "127.0.0.1"
    with installation():
        found = {}
        with Server(0.0) as quick:
            for library in ("httpx2", "openai"):
                bare(quick.url, 200, library=library)
                seconds, cpu = bare(quick.url, args.requests, library=library)
                found[f"{library} alone, no waiting"] = {
                    "requests/s": round(args.requests / seconds, 1), "CPU ms a request": round(1000 * cpu / args.requests, 2)
                }  # fmt: skip
        with Server(SECONDS) as server:
            seconds, cpu = bare(server.url, args.requests, library="openai")
            found["openai alone, 200 ms"] = {
                "requests/s": round(args.requests / seconds, 1), "CPU ms a request": round(1000 * cpu / args.requests, 2)
            }  # fmt: skip
            run(server.url, 200)
            found["a run, 200 ms, 64 in flight"] = run(server.url, args.requests)
        print(json.dumps(found, indent=2, ensure_ascii=False))
        from benchmarks.common import save

        save("synthesis", {"load": os.getloadavg()[0], **found})


if __name__ == "__main__":
    main()
