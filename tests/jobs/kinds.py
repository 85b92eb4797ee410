"""Kinds for tests: each step says in its payload what it does on which try. Real workers load this module too.

What `store` and the hooks write goes to a plain table without a unique key, so that a row written twice shows.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from django.db import connection, transaction

from config.faults import Fault, Text
from config.faults import register as register_texts
from jobs.errors import Transient
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.queries import results
from jobs.registry import Kind, PassPlan, StepPlan, register

register_texts({"test.bad": Text("The data is bad", "Line {line} is bad.", "Mend line {line}.")})

CALLS: dict[str, Callable[[Step, Beat], None]] = {}
TABLE = "tests_jobs_row"
MAKE_TABLE = f"CREATE TABLE IF NOT EXISTS {TABLE} (job bigint, what text, place text, value bigint)"


class DataError(Exception):
    pass


def write(job_id: int, what: str, place: str, value: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, %s, %s, %s)", [job_id, what, place, value])


def rows(job: Job, what: str = "row") -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT place, value FROM {TABLE} WHERE job = %s AND what = %s ORDER BY 1, 2", [job.pk, what])
        return cursor.fetchall()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@register
class Script(Kind):
    """`params["passes"]`: a list of passes, each a list of payloads. After them comes a pass `sum` of one step.

    A payload: `value`, `queue`, `seconds` of work, `call` (a function of this process), and `do`: {try: what}.
    """

    name = "test.script"

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        passes = job.params["passes"]
        if index == job.params.get("die_in_open") and once(job, "open"):
            die()
        if index == job.params.get("fault_in_open"):
            raise Fault("test.bad", line=index)
        if index == job.params.get("error_in_open") and once(job, "open"):
            raise DataError("secret text of a row")
        if index < len(passes):
            steps = [StepPlan(each, each.get("queue", "cpu"), each.get("total", 0)) for each in passes[index]]
            return PassPlan(f"pass-{index}", f"Pass {index}", steps)
        if index == len(passes):
            values = [entry["value"] for number in range(index) for entry in results(job, f"pass-{number}")]
            return PassPlan("sum", "Sum", [StepPlan({"value": sum(values)})], unit="sums")
        return None

    def run(self, step: Step, beat: Beat) -> dict:
        what = todo(step)
        if what == "die before output":
            die()
        if what == "error":
            raise DataError("secret text of a row")
        if what == "fault":
            raise Fault("test.bad", line=812)
        if what == "transient":
            raise Transient("429 Too Many Requests", retry_after=0.05)
        work(step, beat)
        output(step)
        if what == "die after output":
            die()
        return {"value": step.payload["value"]}

    def store(self, step: Step, result: dict) -> None:
        write(step.job_id, "row", f"{step.pass_index}/{step.index}", result["value"])
        if "store_call" in step.payload:
            CALLS[step.payload["store_call"]](step, Beat(step))
        what = todo(step)
        if what == "die before commit":
            die()
        if what == "die after commit":
            transaction.on_commit(die)
        if what == "error in store":
            raise DataError("secret text of a row")

    def succeeded(self, job: Job) -> None:
        if job.params.get("fault_at_the_end"):
            raise Fault("test.bad", line=7)
        write(job.pk, "succeeded", "", results(job, "sum")[0]["value"])

    def failed(self, job: Job) -> None:
        write(job.pk, "failed", job.error_code, 0)
        if job.params.get("error_in_hook"):
            raise DataError

    def cancelled(self, job: Job) -> None:
        write(job.pk, "cancelled", "", 0)


def todo(step: Step) -> str:
    tries = step.attempt + step.transients
    plan = step.payload.get("do", {})
    return plan.get(str(tries), plan.get("always", ""))


def work(step: Step, beat: Beat) -> None:
    if "call" in step.payload:
        CALLS[step.payload["call"]](step, beat)
    if "deaf" in step.payload and once(step.job, "deaf"):
        deaf(step.payload["deaf"])
    end, total = time.monotonic() + step.payload.get("seconds", 0), step.total or 100
    start = time.monotonic()
    while (now := time.monotonic()) < end:
        beat.progress(int(total * (now - start) / (end - start)), total, note="working")
        time.sleep(0.02)


def deaf(seconds: float) -> None:
    """Like a library that never asks and swallows everything."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(BaseException):
            time.sleep(0.05)


def once(job: Job, name: str) -> bool:
    """True the first time in any process."""
    try:
        (Path(job.params["dir"]) / f"once-{name}").open("x").close()
    except FileExistsError:
        return False
    return True


def output(step: Step) -> None:
    """A file as handlers write it: temporary name first, then the name made from the content."""
    folder = Path(step.job.params.get("dir", ""))
    if not folder.name:
        return
    draft = folder / f"{step.pk}-{os.getpid()}.tmp"
    draft.write_text(json.dumps(step.payload["value"]))
    draft.replace(folder / f"{step.pass_index}-{step.index}.json")
