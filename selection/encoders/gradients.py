"""Gradients of single rows with respect to LoRA weights of a causal language model (Hu and others 2022, arXiv 2106.09685).

A projection of the attention with weights W gives W x + s B A x. With δ the gradient of a row's loss at its output,
the row's gradients are ΔB = s Σ_t δ_t (A x_t)ᵀ and ΔA = s Σ_t (Bᵀ δ_t) x_tᵀ. So one backward pass for many rows gives
the gradients of each: sums over its own tokens of what the pass leaves at the outputs. No weight of the model gets one.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import EncoderError
from selection.encoders.causal import CausalLM, RowError
from selection.encoders.dense import out_of_memory
from selection.encoders.gradients_text import Lesson

PLACES = ("q_proj", "k_proj", "v_proj", "o_proj", "out_proj", "query_key_value", "qkv_proj", "Wqkv")
CPU_TOKENS, GPU_TOKENS = 1_024, 16_384  # of one batch, padding included; halved until it fits
CPU_NUMBERS, GPU_NUMBERS = 1 << 26, 1 << 31  # of the gradients that are held at once: 256 MB, 8 GB
MOST_WEIGHTS = 40_000_000  # three times as many numbers travel with a checkpoint: 480 MB

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """`rank` of A and B, `alpha` (s = alpha / rank), the last `blocks` of the model (0: all)."""

    rank: int
    alpha: float
    blocks: int

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


class Lora:
    """LoRA of a `CausalLM`'s attention, as one vector of `size` numbers: A [rank, in] and B [out, rank] of each place.

    `batch`: rows that go through the model at once; 0 as many as the memory holds. The model itself stays as it is.
    """

    def __init__(self, lm: CausalLM, shape: Shape, batch: int = 0) -> None:
        """Raises `EncoderError` where the model has no attention that is known, or the weights are too many."""
        self.lm, self.shape, self.batch = lm, shape, batch
        blocks = list(lm.blocks.blocks)[-shape.blocks if shape.blocks else 0 :]
        self.places = [module for block in blocks for module in _places(block)]
        if not self.places:
            raise EncoderError(
                "The model has no attention projections that are known here.",
                "Choose one of the family of Llama, Qwen, Mistral, Gemma or SmolLM.",
            )
        self.cuts = [_cut(module, shape.rank) for module in self.places]
        self.size = sum(a[0] * a[1] + b[0] * b[1] for a, b in self.cuts)
        if self.size > MOST_WEIGHTS:
            raise EncoderError(
                f"LoRA of rank {shape.rank} has {self.size:,} weights; {MOST_WEIGHTS:,} fit in a checkpoint.",
                "Choose a lower rank, or fewer blocks.",
            )
        gpu = lm.device.startswith("cuda")
        self.budget = GPU_TOKENS if gpu else CPU_TOKENS
        self.held = max(1, (GPU_NUMBERS if gpu else CPU_NUMBERS) // self.size)  # rows whose gradients fit

    def start(self, seed: int) -> Weights:
        """float32[size]: A uniform as in Hu and others' code, B zero, so that the model begins as it is."""
        rng, made, at = np.random.default_rng([seed, self.size]), np.zeros(self.size, np.float32), 0
        for a, b in self.cuts:
            bound = 1 / np.sqrt(a[1])
            made[at : at + a[0] * a[1]] = rng.uniform(-bound, bound, a[0] * a[1])
            at += a[0] * a[1] + b[0] * b[1]
        return made

    def gradients(self, lessons: Sequence[Lesson], weights: Any) -> Iterator[tuple[NDArray[np.int64], Any, Any]]:
        """(rows int64[b], gradients float32[b, size] on the device, losses float32[b]) of all rows with something to learn.

        A row's loss is the mean over the tokens that it learns. `weights`: float32[size] on the device. Rows come
        sorted by length; a batch that does not fit in the memory is halved. Raises `RowError` for a row that does not
        fit alone, and for one whose gradient is not finite.
        """
        todo = self._batches(lessons)[::-1]
        while todo:
            rows = todo.pop()
            try:
                found = self._some([lessons[row] for row in rows], weights)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                halves, found = self._halves(rows, lessons, error), None
            if found is None:
                self.lm.free()
                todo += halves
                continue
            _finite(rows, *found)
            yield rows, *found
            del found

    def _batches(self, lessons: Sequence[Lesson]) -> list[NDArray[np.int64]]:
        length = np.array([len(one.tokens) if one.learned > 0 else 0 for one in lessons], np.int64)
        order = np.argsort(-length, kind="stable")[: int((length > 0).sum())]
        made, start = [], 0
        while start < len(order):
            size = self.batch or max(1, min(self.budget // int(length[order[start]]), self.held))
            made.append(order[start : start + size])
            start += size
        return made

    def _halves(self, rows: NDArray[np.int64], lessons: Sequence[Lesson], error: BaseException) -> list[Any]:
        width = len(lessons[rows[0]].tokens)
        if len(rows) == 1:
            raise RowError(
                f"The memory does not hold the gradient of one row of {width} tokens.",
                "Choose fewer tokens, fewer blocks or a smaller model, or use a machine with more memory.",
                int(rows[0]),
            ) from error
        half = len(rows) // 2
        self.budget = max(1, min(self.budget, half * width))
        return [rows[half:], rows[:half]]

    def _some(self, lessons: Sequence[Lesson], weights: Any) -> tuple[Any, Any]:
        import torch

        pairs, seen = self._pairs(weights), _Seen(len(self.places))
        with torch.enable_grad(), self.lm._threads(), self._hooked(pairs, seen):
            losses = _losses(self.lm, lessons)
            found = torch.autograd.grad(losses.sum(), seen.outputs)
        made = torch.empty((len(lessons), self.size), dtype=torch.float32, device=self.lm.device)
        with torch.no_grad(), self.lm._threads():
            at = 0
            for (_a, b), (x, h), delta in zip(pairs, seen.inputs, found, strict=True):
                at = self._written(made, at, (b, x, h, delta.float()))
        return made, losses.detach()

    def _written(self, made: Any, at: int, one: tuple[Any, Any, Any, Any]) -> int:
        """Both gradients of one place; where the next one's begin."""
        import torch

        b, x, h, delta = one
        scale, rows = self.shape.scale, len(made)
        of_a = torch.bmm((delta @ b).transpose(1, 2), x.float())
        of_b = torch.bmm(delta.transpose(1, 2), h)
        for part in (of_a, of_b):
            size = part[0].numel()
            made[:, at : at + size] = part.reshape(rows, size) * scale
            at += size
        return at

    def _pairs(self, weights: Any) -> list[tuple[Any, Any]]:
        """A and B of each place, as views of the vector."""
        made, at = [], 0
        for a, b in self.cuts:
            middle, end = at + a[0] * a[1], at + a[0] * a[1] + b[0] * b[1]
            made.append((weights[at:middle].view(a), weights[middle:end].view(b)))
            at = end
        return made

    @contextlib.contextmanager
    def _hooked(self, pairs: Sequence[tuple[Any, Any]], seen: "_Seen") -> Iterator[None]:
        handles = [
            module.register_forward_hook(seen.hook(place, a, b, self.shape.scale))
            for place, (module, (a, b)) in enumerate(zip(self.places, pairs, strict=True))
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


class _Seen:
    """What went into every place and came out of it."""

    def __init__(self, places: int) -> None:
        self.inputs: list[Any] = [None] * places
        self.outputs: list[Any] = [None] * places

    def hook(self, place: int, a: Any, b: Any, scale: float) -> Any:
        def run(module: Any, args: tuple[Any, ...], output: Any) -> Any:
            x = args[0]
            h = x.float() @ a.T
            made = output + (scale * (h @ b.T)).to(output.dtype)
            if not made.requires_grad:  # the first block: from here on the pass is recorded
                made.requires_grad_()
            self.inputs[place] = (x.detach(), h.detach())
            self.outputs[place] = made
            return made

        return run


def _places(block: Any) -> list[Any]:
    """Projections of a block's attention."""
    import torch

    return [
        module
        for name, module in block.named_modules()
        if isinstance(module, torch.nn.Linear) and name.rsplit(".", 1)[-1] in PLACES
    ]


def _cut(module: Any, rank: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Shapes of A and B."""
    return (rank, module.in_features), (module.out_features, rank)


def _losses(lm: CausalLM, lessons: Sequence[Lesson]) -> Any:
    """float32[b]: the mean of -log p over the tokens that a row learns. Logits are made only where they are needed."""
    import torch

    width, first = max(len(one.tokens) for one in lessons), min(one.first for one in lessons)
    ids = np.zeros((len(lessons), width), np.int64)
    wanted = np.full((len(lessons), width - first), -100, np.int64)
    for line, one in enumerate(lessons):
        ids[line, : len(one.tokens)] = one.tokens
        wanted[line, one.first - first : len(one.tokens) - first] = one.tokens[one.first :]
    target = torch.from_numpy(wanted).to(lm.device)
    # No attention mask: behind the last real token of a row nothing looks back at it, since attention is causal.
    where = torch.arange(first - 1, width - 1, device=lm.device)
    logits = lm.model(input_ids=torch.from_numpy(ids).to(lm.device), use_cache=False, logits_to_keep=where).logits
    each = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), target.flatten(), reduction="none", ignore_index=-100
    )
    return each.view(len(lessons), -1).sum(1) / (target >= 0).sum(1)


def _finite(rows: NDArray[np.int64], gradients: Any, losses: Any) -> None:
    import torch

    good = torch.isfinite(gradients).all(1) & torch.isfinite(losses)
    if not bool(good.all()):
        row = int(rows[int((~good).nonzero()[0, 0])])
        raise RowError(
            f"The gradient of row {row + 1} is not finite.",
            "Lower the learning rate of the warm-up, or choose another model: its weights may be spoilt.",
            row,
        )
