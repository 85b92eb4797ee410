"""Sums of token vectors, the whole work of a static encoder behind its tokens."""

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def sums(ids: Any, edges: Any, table: Any) -> Any:
    """float32[rows, dims]: for each row the sum of `table[id]` over `ids[edges[row]:edges[row + 1]]`, in that order."""
    rows, dims = len(edges) - 1, table.shape[1]
    found = np.zeros((rows, dims), np.float32)
    for row in range(rows):
        line = found[row]
        for at in range(edges[row], edges[row + 1]):
            vector = table[ids[at]]
            for part in range(dims):
                line[part] += vector[part]
    return found
