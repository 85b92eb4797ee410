"""Rows that say what a picked row says already, told by their static word vectors."""

import numpy as np
from numpy.typing import NDArray

from selection.kernels.lattice import SCALE, lattice


class SameMeaning:
    """Ask `seen(text)` of rows in order, and `keep()` of those that are picked (DEITA's rule, arXiv 2312.15685, §3.3).

    A row is compared with kept rows only, one after the other, so no batch decides. `threshold`: cosine, from 0 to 1.
    """

    def __init__(self, threshold: float) -> None:
        from selection.encoders import load

        self.threshold, self._encoder = threshold * SCALE * SCALE, load("static")
        self._kept = np.empty((64, self._encoder.dims), np.float32)
        self._count = 0
        self._last: NDArray[np.float32] = self._kept[0]

    def seen(self, text: str) -> bool:
        """Whether a kept row has a cosine above the threshold. A text without a word is like nothing."""
        self._last = lattice(self._encoder.encode([text]))[0]
        return bool(self._count) and float((self._kept[: self._count] @ self._last).max()) > self.threshold

    def keep(self) -> None:
        """The row last asked for is picked."""
        if self._count == len(self._kept):
            self._kept = np.concatenate([self._kept, np.empty_like(self._kept)])
        self._kept[self._count] = self._last
        self._count += 1
