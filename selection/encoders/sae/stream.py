"""Activations of many texts in a shuffled order that can be taken up at any batch."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import EncoderError
from selection.encoders.causal import CausalLM
from selection.encoders.sae.fit import ROW, ordinary

BATCH = 4_096  # tokens of a step
BUFFER = 1 << 26  # numbers of the tokens that are shuffled together: 256 MB
HELD_OUT = 8_192  # tokens on which a trained autoencoder is measured


def activations(
    texts: Sequence[str], lm: CausalLM, layer: int, *, seed: int = 0, batch: int = BATCH, most: int = ROW, skip: int = 0
) -> Iterator[NDArray[np.float32]]:
    """float32[batch, d] without end: hidden states at `layer` of `ordinary` tokens, rows cut at `most`.

    The texts are shuffled anew for every round, and tokens within a buffer of about 256 MB. The order hangs on `seed`
    alone, so `skip` batches are passed over without the model being run for them. Raises `EncoderError` where the
    texts have fewer tokens than one batch.
    """
    import torch

    tokens = lm.tokens(texts, most)
    sizes = np.maximum(np.array([len(row) for row in tokens], np.int64) - 1, 0)
    if sizes.sum() < batch:
        raise EncoderError(
            f"The texts have {sizes.sum():,} tokens, and one step of training takes {batch:,}.",
            "Take a larger pool, or smaller batches.",
        )
    size = max(2 * batch, BUFFER // lm.dims)
    turn = 0
    while True:
        for rows in _buffers(sizes, size, batch, np.random.default_rng((seed, turn, 0))):
            count = int(sizes[rows].sum()) // batch
            mixer = np.random.default_rng((seed, turn, int(rows[0])))
            if skip >= count:
                skip -= count
                continue
            places: dict[int, NDArray[np.float32]] = {}
            for at, hidden, real in lm.hidden([tokens[row] for row in rows], layer):
                mask = ordinary(hidden, real)
                for line, row in enumerate(at.tolist()):
                    places[row] = hidden[line][mask[line]].cpu().numpy()
            held = torch.from_numpy(np.concatenate([places[row] for row in sorted(places)]))
            # Massive tokens are left out only now: as many others come twice, so that batches can be counted before.
            order = torch.from_numpy(np.resize(mixer.permutation(len(held)), count * batch))
            for number in range(skip, count):
                yield held[order[number * batch : (number + 1) * batch]].numpy()
            skip = 0
        turn += 1


def _buffers(
    sizes: NDArray[np.int64], size: int, batch: int, chance: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Rows whose tokens are shuffled together: at least `size`, what is left over goes to the last."""
    order = chance.permutation(np.flatnonzero(sizes))
    ends = np.cumsum(sizes[order])
    cuts = [0]
    while ends[-1] - (ends[cuts[-1] - 1] if cuts[-1] else 0) >= 2 * size:
        before = ends[cuts[-1] - 1] if cuts[-1] else 0
        cuts.append(int(np.searchsorted(ends, before + size)) + 1)
    for start, stop in zip(cuts, [*cuts[1:], len(order)], strict=True):
        yield order[start:stop]


def split(count: int, seed: int, share: float = 0.05, most: int = 400) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(to train on, to measure on): places of rows, ascending; at least one of each where there are two."""
    out = min(most, max(1, int(count * share)), max(count - 1, 0))
    order = np.random.default_rng((seed, 1)).permutation(count)
    return np.sort(order[out:]), np.sort(order[:out])


def held_out(
    texts: Sequence[str], lm: CausalLM, layer: int, *, most: int = ROW, tokens: int = HELD_OUT
) -> NDArray[np.float32]:
    """float32[n, d]: activations of texts that training does not see, at most `tokens` of them."""
    from selection.encoders.sae.fit import tokens_of

    found, count = [], 0
    for start in range(0, len(texts), 32):
        for _, hidden, _ in tokens_of(lm, texts[start : start + 32], layer, most=most):
            found.append(hidden.cpu().numpy())
            count += len(found[-1])
        if count >= tokens:
            break
    return np.concatenate(found)[:tokens] if found else np.empty((0, lm.dims), np.float32)
