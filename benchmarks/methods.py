"""Speed and memory of the methods, each measurement in a fresh process.

python -m benchmarks.methods bm25            whole pool × 100 targets, each aggregation
python -m benchmarks.methods random          whole pool
python -m benchmarks.methods pair            zipfit and the package zip-fit in turns, two processes each
python -m benchmarks.methods vectors         embedding with static vectors: encoding and search apart
python -m benchmarks.methods others          seconds and peak memory of all other methods, static vectors
python -m benchmarks.methods zipfit          whole pool × 100 targets, two processes: about four minutes
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

from benchmarks.common import Pool, peak_mib, save, target, timed
from selection.methods import METHODS, Options, select


def streamed(name, params, processes, rows, targets):
    """One method over a pool file, as a run reads it."""
    pool, goal = Pool(rows=rows), target("gsm8k", targets)
    before = peak_mib()
    columns, seconds, passes = timed(METHODS[name], pool, goal, processes=processes, **params)
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "method": name, "params": params, "rows": sum(len(c["key"]) for c in columns), "targets": len(goal),
        "processes": processes, "seconds": round(seconds, 2), "passes": passes,
        "peak_mib": round(peak_mib()), "pool_file_mib": round(before), "peak_mib_of_a_worker": round(child),
    }  # fmt: skip


def pair(rows, targets):
    """Both on two processes over the same texts, in turns: package, ours, ours, package. Same picks, or it fails."""
    package = types.ModuleType("datasets")
    package.load_dataset = None  # zip-fit imports it for a loader that is not used here
    sys.modules.setdefault("datasets", package)
    from zip_fit import ZIPFIT

    pool, goal = Pool("pool_20k.parquet", rows), target("gsm8k", targets)
    texts = columns_of(pool)
    mapped = [{"id": key, "text": text} for key, text in texts.items()]
    aims = [{"text": text} for text in goal["text"]]
    picks, found, worked = {}, {"package": [], "ours": []}, {"package": [], "ours": []}
    for turn in ("package", "ours", "ours", "package"):
        begun, used = time.perf_counter(), cpu_seconds()
        if turn == "package":
            theirs = ZIPFIT("-", "-", k=500, compress_level=9)
            with contextlib.redirect_stdout(io.StringIO()):
                top = theirs.rank_sequences_by_alignment(list(texts.values()), goal["text"])
            picks[turn] = [text for text, _ in top]
        else:
            # Reasons and duplicates are beyond what the package does; duplicates are off so that picks compare.
            best = select(
                mapped, aims, variant="paper", budget=500, processes=2, options=Options(exact_duplicates=False)
            )
            picks[turn] = [texts[pick.key] for pick in best]
        found[turn].append(round(time.perf_counter() - begun, 2))
        worked[turn].append(round(cpu_seconds() - used, 2))
    # The package leaves equal scores in the order in which workers came back, so only the set is compared.
    assert set(picks["package"]) == set(picks["ours"])
    pairs = pool.rows * len(goal)
    best = {name: min(times) for name, times in found.items()}
    return {
        "rows": pool.rows, "targets": len(goal), "seconds": found, "same_picks": True,
        "microseconds_a_pair": {name: round(seconds / pairs * 1e6, 2) for name, seconds in best.items()},
        "times_faster": round(best["package"] / best["ours"], 2),
        "cpu_seconds": worked, "times_less_cpu": round(min(worked["package"]) / min(worked["ours"]), 2),
    }  # fmt: skip


def cpu_seconds():
    """Of this process and the workers that have ended; says more than the clock on a busy machine."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def columns_of(pool):
    from selection.methods import items

    found = {}
    for item in items(pool.sizes, 10_000):
        shard = pool.open(item)
        found |= dict(zip(shard.keys, shard["text"], strict=True))
    return found


STATIC = "classifier, dsir, classifier:features=static"
CASES = {
    "vectors": [
        ("embedding", {}, 1),
        ("embedding", {"aggregation": "round_robin"}, 1),
        ("embedding", {"search": "ivf"}, 1),
    ],
    "others": [
        ("quality", {}, 1),
        ("dedup", {}, 1),
        ("tsds", {}, 1),
        ("facility_location", {}, 1),
        ("k_center", {}, 1),
        ("semdedup", {}, 1),
        ("d4", {}, 1),
        ("fusion", {"methods": STATIC}, 1),
        ("cascade", {"first": "bm25", "then": "embedding"}, 1),
    ],
    "random": [("random", {}, 1)],
    "bm25": [("bm25", {"aggregation": how}, 1) for how in ("sum", "max", "round_robin")],
    "zipfit": [("zipfit", {}, 2)],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=[*CASES, "pair"])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        name, params, processes = json.loads(args.one)
        print(json.dumps(streamed(name, params, processes, args.rows, args.targets)))
        return
    load = os.getloadavg()[0]
    if args.what == "pair":
        found = [pair(args.rows or 16_000, args.targets)]
    else:
        found = [in_a_process(case, args) for case in CASES[args.what]]
    for line in found:
        print(json.dumps(line, indent=1))
    save(f"methods_{args.what}", {"load_before": round(load, 2), "results": found})


def in_a_process(case, args):
    command = [
        sys.executable,
        "-m",
        "benchmarks.methods",
        args.what,
        "--one",
        json.dumps(case),
        "--targets",
        str(args.targets),
    ]
    command += ["--rows", str(args.rows)] if args.rows else []
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
