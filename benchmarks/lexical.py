"""Speed and memory of dsir and classifier, each measurement in a fresh process.

python -m benchmarks.lexical pair           dsir and the package data-selection in turns, two processes each
python -m benchmarks.lexical methods        both methods, whole pool × 100 targets, two processes
"""

import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.common import Pool, peak_mib, save, target, timed
from selection.methods import METHODS, Options, items, select

PICKED = 1_000


def cpu_seconds():
    """Of this process and its workers, ended or not; says more than the clock on a busy machine."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    living = (child.cpu_times() for child in psutil.Process().children(recursive=True))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent) + sum(times.user + times.system for times in living)


def worker_mib():
    """Highest resident memory of any one worker."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    living = [Path(f"/proc/{child.pid}/status").read_text() for child in psutil.Process().children(recursive=True)]
    marks = [int(line.split()[1]) for text in living for line in text.splitlines() if line.startswith("VmHWM")]
    return round(max([ended, *marks]) / 1024)


def package(folder):
    """data-selection as its README runs it: fit on everything, weigh, draw, write the rows."""
    from data_selection import HashedNgramDSIR

    begun = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        dsir = HashedNgramDSIR(
            [str(folder / "pool.jsonl")], [str(folder / "goal.jsonl")], str(folder / "cache"), num_proc=2,
            min_example_length=0,
        )  # fmt: skip
        dsir.fit_importance_estimator("all")
        dsir.compute_importance_weights()
        dsir.resample(str(folder / "out"), PICKED, str(folder / "part"))
    return time.perf_counter() - begun


def ours(folder, mode):
    """The same files, two processes, mode and number of picks; reasons are beyond what the package does."""
    assert METHODS["dsir"].name == "dsir"  # imported before the clock starts, as the package is
    begun = time.perf_counter()
    rows, aims = ([json.loads(line) for line in (folder / name).open()] for name in ("pool.jsonl", "goal.jsonl"))
    picks = select(
        rows, aims, method="dsir", mode=mode, budget=PICKED, processes=2, options=Options(exact_duplicates=False)
    )
    assert len(picks) == PICKED
    return time.perf_counter() - begun


def difference(folder, rows):
    """Largest difference of a log weight between package and ours, over all rows."""
    from selection.methods import Ctx, Shard, Target
    from selection.methods.dsir import DsirParams, _count, _fit, log_weights

    halves = [np.load(folder / "cache" / "log_importance_weights" / f"{half}.npy") for half in (0, 1)]
    theirs = np.empty(rows)
    theirs[::2], theirs[1::2] = halves  # the package's processes take every other line
    texts, goal = (
        [json.loads(line)["text"] for line in (folder / name).open()] for name in ("pool.jsonl", "goal.jsonl")
    )
    aims = Target(("",) * len(goal), (), (), {"text": goal})
    ctx = Ctx(DsirParams(mode="paper"), aims, 0, rows)
    shard = Shard.of({"keys": [str(n) for n in range(rows)], "text": texts})
    ctx = Ctx(ctx.params, aims, 0, rows, {"fit": _fit(iter([_count(shard, ctx)]), ctx)})
    return float(np.abs(log_weights(shard, ctx)[0] - theirs).max()), float(theirs.std())


def pair(rows, targets, file):
    """Package, ours, ours, package; the better of two each. The same log weights to 1e-9, or it fails."""
    pool, goal = Pool(file, rows), target("gsm8k", targets)
    found = {"package": [], "ours": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "goal.jsonl", goal["text"])
        write(folder / "pool.jsonl", (text for item in items(pool.sizes, 10_000) for text in pool.open(item)["text"]))
        for turn in ("package", "ours", "ours", "package"):
            found[turn].append(again("turn", turn, name))
        worst, spread = difference(folder, pool.rows)
    assert worst < 1e-9, worst
    best = {who: min(turn["seconds"] for turn in turns) for who, turns in found.items()}
    spent = {who: min(turn["cpu_seconds"] for turn in turns) for who, turns in found.items()}
    return {
        "rows": pool.rows, "targets": len(goal), "mode": "paper", "processes": 2, "turns": found,
        "largest_difference_of_log_weights": worst, "std_of_log_weights": round(spread, 1),
        "times_faster": round(best["package"] / best["ours"], 2),
        "times_less_cpu": round(spent["package"] / spent["ours"], 2),
    }  # fmt: skip


def write(path, texts):
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)


def turn(who, folder):
    path = Path(folder)
    if who == "package":
        for old in ("out", "part", "cache"):
            subprocess.run(["rm", "-rf", str(path / old)], check=True)
    seconds = package(path) if who == "package" else ours(path, "paper")
    return {
        "seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds(), 2), "load": round(os.getloadavg()[0], 1),
        "peak_mib": round(peak_mib()), "peak_mib_of_a_worker": worker_mib(),
    }  # fmt: skip


def method(name, params, targets):
    """A method over the whole pool as a run reads it, two processes; scoring as rows a second of the last pass."""
    pool, goal = Pool(), target("gsm8k", targets)
    before, spent = peak_mib(), cpu_seconds()
    given = json.loads(params)
    columns, seconds, passes = timed(METHODS[name], pool, goal, processes=2, **given)
    rows = sum(len(column["key"]) for column in columns)
    return {
        "method": name, "params": given, "rows": rows, "targets": len(goal), "processes": 2,
        "seconds": round(seconds, 2), "passes": passes, "cpu_seconds": round(cpu_seconds() - spent, 2),
        "rows_scored_a_second": round(rows / passes["score"]), "load": round(os.getloadavg()[0], 1),
        "peak_mib": round(peak_mib()), "pool_file_mib": round(before), "peak_mib_of_a_worker": worker_mib(),
    }  # fmt: skip


METHODS_TIMED = [("classifier", {"features": "char"}), ("classifier", {"features": "word"}), ("dsir", {})]


def again(*args):
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.lexical", *args]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    if sys.argv[1:2] == ["turn"]:
        print(json.dumps(turn(*sys.argv[2:])))
        return
    if sys.argv[1:2] == ["method"]:
        print(json.dumps(method(*sys.argv[2:4], int(sys.argv[4]))))
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["pair", "methods"])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--pool", default="pool_20k.parquet", help="for pair: a file of the shared data")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    if args.what == "pair":
        found = [pair(args.rows, args.targets, args.pool)]
    else:
        found = [again("method", name, json.dumps(params), str(args.targets)) for name, params in METHODS_TIMED]
    for line in found:
        print(json.dumps(line, indent=1))
    save(f"lexical_{args.what}", {"load_before": round(load, 2), "results": found})


if __name__ == "__main__":
    main()
