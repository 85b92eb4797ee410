"""What every encoder of text is, and the one error it raises."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Tick = Callable[[int], None]


def no_tick(done: int) -> None:
    """Nobody is waiting for progress."""


class EncoderError(ValueError):
    """An encoder that cannot be had or cannot go on: `what` happened, and `mend`, what a person can do about it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what} {mend}")
        self.what, self.mend = what, mend


class Encoder(Protocol):
    """Texts to vectors.

    `identity` names weights and settings: vectors of the same identity may be compared and kept. `dims` is the length
    of a vector.
    """

    @property
    def identity(self) -> str: ...

    @property
    def dims(self) -> int: ...

    def encode(self, texts: Sequence[str], tick: Tick = no_tick) -> NDArray[np.float32]:
        """float32[len(texts), dims] in the order of the texts; rows have unit length.

        A text without a token (empty, blank) gives zeros. `tick(done)` is called with the number of finished rows
        about every 0.3 s and may raise to cancel. Raises `EncoderError` where memory does not suffice for one row.
        """


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Rows scaled to length one; zeros, and rows that hold no finite length, become zeros."""
    found = np.asarray(rows, np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", found, found, dtype=np.float64))
    good = np.isfinite(length) & (length > 0)
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=good)
    made: NDArray[np.float32] = np.where(good[:, None], found, 0).astype(np.float32) * scale[:, None].astype(np.float32)
    return made


def writable(text: str) -> str:
    """The text without lone surrogates, which no tokenizer takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
