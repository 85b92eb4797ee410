"""Loss and gradients of a TopK sparse autoencoder, with work only for the features that fire."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selection.encoders.sae.model import largest
from selection.kernels import sparse_layer


class Found(NamedTuple):
    """`loss`: sum |x - x^|² / sum |x - mean|²; `rest`: x - x^; `gradients` by the names of the matrices."""

    value: NDArray[np.float32]
    index: NDArray[np.int64]  # type: ignore[assignment]  # shadows tuple.index
    loss: float
    rest: Any
    gradients: dict[str, Any]


def of(held: Mapping[str, Any], x: Any, k: int) -> Found:
    """One forward and backward pass of x float32[n, d], by hand: only encoding is a dense product."""
    import torch

    centred = x - held["offset"]
    value, index = largest(torch.addmm(held["bias"], centred, held["weight"].T), k)
    spread = float((x - x.mean(dim=0)).pow(2).sum()) or 1.0
    backward = _on_cpu if x.device.type == "cpu" else _on_gpu
    rest, made = backward(held, x, centred, (value, index), 2 / spread)
    return Found(value, index, float(rest.pow(2).sum()) / spread, rest, made)


def _on_cpu(
    held: Mapping[str, Any], x: Any, centred: Any, cut: tuple[NDArray[Any], NDArray[Any]], factor: float
) -> tuple[Any, dict[str, Any]]:
    import torch

    (value, index), threads = cut, torch.get_num_threads()
    decoder, latents = held["decoder"].detach().numpy(), len(held["decoder"])
    made = torch.from_numpy(sparse_layer.weighted(value, index, decoder, threads))
    rest = centred - made  # x - b - (z W)
    back = rest * -factor
    lines = back.numpy()
    through = np.where(value > 0, sparse_layer.products(lines, index, decoder, threads), np.float32(0))
    bias = torch.from_numpy(np.bincount(index.ravel(), through.ravel(), latents).astype(np.float32))
    return rest, {
        "decoder": torch.from_numpy(sparse_layer.gathered(value, index, lines, latents, threads)),
        "weight": torch.from_numpy(sparse_layer.gathered(through, index, centred.numpy(), latents, threads)),
        "bias": bias,
        "offset": back.sum(dim=0) - bias @ held["weight"],
    }


def _on_gpu(
    held: Mapping[str, Any], x: Any, centred: Any, cut: tuple[NDArray[Any], NDArray[Any]], factor: float
) -> tuple[Any, dict[str, Any]]:
    """Dense products in place of sums over places, which a GPU would add in any order."""
    import torch

    value, index = (torch.from_numpy(array).to(x.device) for array in cut)
    dense = torch.zeros(len(x), len(held["decoder"]), device=x.device).scatter_(1, index, value)
    # Unused places are 0 at index 0, which may also be used: written first, they would hide it.
    dense[:, 0] = (value * (index == 0)).sum(dim=1)
    rest = centred - dense @ held["decoder"]
    back = rest * -factor
    through = (back @ held["decoder"].T) * (dense > 0)
    bias = through.sum(dim=0)
    return rest, {
        "decoder": dense.T @ back,
        "weight": through.T @ centred,
        "bias": bias,
        "offset": back.sum(dim=0) - bias @ held["weight"],
    }


def silent(held: Mapping[str, Any], x: Any, found: Found, dead: Any, share: float) -> float:
    """AuxK: features that have long been silent learn what the others left; the loss is added to `found.gradients`.

    The d / 2 silent features with the largest activations give back x - x^, and the loss is their error over its
    variance, times `share`. What is returned is the loss.
    """
    import torch

    at = dead.nonzero()[:, 0]
    most = min(max(1, x.shape[1] // 2), len(at))
    parts = {name: held[name].detach()[at].clone().requires_grad_() for name in ("weight", "bias", "decoder")}
    centred, rest = (x - held["offset"]).detach(), found.rest.detach()
    with torch.enable_grad():
        before = centred @ parts["weight"].T + parts["bias"]
        value, index = before.topk(most, dim=1)
        acts = torch.zeros_like(before).scatter(1, index, value.relu())
        loss = share * (acts @ parts["decoder"] - rest).pow(2).sum() / rest.pow(2).sum().clamp_min(1e-12)
        loss.backward()
    for name, part in parts.items():
        found.gradients[name].index_add_(0, at, part.grad)
    return float(loss.detach())
