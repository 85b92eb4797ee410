"""What `less` takes where a person said nothing, and what it costs."""

from typing import Any, NamedTuple

from selection.encoders.gradients import Shape
from selection.encoders.gradients_train import Plan

PACKAGED = "smollm2"


class Setting(NamedTuple):
    """`batch`: rows of a training step; `rows`: most rows of the warm-up; `blocks` 0: all."""

    epochs: int
    rows: int
    batch: int
    rate: float
    rank: int
    alpha: int
    blocks: int
    tokens: int
    dims: int


SETTINGS = {
    "quick": Setting(2, 256, 16, 2e-4, 8, 32, 10, 512, 1_024),
    # Xia and others 2024, appendix B: but without dropout, so that the same seed gives the same weights.
    "paper": Setting(4, 20_000, 128, 2e-5, 128, 512, 0, 2_048, 8_192),
}
LEAST = 32  # rows of the warm-up, where the pool has them, however small its share
FORWARD = 1.1  # seconds of one core for a row of about 125 tokens through SmolLM2, forward and back to the embeddings
PROJECTED = 1.4e-11  # seconds of one core for a number of a gradient and a dimension
OTHERS = 8.0  # times as dear as SmolLM2 is a model that is not known
DEPTH, WIDTH = 30, 3_840  # of SmolLM2: blocks, and LoRA weights of a block for each rank


def setting(params: Any) -> Setting:
    usual = SETTINGS[params.setting]
    rank = params.rank or usual.rank
    return Setting(
        params.epochs or usual.epochs, params.warmup or usual.rows, usual.batch, params.rate or usual.rate, rank,
        max(1, usual.alpha * rank // usual.rank), usual.blocks if params.blocks < 0 else params.blocks,
        params.tokens or usual.tokens, params.dims or usual.dims,
    )  # fmt: skip


def shape(params: Any) -> Shape:
    one = setting(params)
    return Shape(one.rank, one.alpha, one.blocks)


def plan(params: Any) -> Plan:
    one = setting(params)
    return Plan(one.epochs, one.batch, one.rate)


def warm_rows(params: Any, rows: int) -> int:
    """How many of the pool's rows the model is warmed up on."""
    wanted = max(LEAST, round(params.share * rows))
    return min(rows, setting(params).rows, wanted)


def seconds(params: Any, rows: int, targets: int) -> float:
    """Of one core without a GPU: each row forward and back once an epoch, and those of the warm-up once more."""
    one = setting(params)
    share = (one.blocks or DEPTH) / DEPTH
    backward = FORWARD * (0.15 + 0.85 * min(1.0, share))  # the pass back ends at the first block with LoRA
    size = WIDTH * one.rank * DEPTH * min(1.0, share)
    each = backward + size * one.dims * PROJECTED
    trained = warm_rows(params, rows) * one.epochs * backward
    return ((rows + targets) * each * one.epochs + trained) * (1 if params.model == PACKAGED else OTHERS)
