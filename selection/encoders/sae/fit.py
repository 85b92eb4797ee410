"""Whether a sparse autoencoder fits a language model: the dimension, the depth, and how well it gives back what it reads.

What a checkpoint says of its layer is never trusted. Old ones count what goes into a block, newer ones what comes out,
so both are measured and the better one is taken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from selection.encoders.base import EncoderError
from selection.encoders.causal import CausalLM
from selection.encoders.sae.model import TopKSAE

WORST = 0.5  # fraction of variance unexplained above which an autoencoder does not fit
TOKENS = 2_048  # measured
ROW = 256  # tokens of a row, at most
MASSIVE = 10


@dataclass(frozen=True)
class Fit:
    """`layer`: the hidden states that the autoencoder reads, as `CausalLM.hidden` counts them; `fvu` there."""

    layer: int
    fvu: float


def tokens_of(lm: CausalLM, texts: Sequence[str], layer: int, *, most: int = ROW) -> Iterator[tuple[Any, Any, Any]]:
    """(rows int64[b], hidden float32[t, d], tokens int64[b]) batch by batch: the `ordinary` tokens of each row, one row
    after the other. A row that has none counts 0; a row without any token is in no batch.
    """
    for rows, hidden, real in lm.hidden(lm.tokens(texts, most), layer):
        mask = ordinary(hidden, real)
        yield rows, hidden[mask], mask.sum(dim=1).cpu().numpy()


def ordinary(hidden: Any, real: Any) -> Any:
    """bool[b, L]: tokens of hidden [b, L, d] but padding, each row's first, and massive ones.

    A few tokens of a language model, the first one nearly always, have states a hundred times as large as all others
    (Sun and others 2024, arXiv 2402.17762). They say nothing of the row, and would be most of a mean and of a variance:
    four of 30,000 were 71 % of it. A token counts as one above ten times its row's median length.
    """
    import torch

    mask = real.clone()
    mask[:, :1] = False
    size = hidden.norm(dim=-1).masked_fill(~mask, float("nan"))
    middle = size.nanmedian(dim=1, keepdim=True).values
    return mask & (torch.nan_to_num(size) <= MASSIVE * torch.nan_to_num(middle))


def fit(sae: TopKSAE, lm: CausalLM, layer: int | None = None, texts: Sequence[str] = ()) -> Fit:
    """Measures at hidden states `layer` (None: what the autoencoder says) and the next, on about 2,000 tokens.

    The text is Winnow's own sample, so that the layer is the same for every target. Where the autoencoder does not fit
    the sample, `texts` (the target's) are measured at that layer: it may have been trained on rows of another kind.
    Raises `EncoderError` for another dimension, a layer that the model does not have, and an FVU above 0.5.
    """
    wanted = sae.layer if layer is None else layer
    if sae.d_in != lm.dims:
        raise EncoderError(
            f"The sparse autoencoder reads vectors of {sae.d_in} numbers, and {lm.identity} has {lm.dims}.",
            "Take the model on which it was trained.",
        )
    if wanted is None:
        raise EncoderError("Nothing says which layer the sparse autoencoder reads.", "Give the layer.")
    if not 0 <= wanted <= lm.depth:
        raise EncoderError(
            f"The sparse autoencoder is for layer {wanted}, and {lm.identity} has {lm.depth}.",
            "Take the model on which it was trained, or give another layer.",
        )
    found = _measured(sae, lm, wanted)
    if found.fvu > WORST and texts:
        found = Fit(found.layer, min(found.fvu, _fvu(sae, lm, found.layer, texts[:64])))
    if found.fvu > WORST:
        raise EncoderError(
            f"The sparse autoencoder leaves {found.fvu:.0%} of the variance of layer {found.layer} unexplained, "
            f"and {WORST:.0%} is the most.",
            "It was trained on another model or another place in it (an MLP's output, say), or not for long enough.",
        )
    return found


# Keyed by the objects themselves, of which a process holds a few.
_done: dict[tuple[Any, ...], Fit] = {}


def _measured(sae: TopKSAE, lm: CausalLM, wanted: int) -> Fit:
    key = (sae.identity or id(sae), lm.identity, lm.device, wanted)
    if key not in _done:
        found = [Fit(layer, _fvu(sae, lm, layer, sample())) for layer in {wanted, min(wanted + 1, lm.depth)}]
        if len(_done) > 64:
            _done.clear()
        _done[key] = min(found, key=lambda each: (each.fvu, each.layer))
    return _done[key]


def _fvu(sae: TopKSAE, lm: CausalLM, layer: int, texts: Sequence[str]) -> float:
    import torch

    held, count = [], 0
    for _, hidden, _ in tokens_of(lm, texts, layer):
        held.append(hidden[: TOKENS - count].cpu())
        count += len(held[-1])
        if count >= TOKENS:
            break
    return sae.fvu(torch.cat(held)) if count > 1 else float("inf")


@lru_cache(maxsize=1)
def sample() -> tuple[str, ...]:
    """Rows of all kinds, about 2,000 tokens of them, the same on every machine."""
    from curation.sample import FAMILIES, pool

    taken: dict[str, list[str]] = {family.name: [] for family in FAMILIES}
    for row in pool():
        if len(taken[row["source"]]) < 3:
            taken[row["source"]].append("\n".join(filter(None, (row["instruction"], row["input"], row["output"]))))
    return tuple(text for texts in taken.values() for text in texts)
