"""Encoders: rows a second beside sentence-transformers' defaults, in turns in one run, and what bfloat16 costs.

python -m benchmarks.encoders
"""

import os
import time

import numpy as np
import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.common import Pool, peak_mib, save
from selection.encoders import identity, load
from selection.encoders.files import folder_of
from selection.encoders.static import Static, tokenizer_of
from selection.methods import items

ROWS, TURNS, STATIC_ROWS = 2_000, 4, 20_000


def texts(pool, rows):
    found = [text for item in items(pool.sizes, 50_000) for text in pool.open(item)["text"]]
    return [found[at] for at in np.random.default_rng(0).choice(len(found), rows, replace=False)]


def timed(work):
    begun = time.perf_counter()
    found = work()
    return found, time.perf_counter() - begun


def dense(some, device):
    """Ours and the library, each on the same quarter of the rows before the next quarter."""
    library = SentenceTransformer(str(folder_of("minilm")), device=device, local_files_only=True)
    ours, exact = load("minilm", device), load("minilm", device, precision="float32")
    for encode in (library.encode, ours.encode, exact.encode):
        encode(some[:64])
    ways = {
        "sentence-transformers": lambda part: library.encode(part, show_progress_bar=False),
        "ours": ours.encode,
        "ours, float32": exact.encode,
    }
    seconds, found = {way: [] for way in ways}, {way: [] for way in ways}
    for turn in range(TURNS):
        part = some[turn * ROWS // TURNS : (turn + 1) * ROWS // TURNS]
        for way, encode in ways.items():
            vectors, took = timed(lambda part=part, encode=encode: encode(part))
            seconds[way].append(took)
            found[way].append(vectors)
    stacked = {way: np.concatenate(parts).astype(np.float32) for way, parts in found.items()}
    cosine = (stacked["ours"] * stacked["ours, float32"]).sum(axis=1)
    lengths = np.array([len(ids) for ids in ours.model.ids(some)])
    short = lengths <= ours.room  # the library cuts the rest off, which we read
    same = (stacked["sentence-transformers"] * stacked["ours, float32"]).sum(axis=1)[short]
    ratios = np.array(seconds["sentence-transformers"]) / np.array(seconds["ours"])
    return {
        "rows": len(some), "device": device, "precision": ours.model.precision,
        "tokens_a_row": {"mean": round(float(lengths.mean()), 1), "median": int(np.median(lengths)),
                         "p95": int(np.percentile(lengths, 95)), "most": int(lengths.max())},
        "rows_per_second": {way: round(len(some) / sum(took), 1) for way, took in seconds.items()},
        "times_faster": round(sum(seconds["sentence-transformers"]) / sum(seconds["ours"]), 2),
        "times_faster_by_turn": ratios.round(2).tolist(),
        "cosine_to_float32": {"mean": round(float(cosine.mean()), 6), "least": round(float(cosine.min()), 6)},
        "float32_cosine_to_library_where_it_reads_the_whole_row": round(float(same.min()), 6),
    }  # fmt: skip


def static(pool):
    """Best of three; also by the second of processor time, which other work on the machine does not lengthen."""
    encoder, many = load("static"), texts(pool, STATIC_ROWS)
    encoder.encode(many[:1])
    wall, cpu = {"no word seen before": [], "words known": []}, {"no word seen before": [], "words known": []}
    for _ in range(3):
        fresh = Static(encoder.identity, encoder.table, *tokenizer_of(folder_of("minilm")))
        for what, times in wall.items():
            begun = time.process_time()
            _, took = timed(lambda fresh=fresh: fresh.encode(many))
            times.append(took)
            cpu[what].append(time.process_time() - begun)
    return {
        "rows": len(many), "dims": encoder.dims,
        "rows_per_second": {what: round(len(many) / min(took)) for what, took in wall.items()},
        "rows_per_processor_second": {what: round(len(many) / min(took)) for what, took in cpu.items()},
    }  # fmt: skip


def agreement(some):
    """How far the cosines of the static encoder follow those of its teacher."""
    teacher, student = load("minilm").encode(some), load("static").encode(some)
    a, b = teacher @ teacher.T, student @ student.T
    pairs = np.triu_indices(len(some), 1)
    for matrix in (a, b):
        np.fill_diagonal(matrix, -2)
    near = [np.argpartition(-matrix, 10, axis=1)[:, :10] for matrix in (a, b)]
    shared = [len(set(x) & set(y)) / 10 for x, y in zip(near[0].tolist(), near[1].tolist(), strict=True)]
    return {
        "rows": len(some), "correlation_of_cosines": round(float(np.corrcoef(a[pairs], b[pairs])[0, 1]), 3),
        "overlap_of_ten_nearest": round(float(np.mean(shared)), 3),
    }  # fmt: skip


def main():
    pool = Pool("pool_20k.parquet")
    some, device = texts(pool, ROWS), "cuda" if torch.cuda.is_available() else "cpu"
    found = {
        "libraries": {"torch": torch.__version__, "sentence-transformers": sentence_transformers.__version__},
        "identities": {name: identity(name) for name in ("static", "minilm")},
        "load_before": round(os.getloadavg()[0], 1),
        "dense": dense(some, device),
        "static": {**static(pool), "beside_its_teacher": agreement(some)},
        "peak_mib": round(peak_mib()),
    }
    for name in ("dense", "static"):
        print(name, found[name])
    save("encoders", found)


if __name__ == "__main__":
    main()
