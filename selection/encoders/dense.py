"""Any sentence-transformers model, batched by tokens rather than by rows.

Texts are tokenised once and cut into chunks of the model's length; chunks go through the model sorted by length,
as many at once as a budget of tokens allows, in bfloat16 where the processor multiplies it; a text is the mean of its
chunks weighted by their tokens (MONA, App. C.3, but for the weights).
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import EncoderError, Tick, no_tick, unit, writable
from selection.encoders.model import Model, load_model

Precision = Literal["auto", "float32", "bfloat16"]
CHUNKS = 8  # of one text; what comes after is not read
WINDOW = 8_192  # rows whose tokens are held at once
CPU_TOKENS, GPU_TOKENS = 4_096, 131_072  # of one batch, padding included; a GPU halves it until it fits
CHARACTERS = 32  # read for each token that fits at most


class Dense:
    """Implements `Encoder` for the model in a folder.

    `precision` "auto" is bfloat16 where the device has it in hardware (cosine to float32 > 0.99), else float32.
    `threads` bounds PyTorch's threads while encoding; None leaves them as they are. Raises `EncoderError`.
    """

    def __init__(
        self, folder: Path, identity: str, *, device: str = "auto", precision: Precision = "auto", prefix: str = "",
        max_length: int | None = None, threads: int | None = None, model: Model | None = None,
    ) -> None:  # fmt: skip
        self.identity, self.threads = identity, threads
        self.model = model or load_model(folder, device, precision)
        self.max_length = min(max_length or self.model.max_length, self.model.max_length)
        self.prefix = self.model.ids([prefix])[0] if prefix else []
        self.budget = GPU_TOKENS if self.model.device.startswith("cuda") else CPU_TOKENS
        if self.room < 1:
            raise EncoderError(
                f"A length of {self.max_length} tokens leaves no room for text.", "Raise the length or shorten the prefix."
            )

    @property
    def dims(self) -> int:
        return self.model.dims

    @property
    def room(self) -> int:
        """Tokens of text in one chunk."""
        return self.max_length - len(self.model.before) - len(self.model.after) - len(self.prefix)

    def encode(self, texts: Sequence[str], tick: Tick = no_tick) -> NDArray[np.float32]:
        made = np.zeros((len(texts), self.dims), np.float32)
        most = self.room * CHUNKS * CHARACTERS
        for start in range(0, len(texts), WINDOW):
            part = [writable(text[:most]) for text in texts[start : start + WINDOW]]
            made[start : start + len(part)] = self.encode_tokens(self.model.ids(part), tick, start)
        return made

    def encode_tokens(self, rows: Sequence[Sequence[int]], tick: Tick = no_tick, done: int = 0) -> NDArray[np.float32]:
        """Vectors of rows of token ids (without special ones)."""
        chunks, owner = self._cut(rows)
        order = sorted(range(len(chunks)), key=lambda at: (-len(chunks[at]), owner[at]))
        sums = np.zeros((len(rows), self.dims), np.float64)
        open_chunks = np.bincount(owner, minlength=len(rows))
        finished = int((open_chunks == 0).sum())
        with threads(self.threads):
            for at, vectors in self._batches(chunks, order):
                mine = owner[at]
                weights = np.fromiter((len(chunks[one]) for one in at), np.float64, len(at))
                np.add.at(sums, mine, unit(vectors) * weights[:, None])
                np.subtract.at(open_chunks, mine, 1)
                finished += int((open_chunks[np.unique(mine)] == 0).sum())
                tick(done + finished)
        return unit(sums)

    def _cut(self, rows: Sequence[Sequence[int]]) -> tuple[list[Sequence[int]], NDArray[np.int64]]:
        """At most `CHUNKS` stretches of each row that do not overlap, and whose they are."""
        chunks: list[Sequence[int]] = []
        owner: list[int] = []
        for row, ids in enumerate(rows):
            for start in range(0, min(len(ids), self.room * CHUNKS), self.room):
                chunks.append(ids[start : start + self.room])
                owner.append(row)
        return chunks, np.array(owner, np.int64)

    def _batches(
        self, chunks: Sequence[Sequence[int]], order: list[int]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """(places of chunks, their vectors), longest first; a batch that does not fit is halved, as is the budget."""
        lead, extra = [*self.model.before, *self.prefix], len(self.model.after)
        start = 0
        while start < len(order):
            width = len(chunks[order[start]]) + len(lead) + extra
            size = max(1, self.budget // width)
            at = order[start : start + size]
            ids, mask = self._padded([chunks[one] for one in at], width, lead)
            try:
                found = self.model.forward(ids, mask, len(lead) if self.prefix else 0)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                if len(at) == 1:
                    raise EncoderError(
                        f"The memory does not hold one text of {width} tokens.",
                        "Choose a smaller model or a shorter length, or use a machine with more memory.",
                    ) from error
                found = None
            if found is None:  # outside the handler, whose traceback would hold the batch's memory
                self.budget = max(1, len(at) // 2) * width
                self.model.free()
                continue
            yield np.array(at, np.int64), found
            start += len(at)

    def _padded(
        self, rows: Sequence[Sequence[int]], width: int, lead: list[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ids = np.full((len(rows), width), self.model.pad, np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for line, row in enumerate(rows):
            whole = [*lead, *row, *self.model.after]
            ids[line, : len(whole)] = whole
            mask[line, : len(whole)] = 1
        return ids, mask


def out_of_memory(error: BaseException) -> bool:
    """CUDA says it by a class, the CPU's allocator by a RuntimeError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """PyTorch's threads for as long as the block lasts."""
    if count is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, count))
    try:
        yield
    finally:
        torch.set_num_threads(before)
