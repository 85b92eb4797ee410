"""Answers of a language model to one prompt, drawn with chance that is given from outside.

One prompt's answers go through the model together and no other row with them, so what is drawn depends on the row and
its chance alone, and not on which rows share a batch.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import EncoderError
from selection.encoders.causal import CausalLM


def asked(lm: CausalLM, prompt: str) -> str:
    """A prompt as the model is asked: one turn of a user in its chat template, else plain text and a line break."""
    if lm.template.there:
        turns = [{"role": "user", "content": prompt}]
        try:
            return str(lm.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        except Exception:  # noqa: BLE001  # templates raise what they like
            lm.template.refused += 1
    return f"{prompt}\n"


def answers(lm: CausalLM, prompt: str, chance: NDArray[np.float64], *, temperature: float = 1.0) -> list[str]:
    """One answer for each row of `chance` float64[k, steps], uniform in (0, 1): at most `steps` tokens long.

    Token t of answer i is where the cumulative probabilities pass chance[i, t]. A prompt that leaves no room in the
    context is cut at its start; an empty one has empty answers. Raises `EncoderError` for numbers that are not finite.
    """
    count, steps = chance.shape
    (ids,) = lm.tokens([asked(lm, prompt)], lm.context)
    ids = ids[-max(1, lm.context - steps) :]
    if not len(ids) or not steps:
        return [""] * count
    drawn = _drawn(lm, ids, chance, temperature)
    return [lm.tokenizer.decode(one, skip_special_tokens=True).strip() for one in drawn]


def _drawn(lm: CausalLM, ids: NDArray[np.int32], chance: NDArray[np.float64], temperature: float) -> list[list[int]]:
    import torch

    ends = _ends(lm)
    found: list[list[int]] = [[] for _ in chance]
    going = [True] * len(chance)
    step = torch.from_numpy(np.tile(ids.astype(np.int64), (len(chance), 1))).to(lm.device)
    cache: Any = None
    with torch.inference_mode():
        for at in range(chance.shape[1]):
            out = lm.model(input_ids=step, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = out.past_key_values
            tokens = _tokens(out.logits[:, -1].double() / temperature, chance[:, at])
            for line, token in enumerate(tokens.tolist()):
                if going[line] and token in ends:
                    going[line] = False
                elif going[line]:
                    found[line].append(token)
            if not any(going):
                break
            step = tokens[:, None].to(lm.device)
    return found


def _tokens(logits: Any, chance: NDArray[np.float64]) -> Any:
    import torch

    if not bool(torch.isfinite(logits).all()):
        raise EncoderError(
            "The model's numbers are not finite.",
            "Use the precision float32, or another model: its weights may be spoilt.",
        )
    passed = torch.softmax(logits.cpu(), -1).cumsum(-1)
    at = torch.searchsorted(passed, torch.from_numpy(chance[:, None]) * passed[:, -1:])
    return at[:, 0].clamp(max=logits.shape[-1] - 1)


def _ends(lm: CausalLM) -> set[int]:
    """Tokens that end an answer."""
    found: set[int] = set()
    for owner in (getattr(lm.model, "generation_config", None), lm.model.config, lm.tokenizer):
        named: int | Sequence[int] | None = getattr(owner, "eos_token_id", None)
        found |= {named} if isinstance(named, int) else set(named or ())
    return found
