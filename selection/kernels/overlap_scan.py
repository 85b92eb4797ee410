"""The loop of `overlap`, compiled by numba."""

from typing import Any

import numpy as np
from numba import njit  # type: ignore[import-not-found,import-untyped,unused-ignore]

from selection.kernels.overlap import BITS, LENGTHS, SPREAD

SHORT, LONG = LENGTHS
SHIFT = np.uint64(64 - BITS)
SHORT_MASK, LONG_MASK = np.uint64((1 << 8 * SHORT) - 1), np.uint64((1 << 8 * LONG) - 1)


@njit(cache=True)
def scan(text: Any, edges: Any, others: Any, out: Any) -> None:
    """out[row] = the numbers of `overlap` for text[edges[row]:edges[row + 1]]; `out` holds zeros."""
    seen = np.full((2, 1 << BITS), -1, np.int32)
    for row in range(len(edges) - 1):
        value, start = np.uint64(0), edges[row]
        for at in range(start, edges[row + 1]):
            value = ((value << np.uint64(8)) | np.uint64(text[at])) & LONG_MASK
            if at - start >= SHORT - 1:
                place = np.int64(((value & SHORT_MASK) * SPREAD) >> SHIFT)
                if seen[0, place] != row:
                    seen[0, place] = row
                    times = others[0, place]
                    out[row, 0] += 1
                    out[row, 1] += times > 0
                    out[row, 2] += times
            if at - start >= LONG - 1:
                place = np.int64((value * SPREAD) >> SHIFT)
                if seen[1, place] != row:
                    seen[1, place] = row
                    times = others[1, place]
                    out[row, 3] += 1
                    out[row, 4] += times > 0
                    out[row, 5] += times
