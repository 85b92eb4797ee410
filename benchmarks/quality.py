"""Do the methods find what is wanted? Provenance precision per target and method: P@1000 and R-precision.

    python -m benchmarks.quality [--small] [--methods bm25,zipfit] [--targets gsm8k,mbpp] [--dense] [--docs]
    python -m benchmarks.quality --sae FOLDER [--docs]

`--dense` adds the cases that need MiniLM (on two cores: minutes for the sample, half an hour for the whole pool);
`--sae` adds what a language model sees, on 5,000 rows of the sample, with a sparse autoencoder of SmolLM2.
`--docs` writes the table of the sample into the documentation. Chance has three seeds.
The targets are the dev rows, whole (with outputs); labels decide only what counts as wanted, methods never see them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.common import DATA, RESULTS, Pool, save, target, timed
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


def order(columns, pool):
    """Positions in the pool, best first: by (-score, key) over all columns; rows without a score come last."""
    joined = {name: np.concatenate([column[name] for column in columns]) for name in ("key", "score")}
    place = np.searchsorted(pool.sorted_keys, joined["key"])
    ranked = pool.by_key[place[np.lexsort((joined["key"], -joined["score"]))]]
    return np.concatenate([ranked, np.setdiff1d(np.arange(pool.rows), ranked)])


STATIC = "classifier, dsir, classifier:features=static"
CASES = [
    ("random", {"seed": 0}),
    ("random", {"seed": 1}),
    ("random", {"seed": 2}),
    ("bm25", {}),
    ("bm25", {"aggregation": "max"}),
    ("bm25", {"aggregation": "round_robin"}),
    ("zipfit", {}),
    ("zipfit", {"variant": "paper"}),
    ("zipfit", {"mode": "anchored"}),
    ("dsir", {}),
    ("dsir", {"mode": "paper"}),
    ("classifier", {}),
    ("classifier", {"features": "word"}),
    ("classifier", {"features": "static"}),
    ("embedding", {}),
    ("embedding", {"aggregation": "mean"}),
    ("fusion", {"methods": STATIC}),
]
DENSE = [
    ("classifier", {"features": "minilm"}),
    ("embedding", {"encoder": "minilm"}),
    ("embedding", {"encoder": "minilm", "aggregation": "mean"}),
    ("cascade", {}),
    ("fusion", {"how": "rank"}),
    ("fusion", {}),
]
SLOW = {"paper", "zipfit"}  # pair by pair: only on the sample
DOCS = Path(__file__).resolve().parents[1] / "docs" / "reference" / "methods" / "evidence.md"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--small", action="store_true", help="the sample of 20,000 rows instead of the whole pool")
    parser.add_argument("--dense", action="store_true", help="also what needs the sentence encoder")
    parser.add_argument("--docs", action="store_true", help="write the table into the documentation")
    parser.add_argument("--methods", default="", help="only these")
    parser.add_argument("--targets", default="")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--sae", default="", help="folder of a sparse autoencoder: what a language model sees, on 5,000 rows"
    )
    args = parser.parse_args()
    if args.sae:
        from benchmarks import quality_models

        quality_models.measured(args.sae)
        if args.docs:
            DOCS.write_text(with_more(DOCS.read_text("utf-8").partition("\n## ")[0]), "utf-8")
        return
    file = "pool_20k.parquet" if args.small else "pool.parquet"
    pool, kept = Pool(file), {}
    names = args.targets.split(",") if args.targets else sorted(p.stem for p in (DATA / "targets").glob("*.jsonl"))
    cases = [case for case in CASES + (DENSE if args.dense else []) if wanted(case, args)]
    found = []
    print(
        f"{pool.rows:,} rows\n\n| target | method | strict P@1000 | strict R | broad P@1000 | broad R | base | s |\n|"
        + "---|" * 8
    )
    for name in names:
        goal, masks = target(name), wanted_rows(name, file)
        for method, params in cases:
            columns, seconds, _ = timed(METHODS[method], pool, goal, processes=args.processes, kept=kept, **params)
            ranked = order(columns, pool)
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
    facts = {"rows": pool.rows, "means": means(found), "results": found}
    print(json.dumps(facts["means"], indent=1))
    suffix = args.methods.replace(",", "_") or ("all" if args.dense else "lexical")
    save(f"quality_{pool.rows}_{suffix}", facts)
    if args.docs:
        DOCS.write_text(with_more(page_of(found, pool.rows)), "utf-8")


def wanted(case, args):
    method, params = case
    if args.methods and method not in args.methods.split(","):
        return False
    if method == "cascade" and not args.methods:
        return False  # encodes half of the sample anew for every target
    return args.small or not (SLOW & {method, *params.values()} and params.get("mode") != "anchored")


def means(found):
    """Mean R-precision over the targets that have rows of their own in the pool, strictly taken."""
    by = {}
    for line in found:
        if line["strict"]["rows"]:
            by.setdefault(label_of(line), []).append(line["strict"]["r"])
    return {name: round(float(np.mean(values)), 3) for name, values in by.items()}


def label_of(line):
    return " ".join([line["method"], *(f"{name}={value}" for name, value in line["params"].items())])


def page_of(found, rows):
    """The documentation's page: R-precision of every method on every target."""
    return HEAD.format(rows=f"{rows:,}") + "\n" + table_of(found) + "\n"


