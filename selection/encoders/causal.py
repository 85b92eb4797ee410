"""A causal language model as something that reads texts: hidden states at any depth, and how likely it finds them.

    lm = load("smollm2")
    tokens = lm.tokens(["a text", "another"], 2048)     # list of int32[L]
    for rows, hidden, mask in lm.hidden(tokens, 18):    # the pass ends after block 18
        ...                                             # int64[b], float32[b, L, d], bool[b, L]
    lm.losses(tokens, [0, 0])                           # float64[2]: -log p, the mean over a row's tokens

Rows go through the model sorted by length, as many at once as a budget of tokens allows, padded on the right: what
stands behind a row changes nothing in it, since attention is causal.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.content import Content, render
from selection.encoders.base import EncoderError, writable
from selection.encoders.causal_files import PACKAGED, Files, files_of, identity, stored
from selection.encoders.causal_model import Blocks, load_files
from selection.encoders.causal_text import Template
from selection.encoders.dense import out_of_memory, run_at_once
from selection.encoders.model import device_of, precision_of

__all__ = ["PACKAGED", "CausalLM", "RowError", "identity", "load"]

CPU_TOKENS, GPU_TOKENS = 4_096, 65_536  # of one batch, padding included; halved until it fits
CHARACTERS = 32  # read for each token that fits at most
LOGITS = 1 << 26  # numbers of one block of logits: 256 MB

Tokens = NDArray[np.int32]
Batch = tuple[NDArray[np.int64], Any, Any]


class RowError(EncoderError):
    """What went wrong with one row: `row`, its place in what was given."""

    def __init__(self, what: str, mend: str, row: int) -> None:
        super().__init__(what, mend)
        self.row = row


class CausalLM:
    """`depth` blocks of `dims` numbers a token; `context`: tokens of the longest row; `vocabulary`: kinds of tokens.

    `model` and `tokenizer` are those of transformers. `cut`: rows that `tokens` has shortened so far.
    """

    def __init__(
        self, model: Any, tokenizer: Any, identity: str, *, device: str, precision: str, threads: int | None = None
    ) -> None:
        config = model.config.get_text_config()
        self.model, self.tokenizer, self.identity = model, tokenizer, identity
        self.device, self.precision, self.threads = device, precision, threads
        self.blocks = _blocks(model)
        self.depth = len(self.blocks)
        self.dims, self.vocabulary = int(config.hidden_size), int(config.vocab_size)
        self.context = int(getattr(config, "max_position_embeddings", None) or 2048)
        self.budget = GPU_TOKENS if device.startswith("cuda") else CPU_TOKENS
        self.template = Template(tokenizer)
        self.cut = 0

    # --- texts to tokens ---

    def rendered(self, contents: Sequence[Content], view: str) -> list[str]:
        """A view of each row; "messages" in the model's chat template, or plainly where it has none."""
        if view == "messages":
            return self.templated([render(content, view) for content in contents])
        return [render(content, view) for content in contents]

    def templated(self, messages: Sequence[str]) -> list[str]:
        """Rows of the view "messages" (JSON) as text, by the model's chat template."""
        return [self.template.text(one) for one in messages]

    def tokens(self, texts: Sequence[str], most: int | None = None, *, opening: bool = True) -> list[Tokens]:
        """int32[L] of each text; cut at `most` and at the context, which `cut` counts.

        `opening`: whether what the model wants before a text (a first token) is there. A text without a token gives an
        empty row.
        """
        most = min(most or self.context, self.context)
        given = [writable(text[: most * CHARACTERS]) for text in texts]
        found = self.template.ids(given, opening=opening)
        self.cut += sum(len(ids) > most for ids in found)
        if max((max(ids, default=0) for ids in found), default=0) >= self.vocabulary:
            raise EncoderError(
                f"The tokenizer knows more tokens than the model's {self.vocabulary:,}.",
                "Tokenizer and weights do not belong together; fetch the model again.",
            )
        return [np.array(ids[:most], np.int32) for ids in found]

    @property
    def before(self) -> Tokens:
        """int32[0 or 1]: what stands before a text."""
        return np.array(self.template.before, np.int32)

    def longer(self, texts: Sequence[str], most: int) -> int:
        """How many texts have more than `most` tokens. Only those are read that may."""
        most = min(most, self.context)
        may = [text for text in texts if 4 * len(text) > most and len(writable(text).encode()) >= most]
        read = [writable(text[: most * CHARACTERS]) for text in may]
        return sum(len(ids) > most for ids in self.template.ids(read))

    # --- tokens to numbers ---

    def batches(self, tokens: Sequence[Tokens], budget: int | None = None) -> list[NDArray[np.int64]]:
        """Places of rows that go through the model together, longest first; rows without a token are in none."""
        budget = budget or self.budget
        length = np.array([len(row) for row in tokens], np.int64)
        order = np.argsort(-length, kind="stable")[: int((length > 0).sum())]
        found, start = [], 0
        while start < len(order):
            size = max(1, budget // int(length[order[start]]))
            found.append(order[start : start + size])
            start += size
        return found

    def hidden(self, tokens: Sequence[Tokens], layer: int, *, budget: int | None = None) -> Iterator[Batch]:
        """(rows int64[b], hidden float32[b, L, d], mask bool[b, L]) of all rows with a token, longest first.

        `layer` 0 is the embeddings, k the output of block k, and `depth` what follows the final norm; later blocks are
        not run. What is hidden behind the mask is arbitrary. A batch that does not fit in the memory is halved.
        Raises `EncoderError` for a layer that is not there, a row that does not fit, and numbers that are not finite.
        """
        yield from self._each(tokens, layer, budget, lambda _, hidden, mask: (hidden, mask))

    def losses(self, tokens: Sequence[Tokens], first: Sequence[int]) -> NDArray[np.float64]:
        """float64[n]: the mean of -log p(token | those before it) over a row's tokens from `first` on.

        The first token of a row has nothing before it and is never counted. NaN for a row without a token to count.
        Logits are made in float32, a block of tokens at a time.
        """

        def lost(rows: NDArray[np.int64], hidden: Any, mask: Any) -> tuple[list[float]]:
            found = []
            for line, row in enumerate(rows.tolist()):
                start, stop = max(int(first[row]), 1), len(tokens[row])
                told = start < stop
                found.append(
                    self._loss(hidden[line, start - 1 : stop - 1], tokens[row][start:stop]) if told else np.nan
                )
            return (found,)

        made = np.full(len(tokens), np.nan)
        for rows, found in self._each(tokens, self.depth, None, lost):
            made[rows] = found
        return made

    def _each(
        self, tokens: Sequence[Tokens], layer: int, budget: int | None, work: Callable[..., tuple[Any, ...]]
    ) -> Iterator[tuple[Any, ...]]:
        """(rows, *work(rows, hidden, mask)) of all batches, longest first.

        On a CPU several go through the model at once, each on one thread: no thread waits for another, which is
        several times as fast where the cores are shared with other work.
        """
        if not 0 <= layer <= self.depth:
            raise EncoderError(
                f"The model has no layer {layer}.", f"Choose one from 0 (the embeddings) to {self.depth} (the last)."
            )
        todo = deque(self.batches(tokens, budget))
        running: deque[tuple[NDArray[np.int64], Future[tuple[Any, ...]]]] = deque()
        at_once = self._at_once(len(todo))
        with self._pool(at_once) as submit:
            while todo or running:
                while todo and len(running) < at_once + (at_once > 1):
                    rows = todo.popleft()
                    running.append((rows, submit(self._forward, rows, tokens, layer, work)))
                rows, future = running.popleft()
                error = future.exception()
                if error is None:
                    yield rows, *future.result()
                elif not out_of_memory(error):
                    raise error
                else:
                    todo.extendleft(self._halves(rows, tokens, error))
                    self.free()
                del future, error  # the results, and the traceback that holds the batch's memory

    def _at_once(self, batches: int) -> int:
        """Batches that go through the model at the same time."""
        import torch

        if self.device != "cpu":
            return 1
        return max(1, min(batches, self.threads or torch.get_num_threads()))

    @contextlib.contextmanager
    def _pool(self, at_once: int) -> Iterator[Callable[..., Future[Any]]]:
        """What runs a call: threads where there are several batches on a CPU, else this thread itself."""
        import torch

        if at_once == 1:
            yield run_at_once
            return
        before = torch.get_num_threads()
        with ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            try:
                yield pool.submit
            finally:
                pool.shutdown(cancel_futures=True)
                torch.set_num_threads(before)  # a thread that sets its own sets the default of later ones too

    def _loss(self, hidden: Any, wanted: Tokens) -> float:
        import torch

        head, total = self.model.get_output_embeddings(), 0.0
        block = max(1, LOGITS // self.vocabulary)
        target = torch.from_numpy(wanted.astype(np.int64)).to(hidden.device)
        with torch.inference_mode():
            for start in range(0, len(wanted), block):
                logits = head(hidden[start : start + block].to(head.weight.dtype)).float()
                logits = _scaled(logits, self.model.config.get_text_config())
                loss = torch.nn.functional.cross_entropy(logits, target[start : start + block], reduction="none")
                total += float(loss.double().sum())
        return total / len(wanted)

    def _forward(
        self, rows: NDArray[np.int64], tokens: Sequence[Tokens], layer: int, work: Callable[..., tuple[Any, ...]]
    ) -> tuple[Any, ...]:
        import torch

        held = [tokens[row] for row in rows]
        ids = np.zeros((len(held), max(map(len, held))), np.int64)
        mask = np.zeros(ids.shape, bool)
        for line, row in enumerate(held):
            ids[line, : len(row)] = row
            mask[line, : len(row)] = True
        with torch.inference_mode(), self._threads():
            hidden = self.blocks.run(torch.from_numpy(ids).to(self.device), layer).float()
            real = torch.from_numpy(mask).to(self.device)
            self._finite(rows, hidden, real)
            return work(rows, hidden, real)

    @contextlib.contextmanager
    def _threads(self) -> Iterator[None]:
        """The CPU's threads that a worker beside others may take, where a batch goes through by itself."""
        import torch

        before = torch.get_num_threads()
        if not self.threads or self.threads >= before or self.device != "cpu":
            yield
            return
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def _halves(
        self, rows: NDArray[np.int64], tokens: Sequence[Tokens], error: BaseException
    ) -> list[NDArray[np.int64]]:
        width = len(tokens[rows[0]])
        if len(rows) == 1:
            raise RowError(
                f"The memory does not hold one row of {width} tokens.",
                "Choose a smaller model or fewer tokens, or use a machine with more memory.",
                int(rows[0]),
            ) from error
        half = len(rows) // 2
        self.budget = max(1, min(self.budget, half * width))
        return [rows[half:], rows[:half]]  # pushed to the front one by one

    def _finite(self, rows: NDArray[np.int64], hidden: Any, mask: Any) -> None:
        import torch

        good = torch.isfinite(hidden).all(-1) | ~mask
        if not bool(good.all()):
            row = int(rows[int((~good.all(-1)).nonzero()[0, 0])])
            raise RowError(
                f"The model's numbers for row {row + 1} are not finite.",
                "Use the precision float32, or another model: its weights may be spoilt.",
                row,
            )

    def free(self) -> None:
        """Give back what the allocator of a GPU holds in reserve."""
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()


def _scaled(logits: Any, config: Any) -> Any:
    """What some families do to their logits (Cohere, Granite, Gemma 2)."""
    if scale := getattr(config, "logit_scale", None):
        logits = logits * scale
    if scale := getattr(config, "logits_scaling", None):
        logits = logits / scale
    if cap := getattr(config, "final_logit_softcapping", None):
        logits = (logits / cap).tanh() * cap
    return logits


def _blocks(model: Any) -> Blocks:
    """One for a model: its hooks are set once."""
    if not hasattr(model, "_winnow_blocks"):
        object.__setattr__(model, "_winnow_blocks", Blocks(model))
    found: Blocks = model._winnow_blocks
    return found


def load(name: str = PACKAGED, device: str = "auto", precision: str = "auto", threads: int | None = None) -> CausalLM:
    """The model, one a process: "smollm2", a folder with safetensors, or a model of the hub.

    `device` "auto" takes the GPU where there is one; `precision` "auto" is bfloat16 where the hardware multiplies it, else
    float32, and float64 for a model whose own numbers are such.
    Raises `EncoderError`.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise EncoderError(f"There is no precision {precision}.", "Use auto, float32 or bfloat16.")
    files = files_of(name)
    named = identity(name, precision=precision)
    device = device_of(device)
    exact = precision == "auto" and stored(files) == "float64"
    made = _made(files, named, device, "float64" if exact else precision_of(device, precision))
    if threads is None:
        return made
    other = copy(made)
    other.threads = threads
    return other


@lru_cache(maxsize=2)  # as many as `load_files` keeps
def _made(files: Files, named: str, device: str, precision: str) -> CausalLM:
    model, tokenizer = load_files(files, device, precision)
    return CausalLM(model, tokenizer, named, device=device, precision=precision)
