"""The head of the scores put into another order, so that a selection does not say the same thing many times.

Of the best `over` × budget rows, k-centre takes the best first and then always the row farthest from those taken;
facility location takes the rows that together lie near all of them. Works on static word vectors on a lattice, so
the order depends on nothing but the rows.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

MOST = 20_000  # rows of a window: about 20 MB of vectors, half a minute on one core
REFERENCES = 1_000
WAYS = {
    "k_center": "Far from each other (k-centre)",
    "facility_location": "Standing for the others (facility location)",
}


def order(texts: Sequence[str], way: str, wanted: int, tick: Callable[[int], None]) -> NDArray[np.int64]:
    """Positions of all `texts` (given best score first): those the way takes, then the others by score.

    Half as many again as `wanted` are put in order, since later options hold some of them back.
    """
    from selection.encoders import load
    from selection.kernels.coverage import facility_location, k_center
    from selection.kernels.lattice import lattice

    points = lattice(load("static").encode(texts))
    most = min(len(texts), wanted + wanted // 2 + 16)
    if way == "k_center":
        taken = k_center(points, most, start=0, tick=tick).order
    else:
        stride = max(1, -(-len(points) // REFERENCES))
        taken = facility_location(points, points[::stride], most, tick=tick).order
    left = np.ones(len(texts), bool)
    left[taken] = False
    return np.concatenate([taken, np.flatnonzero(left)])


Entry = tuple[float, bytes, int, int, bool]  # as `choose` merges them


def head(
    merged: Iterator[Entry], admitted: Callable[[Sequence[Entry]], Sequence[tuple[Entry, str, int]]], *, way: str,
    most: int, cost: int, wanted: int, tick: Callable[[int], None],
) -> Iterator[Entry]:  # fmt: skip
    """All of `merged`, its head in another order and without the rows that `admitted` leaves out.

    `admitted(batch)` gives (entry, text, cost) of the rows that may be picked. The head ends where the costs reach
    `cost` or there are `most` rows; `wanted` is about how many of them will be picked.
    """
    held: list[Entry] = []
    texts: list[str] = []
    spent, ended = 0, False
    while not ended and spent < cost and len(held) < most:
        # A row costs at least one: a head of rows is met exactly, one of tokens to a batch.
        batch = list(islice(merged, min(256, most - len(held), cost - spent)))
        ended = not batch
        for entry, text, one in admitted(batch):
            held.append(entry)
            texts.append(text)
            spent += one
        tick(len(held))
    share = min(1.0, wanted / max(1, spent))
    for at in order(texts, way, int(share * len(held)) + 1, tick).tolist() if held else ():
        yield held[at]
    yield from merged
