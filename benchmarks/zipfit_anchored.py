"""zipfit anchored beside the package zip-fit and beside zipfit exact, each measurement in a fresh process.

python -m benchmarks.zipfit_anchored --exact KEYS     KEYS: file of the exact best keys; written where it is not there

The package scores 10,000 rows × 100 targets at level 9 on two processes, before and after ours, and is extrapolated
in proportion to the rows: every pair costs it the same. Ours scores the whole pool on two processes.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import time
import types
from pathlib import Path

from benchmarks.common import Pool, peak_mib, save, target
from benchmarks.methods import columns_of, cpu_seconds
from selection.methods import METHODS, Budget, Ctx, Options, Row, choose, notes_of, parse_params
from selection.methods.base import Scores
from selection.methods.local import run_local

BUDGET, TARGETS, ROWS = 1_000, 100, 10_000


def package():
    """Seconds of the published package."""
    stub = types.ModuleType("datasets")
    stub.load_dataset = None  # zip-fit imports it for a loader that is not used here
    sys.modules.setdefault("datasets", stub)
    from zip_fit import ZIPFIT

    texts = list(columns_of(Pool(rows=ROWS)).values())
    goal = target("gsm8k", TARGETS)["text"]
    theirs = ZIPFIT("-", "-", k=BUDGET, compress_level=9)
    begun, used = time.perf_counter(), cpu_seconds()
    with contextlib.redirect_stdout(io.StringIO()):
        theirs.rank_sequences_by_alignment(texts, goal)
    return {"seconds": round(time.perf_counter() - begun, 2), "cpu_seconds": round(cpu_seconds() - used, 2)}


def ours(params, wanted, file="pool.parquet", name="gsm8k", seed=0):
    """Scores of the whole pool with two processes; the best keys as `choose` picks them without holding any back."""
    pool, goal, marks = Pool(file), target(name, TARGETS), []
    method, before = METHODS["zipfit"], peak_mib()
    ctx = Ctx(parse_params(method.Params, params), goal, seed, pool.rows, wanted=wanted)
    begun, used = time.perf_counter(), cpu_seconds()
    columns, ctx = run_local(
        method, ctx, pool.sizes, pool.open, processes=2,
        on_pass=lambda step, _: marks.append((step.name, time.perf_counter())),
    )  # fmt: skip
    options = Options(exact_duplicates=False)
    chosen = choose(columns, budget=Budget.parse(wanted), options=options, lookup=unseen, seed=seed)
    ended = time.perf_counter()
    ends = [mark for _, mark in marks[1:]] + [ended]
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "params": params, "seed": seed, "rows": pool.rows, "targets": len(goal), "wanted": wanted,
        "seconds": round(ended - begun, 2), "cpu_seconds": round(cpu_seconds() - used, 2),
        "passes": {step: round(end - at, 2) for (step, at), end in zip(marks, ends, strict=True)},
        "peak_mib": round(peak_mib()), "pool_file_mib": round(before), "peak_mib_of_a_worker": round(child),
        "compared_in_full": sum(int(column["exact"].sum()) for column in columns),
        "notes": [note.text for note in notes_of(method, ctx, Scores.of(columns))],
        "keys": [pick.key for pick in chosen.picks],
    }  # fmt: skip


def unseen(places):
    """Nothing is held back, so nobody looks at what the rows say."""
    return [Row("", 1, place.key, "") for place in places]


def alone(what, **given):
    """In a process of its own, so that peaks and compiled code are its own."""
    command = [sys.executable, "-m", "benchmarks.zipfit_anchored", "--one", json.dumps([what, given])]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def shared(found, best):
    keys = found.pop("keys")
    return {**found, "recall": len(set(keys) & set(best)) / len(best)}


def exact_keys(path):
    if not path.exists():
        found = alone("ours", params={"mode": "exact"}, wanted=BUDGET)
        path.write_text(json.dumps(found))
    return json.loads(path.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--exact", type=Path, default=Path("zipfit_exact.json"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        what, given = json.loads(args.one)
        print(json.dumps({"ours": ours, "package": package}[what](**given)))
        return
    exact = exact_keys(args.exact)
    best = exact.pop("keys")
    load = os.getloadavg()[0]
    anchored = {"mode": "anchored"}
    alone("ours", params=anchored, wanted=BUDGET, file="pool_20k.parquet")  # compiled code is made once, and kept
    theirs = [alone("package")]
    found = [shared(alone("ours", params=anchored, wanted=BUDGET, seed=seed), best) for seed in (0, 1)]
    theirs.append(alone("package"))
    found.append(shared(alone("ours", params={**anchored, "keep": BUDGET}, wanted=BUDGET), best))
    found.append(shared(alone("ours", params={**anchored, "keep": 2 * BUDGET}, wanted=BUDGET), best))
    whole = {name: round(min(run[name] for run in theirs) * found[0]["rows"] / ROWS, 1) for name in theirs[0]}
    for line in found:
        line["times_faster_than_the_package"] = round(whole["seconds"] / line["seconds"], 1)
        line["times_less_cpu_than_the_package"] = round(whole["cpu_seconds"] / line["cpu_seconds"], 1)
    result = {
        "load_before": round(load, 2), "package_10000_rows": theirs, "package_whole_pool_extrapolated": whole,
        "exact": exact, "anchored": found,
    }  # fmt: skip
    print(json.dumps(result, indent=1))
    save("zipfit_anchored", result)


if __name__ == "__main__":
    main()