def table_of(found):
    targets = list(dict.fromkeys(line["target"] for line in found if line["strict"]["rows"]))
    table = {}
    for line in found:
        if line["strict"]["rows"]:
            table.setdefault(label_of(line), {})[line["target"]] = line["strict"]["r"]
    ordered = sorted(table.items(), key=lambda entry: -np.mean(list(entry[1].values())))
    out = ["| method | mean | " + " | ".join(targets) + " |", "|---|" + "---|" * (len(targets) + 1)]
    for name, cells in ordered:
        shown = " | ".join(f"{cells[target]:.2f}" for target in targets)
        out.append(f"| {name} | **{np.mean(list(cells.values())):.3f}** | {shown} |")
    return "\n".join(out)


def with_more(page):
    """The page with what was measured beside the sample: the whole pool, and what a language model sees."""
    page = page.rstrip() + "\n"
    whole = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("quality_192825_*.json"))]
    found = [line for one in whole for line in one["results"] if line["method"] not in ("random", "zipfit")]
    if found:
        page += (
            "\n"
            + WHOLE
            + "\n"
            + table_of(list({(label_of(line), line["target"]): line for line in found}.values()))
            + "\n"
        )
    return with_models(page)


def with_models(page):
    """The page with the tables of what a language model sees, a table for each layer that was measured."""
    made = [json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("quality_*_models_*.json"))]
    out = [page.rstrip()] + ["\n" + MODELS.format(**made[0])] * bool(made)
    for facts in made:
        table = facts["r_precision"]
        targets = [name for name in next(iter(table.values())) if name != "mean"]
        out += [
            "",
            LAYER.format(**facts),
            "| method | mean | " + " | ".join(targets) + " |",
            "|---|" + "---|" * (len(targets) + 1),
        ]
        for name, cells in table.items():
            shown = " | ".join(f"{cells[target]:.2f}" for target in targets)
            out.append(f"| {name} | **{cells['mean']:.3f}** | {shown} |")
    return "\n".join(out) + "\n"


WHOLE = """## On the whole pool

The same for all 192,825 rows, with what does without a sentence encoder. For each target the best of these finds what the
best of five plain lexical rankings finds (TF-IDF and BM25, by mean and by best row: .70, .52, .84, .68, .96, .31, .62), or
more. Written by `python -m benchmarks.quality --docs`.
"""
MODELS = """## What a language model sees

{rows:,} rows of the same sample, stratified by source and task, each read up to {tokens_a_row_at_most} tokens by SmolLM2-135M, with
sparse autoencoders of {autoencoder[latents]:,} features trained on rows of the whole sample. `mona` has one prototype, and what
rows of the same size share with it on average is taken off; `size=published` is the paper's score, without that. Written by
`python -m benchmarks.quality --sae FOLDER --docs`.

Features find more than the hidden states that they are made of, and likeness above what is usual for a size more than
likeness alone, at both layers. Rows here are of very mixed length, and the paper's likeness prefers those in which much
fires: that alone puts it behind cosine. Corrected it is ahead of cosine at two thirds of the depth, where autoencoders are
trained unless you say otherwise, and for targets of one kind at both layers. Behind the last block but one cosine finds more
of the seven targets, several of which hold more than one kind (two kinds of names to extract; splitting, fusing and
smoothing of sentences): one prototype is like none of them. Try `measure=cosine` or `aggregation=max` on a mixed target. In
a model as small as this one the last layer but one sees more than two thirds of the depth; its autoencoder wants a
million tokens to pass the check.
"""
LAYER = """Behind block {layer} of 30; the autoencoder saw {autoencoder[tokens]:,} tokens, FVU {autoencoder[fvu]:.2f}. A cascade
in which the classifier leaves 13 % of the rows for `mona` reads {forward_passes_of_a_cascade:.0%} of them and has
{kept_by_the_cascade:.0%} of the R-precision of `mona` on all rows. With {by_task[tasks]} of the sample's own tasks as targets
of one kind, five rows each: `mona` {by_task[r_precision][mona]:.2f}, `size=published`
{by_task[r_precision][mona size=published]:.2f}, `measure=cosine` {by_task[r_precision][mona measure=cosine]:.2f},
`codes=hidden` {by_task[r_precision][mona codes=hidden]:.2f}.
"""

HEAD = """# How well the methods find what is wanted

R-precision on a labelled sample of {rows} instruction rows from public sources: of the R best rows, R being the number of
rows that truly are of the target's kind, the share that are. Targets are 60 to 100 rows of tasks whose wording is in no
row of the pool; the labels decide only what counts, no method sees them. All settings are the defaults or named. Written by
`python -m benchmarks.quality --small --dense --docs`.

One seed stands for all draws, three for the control. Differences of .02 are within what another sample would change. A
method that is best here need not be best for you: hold it against random on your own target.
"""


def row_of(line):
    def show(value):
        return "–" if value is None else f"{value:.3f}"

    cells = [show(line[level][name]) for level in ("strict", "broad") for name in ("p1000", "r")]
    label = label_of(line)
    return f"| {line['target']} | {label} | {' | '.join(cells)} | {line['strict']['base']:.3f} | {line['seconds']} |"


if __name__ == "__main__":
    main()
