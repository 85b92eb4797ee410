"""MONA: how fast features are made and scored, and which share of reading is the language model's.

python -m benchmarks.mona --sae FOLDER      with an autoencoder that was trained before
python -m benchmarks.mona                   trains one on rows of the pool first: many minutes on CPUs
"""

import argparse
import os
import tempfile
import time

import numpy as np
import torch

from benchmarks.common import Pool, peak_mib, save, target
from selection.encoders import causal, sae
from selection.encoders.sae import train
from selection.encoders.sae.fit import tokens_of
from selection.kernels import sparse, truncated
from selection.methods import items

ENTRIES = (256, 512, 768, 1024, 1280, 1536, 1792)
STORED = 50_000  # rows scored


def trained(texts, tokens, folder):
    lm = causal.load()
    learn, held = train.split(len(texts), 0)
    one = train.Trainer("smollm2", train.layer_for(lm.depth), 8, 32, tokens, batch=2_048, model_identity=lm.identity)
    stream = train.activations([texts[at] for at in learn], lm, one.settings.layer, batch=2_048)
    while not one.done:
        print(one.step(next(stream)), flush=True)
    print(one.finish(train.held_out([texts[at] for at in held], lm, one.settings.layer)))
    return str(one.save(folder))


def streaming(lm, coder, texts, goal):
    """One pass as `mona` makes it with nothing kept: seconds of the forward pass, of encoding, of the rest."""
    spent = {"forward": 0.0, "encode": 0.0, "pool": 0.0, "score": 0.0}
    pieces, states, tokens = [], [], 0
    mark = time.perf_counter()

    def took(what):
        nonlocal mark
        now = time.perf_counter()
        spent[what] += now - mark
        mark = now

    for _, hidden, counts in tokens_of(lm, texts, coder.layer, most=2048):
        took("forward")
        acts, index = coder.encode(hidden)
        took("encode")
        rows = sparse.pooled(acts, index, counts, coder.latents)
        took("pool")
        sparse.jaccard(rows, goal)
        took("score")
        pieces.append(rows)
        states.append(hidden.cpu())
        tokens += len(hidden)
        mark = time.perf_counter()
    total = sum(spent.values())
    found = {"rows": len(texts), "tokens": tokens, "seconds": {name: round(value, 3) for name, value in spent.items()}}
    found |= {"forward_share": round(spent["forward"] / total, 4), "tokens_a_second": round(tokens / total)}
    return sparse.join(pieces), torch.cat(states), found


def encoding(coder, states, turns=5):
    """Tokens a second, the best of some turns; float32 on a CPU."""
    many = states.repeat(max(1, 16_384 // len(states)), 1)
    coder.encode(many[:512])
    best = min(_seconds(lambda: coder.encode(many)) for _ in range(turns))
    used = min(_cpu(lambda: coder.encode(many)) for _ in range(turns))
    return {"tokens": len(many), "d": coder.d_in, "latents": coder.latents, "k": coder.k,
            "tokens_a_second": round(len(many) / best), "tokens_a_cpu_second": round(len(many) / used)}  # fmt: skip


def scoring(rows, goal, turns=5):
    """Rows a second of stored features, by entries kept: real rows, repeated."""
    found = []
    for entries in ENTRIES:
        stored = truncated.pack(rows, entries)
        many = np.tile(stored, (-(-STORED // len(stored)), 1))[:STORED]
        low, high = truncated.bounds(many[:1_000], goal)
        best = min(_seconds(lambda held=many: truncated.bounds(held, goal)) for _ in range(turns))
        used = min(_cpu(lambda held=many: truncated.bounds(held, goal)) for _ in range(turns))
        found.append({
            "entries": entries, "dropped": round(truncated.dropped(truncated.unpack(stored)), 4),
            "half_width": round(float((high - low).mean() / 2), 5), "rows_a_second": round(STORED / best),
            "rows_a_cpu_second": round(STORED / used), "bytes_a_row": truncated.row_bytes(entries),
        })  # fmt: skip
    return found


def _seconds(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _cpu(work):
    """Seconds of all cores together; says more than the clock on a busy machine."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sae", default="")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=300_000)
    parser.add_argument("--no-save", action="store_true")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    pool = Pool("pool_20k.parquet", 6_000)
    texts = [text for item in items(pool.sizes, 50_000) for text in pool.open(item)["text"]]
    with tempfile.TemporaryDirectory() as folder:
        coder = sae.load(args.sae or trained(texts[1_000:], args.tokens, folder))
        lm = causal.load(coder.model)
        goal = sparse.join([piece for piece, _, _ in [streaming(lm, coder, target("gsm8k", 5)["text"], _none(coder))]])
        prototype = sparse.table(goal, coder.latents).mean(axis=1, keepdims=True)
        picked = [texts[at] for at in np.random.default_rng(0).choice(1_000, args.rows, replace=False)]
        rows, states, pass_ = streaming(lm, coder, picked, prototype)
        found = {
            "load_before": round(load, 2), "device": lm.device, "precision": lm.precision,
            "threads": torch.get_num_threads(), "autoencoder": {"fvu": coder.facts.get("fvu"), "layer": coder.layer},
            "entries_of_a_row": round(float(np.diff(rows.start).mean())),
            "streaming": pass_, "encoding": encoding(coder, states), "scoring": scoring(rows, prototype),
            "peak_mib": round(peak_mib()),
        }  # fmt: skip
    print(found)
    if not args.no_save:
        save("mona", found)


def _none(coder):
    return np.zeros((coder.latents, 1), np.float32)


if __name__ == "__main__":
    main()
