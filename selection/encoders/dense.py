"""Any sentence-transformers model, batched by tokens rather than by rows.

Texts are tokenised once and cut into chunks of the model's length; chunks go through the model sorted by length,
as many at once as a budget of tokens allows, in bfloat16 where the processor multiplies it; a text is the mean of its
chunks weighted by their tokens (MONA, App. C.3, but for the weights).
"""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import EncoderError, Tick, no_tick, unit, writable
from selection.encoders.model import Model, load_model

T = TypeVar("T")
Precision = Literal["auto", "float32", "bfloat16"]
CHUNKS = 8  # of one text; what comes after is not read
WINDOW = 8_192  # rows whose tokens are held at once
CPU_TOKENS, GPU_TOKENS = 4_096, 131_072  # of one batch, padding included; halved until it fits
CHARACTERS = 32  # read for each token that fits at most


class Dense:
    """Implements `Encoder` for the model in a folder.

    `precision` "auto" is bfloat16 where the device has it in hardware (cosine to float32 > 0.99), else float32.
    `threads`: the CPU's threads while encoding; None takes as many as PyTorch does. Raises `EncoderError`.
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
                f"A length of {self.max_length} tokens leaves no room for text.",
                "Raise the length or shorten the prefix.",
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
        with contextlib.closing(self._batches([chunks[at] for at in order])) as batches:
            for start, vectors in batches:
                at = order[start : start + len(vectors)]
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

    def _batches(self, chunks: Sequence[Sequence[int]]) -> Generator[tuple[int, NDArray[np.float32]], None, None]:
        """(place of the first, vectors) of runs of `chunks`, which are longest first.

        On a CPU several go through the model at once, each on one thread: no thread waits for another, which doubles
        the speed where the cores are shared with other work. A batch that does not fit is halved, as is the budget.
        """
        todo, start = deque[tuple[int, int]](), 0
        running: deque[tuple[int, int, Future[NDArray[np.float32]]]] = deque()
        with self._pool() as submit:
            while start < len(chunks) or todo or running:
                while len(running) < self.at_once + 1 and (todo or start < len(chunks)):
                    if todo:
                        first, last = todo.popleft()
                    else:
                        size = max(1, self.budget // self._width(chunks[start]))
                        first, last = start, min(start + size, len(chunks))
                        start = last
                    running.append((first, last, submit(self._forward, chunks[first:last])))
                first, last, future = running.popleft()
                error = future.exception()
                if error is None:
                    yield first, future.result()
                elif not out_of_memory(error):
                    raise error
                else:
                    todo.extend(self._halves(first, last, self._width(chunks[first]), error))
                    del future, error  # the traceback holds the batch's memory
                    self.model.free()

    def _width(self, chunk: Sequence[int]) -> int:
        return len(chunk) + self.max_length - self.room

    def _halves(self, first: int, last: int, width: int, error: BaseException) -> list[tuple[int, int]]:
        rows = last - first
        if rows == 1:
            raise EncoderError(
                f"The memory does not hold one text of {width} tokens.",
                "Choose a smaller model or a shorter length, or use a machine with more memory.",
            ) from error
        self.budget = max(1, min(self.budget, rows // 2 * width))
        return [(first, first + rows // 2), (first + rows // 2, last)]

    @property
    def at_once(self) -> int:
        """Batches that go through the model at the same time."""
        import torch

        return 1 if self.model.device != "cpu" else max(1, self.threads or torch.get_num_threads())

    @contextlib.contextmanager
    def _pool(self) -> Iterator[Callable[..., Future[NDArray[np.float32]]]]:
        """What runs a call: threads on a CPU, this thread itself on a GPU."""
        if self.model.device != "cpu":
            yield run_at_once
            return
        import torch

        before, workers = torch.get_num_threads(), self.at_once
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            try:
                yield pool.submit
            finally:
                pool.shutdown(cancel_futures=True)
                torch.set_num_threads(before)  # a thread that sets its own sets the default of later ones too

    def _forward(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        lead = [*self.model.before, *self.prefix]
        ids, mask = self._padded(rows, self._width(rows[0]), lead)
        return self.model.forward(ids, mask, len(lead) if self.prefix else 0)

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


def run_at_once(call: Callable[..., T], *args: Any) -> Future[T]:
    """What an executor's `submit` does, in this thread."""
    done: Future[T] = Future()
    try:
        done.set_result(call(*args))
    except Exception as error:  # noqa: BLE001  # as an executor does: raised where the result is asked for
        done.set_exception(error)
    return done
