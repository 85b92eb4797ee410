"""What the benchmarks share: the pool beside the checkout, facts of the machine, results as JSON."""

import json
import os
import platform
import resource
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from curation.content import Mapping, columns, read
from selection.methods import Ctx, Item, Shard, Target, parse_params
from selection.methods.local import run_local

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RESULTS = Path(__file__).resolve().parent / "results"
MAPPING = Mapping(instruction="instruction", input="input", output="output", id="id")
SHARD = 50_000  # rows, as in an imported pool


def machine():
    """In words, without names of hosts or paths."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    cores = len(os.sched_getaffinity(0))
    return {
        "cpu": model, "cores": cores, "python": platform.python_version(), "numpy": np.__version__,
        "zlib": zlib.ZLIB_RUNTIME_VERSION, "system": f"{platform.system()} {platform.machine()}",
    }  # fmt: skip


def save(name, found):
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **found}, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", "utf-8")


def peak_mib():
    """Highest resident memory of this process so far; on Linux the kernel counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Pool:
    """A Parquet pool as shards of 50,000 rows; texts become Python objects only for the rows of an item."""

    def __init__(self, file="pool.parquet", rows=None):
        path = DATA / file
        if not path.exists():
            sys.exit(f"This benchmark needs {file} in ../shared/data, which is not part of the repository.")
        # Source, task, category and licence are labels: the methods must not see them.
        self.table = pq.read_table(path, columns=["id", "instruction", "input", "output"]).slice(0, rows)
        self.rows = self.table.num_rows
        keys = np.array([key.encode() for key in self.table.column("id").to_pylist()])
        self.by_key = np.argsort(keys, kind="stable")
        self.sorted_keys = keys[self.by_key]
        self.sizes = [min(SHARD, self.rows - start) for start in range(0, self.rows, SHARD)]

    def open(self, item: Item) -> Shard:
        part = self.table.slice(item.shard * SHARD + item.start, item.rows)

        def load(name):
            return part.column("id").to_pylist() if name == "keys" else columns(part, MAPPING, name)

        return Shard(item.rows, load, item.start)


def target(name, rows=None, split="dev"):
    with (DATA / "targets" / f"{name}.jsonl").open(encoding="utf-8") as file:
        found = [row for row in map(json.loads, file) if split in (row["split"], None)][:rows]
    plain = Mapping(instruction="instruction", input="input", output="output")
    return Target(tuple(str(n) for n in range(len(found))), tuple(read(row, plain) for row in found))


def timed(method, pool, goal, *, processes=1, seed=0, kept=None, **params):
    """(score columns, seconds, share of each pass). `kept`: sets of vectors of this pool, used and added to."""
    marks = []
    ctx = Ctx(parse_params(method.Params, params), goal, seed, pool.rows, wanted=1000)
    begun = time.perf_counter()
    found, _ = run_local(
        method, ctx, pool.sizes, pool.open, processes=processes, features=kept,
        on_pass=lambda step, _: marks.append((step.name, time.perf_counter())),
    )  # fmt: skip
    ended = time.perf_counter()
    ends = [mark for _, mark in marks[1:]] + [ended]
    return found, ended - begun, {name: round(end - at, 2) for (name, at), end in zip(marks, ends, strict=True)}
