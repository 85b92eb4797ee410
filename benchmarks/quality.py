"""Do the methods find what is wanted? Provenance precision per target and method: P@1000 and R-precision.

    python -m benchmarks.quality [--small] [--methods bm25,zipfit] [--targets gsm8k,mbpp]

The targets are the dev rows, whole (with outputs); labels decide only what counts as wanted, methods never see them.
"""

import argparse
import json

import numpy as np
import pyarrow.parquet as pq

from benchmarks.common import DATA, Pool, save, target, timed
from selection.evaluate import chance_level, precision_at, r_precision
from selection.methods import METHODS


def wanted_rows(name, file):
    """(strict, broad) masks over the pool; a rule names exact (source, task) pairs."""
    rules = json.loads((DATA / "targets" / "in_domain.json").read_text("utf-8"))[name]
    table = pq.read_table(DATA / file, columns=["source", "task"]).to_pylist()
    masks = []
    for level in ("strict", "broad"):
        pairs = {(source, task) for source, task, _ in rules[level]["pairs"]}
        masks.append(np.array([(row["source"], row["task"]) in pairs for row in table]))
    return masks


def order(columns, sizes):
    """Positions in the pool, best first: by (-score, key) over all columns."""
    joined = {name: np.concatenate([column[name] for column in columns]) for name in ("key", "score")}
    shard, offsets, at = 0, [], 0
    for column in columns:
        offsets.append(np.full(len(column["row"]), sum(sizes[:shard])))
        at += len(column["row"])
        if at == sizes[shard]:
            shard, at = shard + 1, 0
    place = np.concatenate([column["row"] for column in columns]).astype(np.int64) + np.concatenate(offsets)
    return place[np.lexsort((joined["key"], -joined["score"]))]


CASES = [
    ("random", {}),
    ("bm25", {}),
    ("bm25", {"aggregation": "max"}),
    ("bm25", {"aggregation": "round_robin"}),
    ("zipfit", {}),
    ("zipfit", {"variant": "paper"}),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--small", action="store_true", help="the sample of 20,000 rows instead of the whole pool")
    parser.add_argument("--methods", default="random,bm25")
    parser.add_argument("--targets", default="")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    file = "pool_20k.parquet" if args.small else "pool.parquet"
    pool = Pool(file)
    names = args.targets.split(",") if args.targets else sorted(p.stem for p in (DATA / "targets").glob("*.jsonl"))
    found = []
    print(
        f"{pool.rows:,} rows\n\n| target | method | strict P@1000 | strict R | broad P@1000 | broad R | base | s |\n|"
        + "---|" * 8
    )
    for name in names:
        goal, masks = target(name), wanted_rows(name, file)
        for method, params in CASES:
            if method not in args.methods.split(",") or (params.get("variant") and not args.small):
                continue
            columns, seconds, _ = timed(METHODS[method], pool, goal, processes=args.processes, **params)
            ranked = order(columns, pool.sizes)
            line = {
                "target": name,
                "targets": len(goal),
                "method": method,
                "params": params,
                "seconds": round(seconds, 1),
            }
            for level, mask in zip(("strict", "broad"), masks, strict=True):
                relevant = int(mask.sum())
                line[level] = {
                    "rows": relevant, "base": round(chance_level(relevant, pool.rows), 4),
                    "p1000": precision_at(mask[ranked], 1000) if relevant else None,
                    "r": r_precision(mask[ranked], relevant),
                }  # fmt: skip
            found.append(line)
            print(row_of(line), flush=True)
    save(f"quality_{pool.rows}_{args.methods.replace(',', '_')}", {"rows": pool.rows, "results": found})


def row_of(line):
    def show(value):
        return "–" if value is None else f"{value:.3f}"

    cells = [show(line[level][name]) for level in ("strict", "broad") for name in ("p1000", "r")]
    label = " ".join([line["method"], *line["params"].values()])
    return f"| {line['target']} | {label} | {' | '.join(cells)} | {line['strict']['base']:.3f} | {line['seconds']} |"


if __name__ == "__main__":
    main()
