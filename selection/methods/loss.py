"""How likely a language model finds rows: the mean of -log p over tokens, kept as a feature set of one or two numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selection.methods import lm
from selection.methods.base import Ctx, Part, Shard

if TYPE_CHECKING:
    from selection.encoders.causal import CausalLM

AT_ONCE = 256  # rows between two ticks
Tokens = NDArray[np.int32]


def joined(prompts: Sequence[Tokens], answers: Sequence[Tokens], most: int) -> tuple[list[Tokens], list[int]]:
    """Prompt and answer as one row of at most `most` tokens, and where its answer begins.

    What is too long loses the opening of its prompt first; half of the room at least is the answer's.
    """
    rows, first = [], []
    for prompt, answer in zip(prompts, answers, strict=True):
        room = most - min(len(answer), max(most // 2, most - len(prompt)))
        kept = prompt[len(prompt) - min(len(prompt), room) :]
        rows.append(np.concatenate([kept, answer])[:most])
        first.append(len(kept))
    return rows, first


def answered(
    model: "CausalLM", prompts: Sequence[str], answers: Sequence[str], most: int
) -> tuple[list[Tokens], list[int]]:
    """The tokens of prompt, line break and answer, and where each answer begins; cut apart at the break."""
    before = model.before
    asked = model.tokens([f"{prompt}\n" if prompt else "" for prompt in prompts], opening=False)
    said = model.tokens(answers, opening=False)
    rows, first = joined(asked, said, min(most, model.context) - len(before))
    return [np.concatenate([before, row]) for row in rows], [begin + len(before) for begin in first]


def of_answers(model: "CausalLM", prompts: Sequence[str], answers: Sequence[str], most: int) -> NDArray[np.float64]:
    """float64[n]: of each answer after its prompt; NaN where there is none."""
    rows, first = answered(model, prompts, answers, most)
    found = model.losses(rows, first)
    found[[not answer for answer in answers]] = np.nan
    return found


def of_texts(model: "CausalLM", texts: Sequence[str], most: int) -> NDArray[np.float64]:
    """float64[n]: of each text from its second token on; NaN where there is none."""
    return model.losses(model.tokens(texts, most), [0] * len(texts))


def with_and_without(
    model: "CausalLM", prompts: Sequence[str], answers: Sequence[str], most: int
) -> NDArray[np.float64]:
    """float64[n, 2]: of each answer after its prompt, and by itself less that. Both count the same tokens: from the
    answer's second on, since nothing stands before the first of an answer by itself. NaN where there are not two.
    """
    rows, first = answered(model, prompts, answers, most)
    after = model.losses(rows, [begin + 1 for begin in first])
    before = model.before
    answers_alone = [np.concatenate([before, row[begin:]]) for row, begin in zip(rows, first, strict=True)]
    alone = model.losses(answers_alone, [len(before) + 1] * len(rows))
    return np.stack([after, alone - after], axis=1)


def kept(shard: Shard, ctx: Ctx, measure: Any) -> Part:
    """The part of a pass that keeps what `measure(model, shard, rows)` gives for slices of a shard's rows."""
    model, made = lm.loaded(ctx.params), []
    for start in range(0, len(shard), AT_ONCE):
        rows = slice(start, min(start + AT_ONCE, len(shard)))
        with lm.refused(keys=shard.keys[rows]):
            made.append(measure(model, shard, rows))
        ctx.tick(rows.stop)
    return {"features": np.concatenate(made).astype(np.float16)}
