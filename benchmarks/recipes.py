"""How the proposed recipes were found, and whether they hold on targets that had no say.

python -m benchmarks.recipes apart     fusions chosen on all targets but one, and tried on that one
python -m benchmarks.recipes few       with 5 rows of each target: what is proposed below eight rows, and its parts

Scores of each part are computed once a target; a fusion adds standardised scores, as the method `fusion` does. The
sample of 20,003 rows, strict labels, R-precision.
"""

import argparse
import itertools
import json
import time

import numpy as np

from benchmarks.common import DATA, Pool, save, target, timed
from benchmarks.quality import wanted_rows
from selection.evaluate import r_precision
from selection.methods import METHODS, Target

FILE = "pool_20k.parquet"
PARTS = {
    "bm25": ("bm25", {}),
    "bm25 max": ("bm25", {"aggregation": "max"}),
    "bm25 round robin": ("bm25", {"aggregation": "round_robin"}),
    "dsir": ("dsir", {}),
    "classifier char": ("classifier", {}),
    "classifier word": ("classifier", {"features": "word"}),
    "classifier static": ("classifier", {"features": "static"}),
    "classifier minilm": ("classifier", {"features": "minilm"}),
    "static max": ("embedding", {}),
    "static mean": ("embedding", {"aggregation": "mean"}),
    "minilm max": ("embedding", {"encoder": "minilm"}),
    "minilm mean": ("embedding", {"encoder": "minilm", "aggregation": "mean"}),
}
TAKEN = ("classifier char", "classifier minilm", "minilm max")  # what Winnow proposes
NEAR = ("bm25 max", "static max")  # what it proposes below eight rows of target
SEEDS = (0, 1, 2)


def scores(name, pool, goal, kept, seed=0):
    """float64[rows] of one part, standardised; a row without a score counts as the lowest."""
    method, params = PARTS[name]
    columns, _, _ = timed(METHODS[method], pool, goal, processes=2, kept=kept, seed=seed, **params)
    keys, found = (np.concatenate([column[field] for column in columns]) for field in ("key", "score"))
    every = np.full(pool.rows, found.min(), np.float64)
    every[pool.by_key[np.searchsorted(pool.sorted_keys, keys)]] = found
    return (every - every.mean()) / (every.std() or 1.0)


def precision(added, mask):
    """Ties by row position: they are rare, and of no part's making."""
    return r_precision(mask[np.argsort(-added, kind="stable")], int(mask.sum()))


def targets(pool):
    """Name, rows and mask of each target that has rows of its own in the sample."""
    for path in sorted((DATA / "targets").glob("*.jsonl")):
        mask = wanted_rows(path.stem, FILE)[0]
        if mask.any():
            yield path.stem, target(path.stem), mask


def apart(most):
    pool, kept, table, names = Pool(FILE), {}, {}, []
    fusions = [mix for size in range(1, most + 1) for mix in itertools.combinations(PARTS, size)]
    for name, goal, mask in targets(pool):
        found = {part: scores(part, pool, goal, kept) for part in PARTS}
        table[name] = [precision(sum(found[part] for part in mix), mask) for mix in fusions]
        names.append(name)
        print(name, flush=True)
    every = np.array([table[name] for name in names])  # [targets, fusions]
    held = []
    for at, name in enumerate(names):
        best = int(np.delete(every, at, axis=0).mean(axis=0).argmax())
        held.append({"target": name, "chosen": " + ".join(fusions[best]), "r": round(float(every[at, best]), 4)})
    order = np.argsort(-every.mean(axis=0))[:10]
    return {
        "fusions": len(fusions), "targets": names,
        "left_out": held, "left_out_mean": round(float(np.mean([one["r"] for one in held])), 4),
        "proposed": {"parts": TAKEN, "mean": round(float(every.mean(axis=0)[fusions.index(TAKEN)]), 4)},
        "best_of_all": [{"parts": fusions[at], "mean": round(float(every[:, at].mean()), 4)} for at in order],
        "oracle_of_single": round(float(every[:, : len(PARTS)].max(axis=1).mean()), 4),
    }  # fmt: skip


def few(rows):
    """Mean over the targets, and over three draws of that many of their rows."""
    pool, kept, found = Pool(FILE), {}, {}
    tried = [(name,) for name in PARTS] + [NEAR, TAKEN, ("bm25 max", "minilm max"), ("static max", "minilm max")]
    for _, goal, mask in targets(pool):
        for seed in SEEDS:
            drawn = np.sort(np.random.default_rng(seed).choice(len(goal), min(rows, len(goal)), replace=False))
            some = Target(tuple(goal.keys[at] for at in drawn), tuple(goal.contents[at] for at in drawn))
            parts = {part: scores(part, pool, some, kept, seed) for part in PARTS}
            for mix in tried:
                found.setdefault(mix, []).append(precision(sum(parts[part] for part in mix), mask))
    means = {" + ".join(mix): round(float(np.mean(each)), 4) for mix, each in found.items()}
    return {"rows_of_target": rows, "draws": len(SEEDS), "means": dict(sorted(means.items(), key=lambda one: -one[1]))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["apart", "few"])
    parser.add_argument("--most", type=int, default=4, help="parts of a fusion at most")
    parser.add_argument("--rows", type=int, default=5, help="rows of each target")
    args = parser.parse_args()
    begun = time.perf_counter()
    facts = apart(args.most) if args.what == "apart" else few(args.rows)
    facts["seconds"] = round(time.perf_counter() - begun)
    print(json.dumps(facts, indent=1))
    save(f"recipes_{args.what}", facts)


if __name__ == "__main__":
    main()
