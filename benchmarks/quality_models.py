"""What a language model's eyes add: MONA beside its baselines and in a cascade, on 5,000 rows of the labelled sample.

    python -m benchmarks.quality --sae FOLDER [--docs]

Every row is read once, at the autoencoder's layer, at most 128 tokens of it; all measures are made of those numbers by
the kernels that the methods use, and on one target the method `mona` itself must give the same scores. The sample is
stratified by source and task, which no method sees. The cascade lets the classifier leave 13 % of the rows and looks at
100 others beside; its figure is exactly what the method does with them.
"""

import json

import numpy as np

from benchmarks.common import DATA, Pool, save, target, timed
from benchmarks.quality import wanted_rows
from selection.encoders import causal, sae
from selection.encoders.sae.fit import tokens_of
from selection.evaluate import r_precision
from selection.kernels import sparse
from selection.methods import METHODS, items, mona_size
from selection.methods.mona_read import ENTRIES

FILE = "pool_20k.parquet"
TOKENS = 128
LEFT = 0.13  # of the rows, that a cascade's first method leaves
LOOKED = 100  # rows that its audit looks at beside


def stratified(rows):
    """Places of about so many rows: every n-th of the rows in the order of their source and task."""
    import pyarrow.parquet as pq

    table = pq.read_table(DATA / FILE, columns=["source", "task"]).to_pylist()
    order = sorted(range(len(table)), key=lambda at: (table[at]["source"], table[at]["task"], at))
    return np.sort(np.array(order[:: max(1, len(table) // rows)]))


def read(texts, coder, lm):
    """(features, mean hidden states) of each text; one that has no token to read has neither."""
    order, pieces, means = [], [], np.zeros((len(texts), lm.dims), np.float32)
    tokens = 0
    for rows, hidden, counts in tokens_of(lm, texts, coder.layer, most=TOKENS):
        acts, index = coder.encode(hidden)
        pieces.append(sparse.pooled(acts, index, counts, coder.latents))
        order.append(rows)
        ends = np.cumsum(counts)
        for row, stop, count in zip(rows.tolist(), ends.tolist(), counts.tolist(), strict=True):
            if count:
                means[row] = hidden[stop - count : stop].double().mean(dim=0).float().cpu().numpy()
        tokens += int(counts.sum())
    there = np.concatenate(order)
    assert len(there) == len(texts), "every row has a token"
    return sparse.join(pieces).take(np.argsort(there, kind="stable")), means, tokens


def above(rows, likeness):
    """What rows have above others of their size, as the method takes it off."""
    count = mona_size.counts(rows, ENTRIES)
    return likeness - mona_size.average(mona_size.learned(count, likeness), count)


def unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def measures(rows, means, goal, goal_means, *, width, centre):
    """Scores by name, float64[rows]."""
    aims = sparse.table(goal, width)
    one = aims.mean(axis=1, keepdims=True)
    hidden, middle = unit(means), unit(means - centre)
    likeness, nearest = sparse.jaccard(rows, one)[:, 0], sparse.jaccard(rows, aims).max(axis=1)
    return {
        "mona": above(rows, likeness),
        "mona size=published": likeness,
        "mona aggregation=max": above(rows, nearest),
        "mona aggregation=max;size=published": nearest,
        "mona measure=cosine": sparse.cosine(rows, one)[:, 0],
        "mona codes=hidden": hidden @ unit(goal_means.mean(axis=0, keepdims=True))[0],
        "hidden states, centred by the pool": middle @ unit((goal_means - centre).mean(axis=0, keepdims=True))[0],
    }


def ranked(scores):
    return np.argsort(-np.asarray(scores, np.float64), kind="stable")


def by_method(name, pool, picked, goal, **params):
    """Scores of a method that reads the whole sample file, of the rows that were picked from it."""
    columns, _, _ = timed(METHODS[name], pool, goal, **params)
    keys, found = (np.concatenate([column[field] for column in columns]) for field in ("key", "score"))
    every = np.full(pool.rows, -np.inf)
    every[pool.by_key[np.searchsorted(pool.sorted_keys, keys)]] = found
    return every[picked] if len(picked) != pool.rows else every


def cascaded(cheap, rows, likeness):
    """The order of a cascade: the rows that the cheap method leaves by the dear one, all others below by the cheap.

    What is usual for a size is learned of the rows that are read: those, and the ones looked at beside.
    """
    kept = ranked(cheap)[: int(LEFT * len(cheap))]
    drawn = np.random.default_rng(0).permutation(np.setdiff1d(np.arange(len(cheap)), kept))[:LOOKED]
    seen = np.concatenate([kept, drawn])
    dear = above(rows.take(seen), likeness[seen])[: len(kept)]
    best = kept[ranked(dear)]
    return np.concatenate([best, np.setdiff1d(ranked(cheap), best, assume_unique=True)])


def by_task(picked, rows, means, width, draws=5):
    """R-precision of the sample's own tasks: five rows of each stand for it, all others of it are wanted.

    As the published comparison has it: targets of one kind, drawn from the tasks themselves. The mean over tasks and draws.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(DATA / FILE, columns=["source", "task"]).to_pylist()
    names = [(table[at]["source"], table[at]["task"]) for at in picked]
    tasks = [
        np.array(found)
        for name in sorted(set(names))
        if len(found := [n for n, one in enumerate(names) if one == name]) >= 15
    ]
    rng, found = np.random.default_rng(0), {}
    for _ in range(draws):
        for task in tasks:
            shown = rng.choice(task, 5, replace=False)
            others, wanted = np.ones(len(names), bool), np.zeros(len(names), bool)
            others[shown], wanted[np.setdiff1d(task, shown)] = False, True
            goal = rows.take(shown)
            one = sparse.table(goal, width).mean(axis=1, keepdims=True)
            scores = {
                "mona": above(rows, sparse.jaccard(rows, one)[:, 0]),
                "mona size=published": sparse.jaccard(rows, one)[:, 0],
                "mona measure=cosine": sparse.cosine(rows, one)[:, 0],
                "mona codes=hidden": unit(means) @ unit(means[shown].mean(axis=0, keepdims=True))[0],
            }
            for name, each in scores.items():
                order = ranked(each[others])
                found.setdefault(name, []).append(r_precision(wanted[others][order], len(task) - 5))
    means_of = {name: round(float(np.mean(each)), 4) for name, each in found.items()}
    return {"tasks": len(tasks), "draws": draws, "r_precision": means_of}


class Part(Pool):
    """Some rows of the sample as a pool of its own."""

    def __init__(self, picked):
        super().__init__(FILE)
        self.table = self.table.take(picked)
        self.rows = self.table.num_rows
        keys = np.array([key.encode() for key in self.table.column("id").to_pylist()])
        self.by_key = np.argsort(keys, kind="stable")
        self.sorted_keys = keys[self.by_key]
        self.sizes = [self.rows]


def check(folder, pool, goal, scores):
    """The method's own scores, streamed over a few rows, are those of this benchmark."""
    few = Part(np.arange(0, 20_000, 400))
    columns, _, _ = timed(METHODS["mona"], few, goal, sae=folder, keep=False, tokens=TOKENS, size="published")
    for column in columns:
        for key, score in zip(column["key"], column["score"], strict=True):
            at = np.searchsorted(pool.sorted_keys, key)
            if at < pool.rows and pool.sorted_keys[at] == key:
                assert abs(scores[pool.by_key[at]] - score) < 0.01, (key, score)


def measured(folder, rows=5_000):
    """Everything of this module, written down and returned. `folder`: of an autoencoder that passed its gate."""
    picked = stratified(rows)
    pool, coder = Part(picked), sae.load(folder)
    lm = causal.load(coder.model)
    texts = [text for item in items(pool.sizes, 50_000) for text in pool.open(item)["text"]]
    read_rows, means, tokens = read(texts, coder, lm)
    print(f"{len(texts):,} rows, {tokens:,} tokens read", flush=True)
    centre, found, checked = means.mean(axis=0), {}, False
    for path in sorted((DATA / "targets").glob("*.jsonl")):
        mask = wanted_rows(path.stem, FILE)[0][picked]
        if not mask.any():
            continue
        goal = target(path.stem)
        goal_rows, goal_means, _ = read(goal["text"], coder, lm)
        scores = measures(read_rows, means, goal_rows, goal_means, width=coder.latents, centre=centre)
        if not checked:
            check(folder, pool, goal, scores["mona size=published"])
            checked = True
        scores["bm25"] = by_method("bm25", pool, np.arange(pool.rows), goal)
        scores["classifier"] = by_method("classifier", pool, np.arange(pool.rows), goal)
        scores["random"] = np.random.default_rng(0).random(pool.rows)
        orders = {name: ranked(values) for name, values in scores.items()}
        for name in ("mona", "mona aggregation=max"):
            of = scores[name + (";" if "=" in name else " ") + "size=published"]
            orders[f"cascade classifier, {name}"] = cascaded(scores["classifier"], read_rows, of)
        for name, order in orders.items():
            found.setdefault(name, {})[path.stem] = round(r_precision(mask[order], int(mask.sum())), 4)
        print(path.stem, {name: values[path.stem] for name, values in found.items()}, flush=True)
    table = {
        name: {"mean": round(float(np.mean(list(each.values()))), 4), **each} for name, each in found.items()
    }  # fmt: skip
    facts = {
        "rows": pool.rows, "tokens": tokens, "tokens_a_row_at_most": TOKENS, "model": coder.model, "layer": coder.layer,
        "autoencoder": {name: coder.facts.get(name) for name in ("fvu", "dead", "tokens")} | {"latents": coder.latents},
        "forward_passes_of_a_cascade": round((int(LEFT * pool.rows) + LOOKED) / pool.rows, 4),
        "kept_by_the_cascade": round(table["cascade classifier, mona"]["mean"] / table["mona"]["mean"], 4),
        "by_task": by_task(picked, read_rows, means, coder.latents),
        "r_precision": dict(sorted(table.items(), key=lambda one: -one[1]["mean"])),
    }  # fmt: skip
    print(json.dumps(facts, indent=1))
    save(f"quality_{pool.rows}_models_{coder.layer}", facts)
    return facts
