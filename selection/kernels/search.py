"""Nearest rows by inner product: exact in blocks, or through a FAISS index that is measured against the exact answer.

A GPU is used where there is one: FAISS's own where faiss-gpu is installed, else torch's matrix product.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels.lattice import SCALE, lattice

BLOCK = 16_384  # rows whose products with the targets are held at once
Kind = Literal["ivf", "hnsw"]


@lru_cache(maxsize=1)
def cuda() -> bool:
    """Whether torch sees a GPU."""
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


def products(
    rows: NDArray[np.floating[Any]], targets: NDArray[np.float32]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Blocks of the cosines of rows[N, d] and targets[M, d]: which rows, and float32[M, n].

    Both are put on a lattice, so that the products are whole numbers and the same bits come out whatever the block, the
    library and the device: on a GPU too. A cosine moves by about 0.0001.
    """
    gpu, targets = cuda(), lattice(targets)
    if gpu:
        import torch

        held = torch.from_numpy(targets).cuda()
    for start in range(0, len(rows), BLOCK):
        block = slice(start, min(start + BLOCK, len(rows)))
        part = lattice(rows[block])
        found = (held @ torch.from_numpy(part).cuda().T).cpu().numpy() if gpu else targets @ part.T
        yield block, found / np.float32(SCALE * SCALE)


def nearest(
    rows: NDArray[np.floating[Any]], targets: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Exact: the k rows of the largest product for each target, float32[M, k] and int64[M, k], largest first.

    Ties by position. k is cut to N.
    """
    k = min(k, len(rows))
    best = np.empty((len(targets), 0), np.float32)
    place = np.empty((len(targets), 0), np.int64)
    for block, found in products(rows, targets):
        best = np.concatenate([best, found], axis=1)
        place = np.concatenate([place, np.broadcast_to(np.arange(block.start, block.stop), found.shape)], axis=1)
        if best.shape[1] > k:
            best, place = _largest(best, place, k)
    order = np.lexsort((place, -best), axis=1)
    return np.take_along_axis(best, order, 1), np.take_along_axis(place, order, 1)


def _largest(
    best: NDArray[np.float32], place: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k first by (-product, position) of each line; a plain partition would cut ties at random."""
    order = np.lexsort((place, -best), axis=1)[:, :k]
    return np.take_along_axis(best, order, 1), np.take_along_axis(place, order, 1)


class Index:
    """A FAISS index over unit vectors, by inner product. `rows` float16 or float32 [N, d]; N must be at least 1.

    ivf: about sqrt(N) lists, of which `probes` are searched. hnsw: 32 neighbours a row. Seeded; built in blocks, so
    that a memory map is never held as float32 at once (the index itself holds N × d float16).
    """

    def __init__(self, rows: NDArray[np.floating[Any]], kind: Kind, *, probes: int = 32) -> None:
        import faiss

        count, dims = rows.shape
        if kind == "hnsw":
            made: Any = faiss.index_factory(dims, "HNSW32_SQfp16", faiss.METRIC_INNER_PRODUCT)
            made.hnsw.efSearch = 256
        else:
            lists = max(1, min(int(count**0.5), count // 39))
            made = faiss.index_factory(dims, f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
            made.nprobe = min(probes, lists)
            made.cp.seed = 1
        step = max(1, count // 100_000)
        made.train(np.ascontiguousarray(rows[::step], np.float32))
        if getattr(faiss, "get_num_gpus", lambda: 0)() and kind == "ivf":
            made = faiss.index_cpu_to_all_gpus(made)
        for start in range(0, count, BLOCK):
            made.add(np.ascontiguousarray(rows[start : start + BLOCK], np.float32))
        self._index = made

    def nearest(self, targets: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """As `nearest`; -1 and -inf where fewer than k were found."""
        found: tuple[NDArray[np.float32], NDArray[np.int64]] = self._index.search(np.ascontiguousarray(targets), k)
        score, place = found
        return np.where(place < 0, -np.inf, score).astype(np.float32), place


def recall(exact: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    """Mean share of the exact neighbours [M, k] that are among the found [M, k]."""
    shares = [len(np.intersect1d(a, b)) / max(1, len(a)) for a, b in zip(exact, found, strict=True)]
    return float(np.mean(shares)) if shares else 1.0
