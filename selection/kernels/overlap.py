"""How much of a text's short stretches of bytes stand in other texts: whole numbers, in one quick reading.

Of each text, for stretches of 3 and of 5 bytes: how many different ones it has, how many of those stand in any of
the others, and in how many of the others each stands, added up. A compressor finds the same stretches, so these
numbers tell roughly what it would save, at about a hundredth of the cost of asking it.

Stretches are hashed to 16 bits; two that meet count as one. Compiled by numba where it is installed, else numpy:
the same numbers, slower.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTHS = (3, 5)
BITS = 16
COLUMNS = 3 * len(LENGTHS)  # for each length: different, found, times found
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, odd: multiplying spreads the low bits upwards
Scan = Callable[[Any, Any, Any, Any], None]


def table(texts: Sequence[bytes]) -> NDArray[np.int32]:
    """In how many of the texts each hashed stretch stands: int32[len(LENGTHS), 2**BITS]."""
    found = np.zeros((len(LENGTHS), 1 << BITS), np.int32)
    for text in texts:
        for at, length in enumerate(LENGTHS):
            found[at, _different(text, length)] += 1
    return found


def overlaps(texts: Sequence[bytes], others: NDArray[np.int32]) -> NDArray[np.int32]:
    """int32[texts, COLUMNS] against a `table`."""
    out = np.zeros((len(texts), COLUMNS), np.int32)
    if scan := _compiled():
        edges = np.cumsum([0, *map(len, texts)])
        scan(np.frombuffer(b"".join(texts), np.uint8), edges, others, out)
        return out
    for row, text in enumerate(texts):
        for at, length in enumerate(LENGTHS):
            times = others[at, _different(text, length)]
            out[row, 3 * at : 3 * at + 3] = len(times), np.count_nonzero(times), times.sum()
    return out


def _different(text: bytes, length: int) -> NDArray[np.int64]:
    """The hashes of the text's stretches, each once."""
    held = np.frombuffer(text, np.uint8).astype(np.uint64)
    count = len(held) - length + 1
    if count < 1:
        return np.empty(0, np.int64)
    value = np.zeros(count, np.uint64)
    for at in range(length):
        value = (value << np.uint64(8)) | held[at : at + count]
    return np.unique((value * SPREAD) >> np.uint64(64 - BITS)).astype(np.int64)


@cache
def _compiled() -> Scan | None:
    try:
        from selection.kernels.overlap_scan import scan
    except (ImportError, RuntimeError):  # RuntimeError: numba finds no folder to keep compiled code in
        return None
    found: Scan = scan
    return found
