"""A short training of LoRA weights by Adam, an epoch at a time, and the directions in which it would move for each row.

The warm-up and the two kinds of gradient features are those of LESS (Xia and others 2024, arXiv 2402.04333, §2 and §4).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import Tick, no_tick
from selection.encoders.gradients import Lora, Weights
from selection.encoders.gradients_text import Lesson
from selection.kernels import projection

FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8  # of Adam (Kingma and Ba 2015)
LONGEST = 1.0  # norm to which the gradient of a batch is cut


@dataclass(frozen=True)
class Plan:
    """`epochs` over the rows in batches of `batch`; the rate rises over the share `rising` of the steps, then falls to 0."""

    epochs: int
    batch: int
    rate: float
    rising: float = 0.03

    def steps(self, rows: int) -> int:
        """Of an epoch."""
        return -(-rows // self.batch)

    def rate_at(self, step: int, rows: int) -> float:
        """Of the step, which counts from 0 over all epochs."""
        total = self.steps(rows) * self.epochs
        rise = math.ceil(self.rising * total)
        if step < rise:
            return self.rate * (step + 1) / rise
        return self.rate * (total - step) / max(1, total - rise)

    def mean_rate(self, epoch: int, rows: int) -> float:
        """Over the steps of an epoch, from 0; without rows, as if each epoch were one step."""
        rows = rows or self.batch
        count = self.steps(rows)
        return sum(self.rate_at(step, rows) for step in range(epoch * count, (epoch + 1) * count)) / count


class State(NamedTuple):
    """LoRA weights, and Adam's running means of the gradient and its square; float32[size] each. `steps` so far."""

    weights: Weights
    first: Weights
    second: Weights
    steps: int = 0

    @classmethod
    def begin(cls, lora: Lora, seed: int) -> "State":
        return cls(lora.start(seed), np.zeros(lora.size, np.float32), np.zeros(lora.size, np.float32))

    def identity(self) -> str:
        """12 hex digits over all numbers."""
        made = hashlib.sha256()
        for array in (self.weights, self.first, self.second):
            made.update(np.ascontiguousarray(array, "<f4").tobytes())
        return made.hexdigest()[:12]


def epoch(
    lora: Lora, lessons: Sequence[Lesson], state: State, plan: Plan, *, number: int, seed: int, tick: Tick = no_tick
) -> tuple[State, float]:
    """The state after epoch `number` (from 0), and the mean loss. Every row of a batch counts the same.

    The order of the rows comes from seed and epoch. Without rows nothing changes, and the loss is NaN. Raises as
    `Lora.gradients` does; the row of an error is its place in `lessons`.
    """
    import torch

    usable = np.array([at for at, one in enumerate(lessons) if one.learned > 0], np.int64)
    if not len(usable):
        return state, float("nan")
    order = usable[np.random.default_rng([seed, number, 1]).permutation(len(usable))]
    weights, first, second = (torch.tensor(array, device=lora.lm.device) for array in state[:3])
    step, told, done = state.steps, 0.0, 0
    for start in range(0, len(order), plan.batch):
        rows = order[start : start + plan.batch]
        total = torch.zeros_like(weights)
        for one in rows_of(lora, lessons, rows, weights):
            total += one.gradients.sum(0)
            told += float(one.losses.double().sum())
            done += len(one.rows)
            tick(done)
        total /= len(rows)
        total *= min(1.0, LONGEST / max(float(total.norm()), 1e-12))
        rate = plan.rate_at(step, len(usable))
        step += 1
        first.mul_(FIRST).add_(total, alpha=1 - FIRST)
        second.mul_(SECOND).addcmul_(total, total, value=1 - SECOND)
        root = (second / (1 - SECOND**step)).sqrt_().add_(EPSILON)
        weights.addcdiv_(first, root, value=-rate / (1 - FIRST**step))
    return State(weights.cpu().numpy(), first.cpu().numpy(), second.cpu().numpy(), step), told / len(usable)


class Some(NamedTuple):
    rows: NDArray[np.int64]
    gradients: Any
    losses: Any


def rows_of(lora: Lora, lessons: Sequence[Lesson], rows: NDArray[np.int64], weights: Any) -> Any:
    """`Lora.gradients` of some of the lessons; rows, also those of an error, are places in `lessons`."""
    from selection.encoders.causal import RowError

    try:
        for at, gradients, losses in lora.gradients([lessons[row] for row in rows.tolist()], weights):
            yield Some(rows[at], gradients, losses)
    except RowError as error:
        error.row = int(rows[error.row])
        raise


def features(
    lora: Lora, lessons: Sequence[Lesson], state: State, *, dims: int, seed: int, adam: bool, tick: Tick = no_tick
) -> NDArray[np.float32]:
    """float32[len(lessons), dims]: projected gradients of unit length; zeros for a row with nothing to learn.

    `adam`: not the gradient g but the direction m̂ / √(v̂ + ε) that Adam would take for it, with m̂ = .9 m + .1 g and
    v̂ = .999 v + .001 g², ε within the root and no correction of bias (as the authors' code has it). Raises as
    `Lora.gradients` does.
    """
    import torch

    made, done = np.zeros((len(lessons), dims), np.float32), 0
    weights, first, second = (torch.tensor(array, device=lora.lm.device) for array in state[:3])
    for rows, gradients, _ in lora.gradients(lessons, weights):
        with torch.no_grad():
            if adam:
                direction(gradients, first, second)
            short = projected(gradients, dims, seed, lora.lm.device)
            short = torch.nn.functional.normalize(short.double(), dim=1, eps=1e-30)
        made[rows] = short.float().cpu().numpy()
        done += len(rows)
        tick(done)
    return made


def direction(gradients: Any, first: Any, second: Any) -> Any:
    """Adam's, in place of the gradients [b, size]; a block of weights at a time, so that no second copy is held."""
    block = max(1, (1 << 24) // len(gradients))
    for start in range(0, gradients.shape[1], block):
        part, stop = gradients[:, start : start + block], start + block
        root = (part * part).mul_(1 - SECOND).add_(second[start:stop], alpha=SECOND).add_(EPSILON).sqrt_()
        part.mul_(1 - FIRST).add_(first[start:stop], alpha=FIRST).div_(root)
    return gradients


def projected(gradients: Any, dims: int, seed: int, device: str) -> Any:
    """float32[b, dims]: gradients [b, size] times the sign matrix of the seed, / √dims; a block of it at a time."""
    import torch

    size = gradients.shape[1]
    out = torch.zeros((len(gradients), dims), dtype=torch.float32, device=gradients.device)
    for start in range(0, size, projection.BLOCK):
        stop = min(start + projection.BLOCK, size)
        out += gradients[:, start:stop] @ projection.signs_on(device, seed, start, stop, dims)
    return out / math.sqrt(dims)
