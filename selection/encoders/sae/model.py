"""A TopK sparse autoencoder (Gao and others 2024, arXiv 2406.04093, eq. 1-2) as two functions on arrays."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import EncoderError
from selection.kernels import sparse

BLOCK = 4_096  # tokens whose activations before the cut are held at once, at most
NUMBERS = 1 << 27  # and at most so many numbers of them: 512 MB


@dataclass(frozen=True)
class TopKSAE:
    """z = top k of relu(W (x - b_dec) + b), x^ = z W_dec + b_dec; `transcode`: nothing is taken off x.

    `weight`, `decoder`: float32[latents, d]; `bias`: float32[latents]; `offset` (b_dec): float32[d]; torch tensors.
    They work on hidden states as the model gives them: what training centred by (`mean`) and divided by (`scale`) is
    already in the weights, and stands here as a fact.
    `model`: the causal model as its loader names it, "" where the checkpoint does not say. `layer`: the hidden
    states that it is thought to read (0 the embeddings, n after block n), None where nothing says; `fit` measures it.
    """

    weight: Any
    bias: Any
    decoder: Any
    offset: Any
    k: int
    identity: str = ""
    model: str = ""
    model_identity: str = ""
    layer: int | None = None
    transcode: bool = False
    mean: NDArray[np.float32] | None = None
    scale: float = 1.0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.k <= self.latents:
            raise EncoderError(
                f"The sparse autoencoder keeps {self.k} of {self.latents} features.",
                "k must be from 1 to the number of features; correct cfg.json, or load other files.",
            )

    @property
    def d_in(self) -> int:
        return int(self.weight.shape[1])

    @property
    def latents(self) -> int:
        return int(self.weight.shape[0])

    @property
    def device(self) -> str:
        return str(self.weight.device)

    def to(self, device: str) -> "TopKSAE":
        """The same on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("weight", "bias", "decoder", "offset")}
        return replace(self, **moved)

    def encode(self, hidden: Any) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(top_acts float32[n, k], top_indices int64[n, k]) of hidden states [n, d], a tensor or an array.

        Largest first; where fewer than k are positive, 0 at index 0. float32 on a CPU, TF32 on a GPU. Raises
        `EncoderError` for another d and for numbers that are not finite.
        """
        import torch

        given = self._checked(hidden)
        acts = np.zeros((len(given), self.k), np.float32)
        indices = np.zeros((len(given), self.k), np.int64)
        step = max(1, min(BLOCK, NUMBERS // self.latents))
        with torch.inference_mode(), fast():
            for start in range(0, len(given), step):
                here = slice(start, start + step)
                acts[here], indices[here] = largest(self._before_cut(given[here]), self.k)
        return acts, indices

    def decode(self, acts: NDArray[np.float32], indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[n, d] of what `encode` gave."""
        import torch

        at, weights = torch.from_numpy(indices).to(self.device), torch.from_numpy(acts).to(self.device)
        with torch.inference_mode():
            made = torch.nn.functional.embedding_bag(at, self.decoder, per_sample_weights=weights, mode="sum")
            found: NDArray[np.float32] = (made + self.offset).cpu().numpy()
        return found

    def fvu(self, hidden: Any) -> float:
        """Fraction of variance unexplained: sum |x - x^|² / sum |x - mean|². 0 is perfect, 1 as good as the mean."""
        given = self._checked(hidden)
        made = self.decode(*self.encode(given))
        x = given.cpu().numpy().astype(np.float64)
        spread = float(((x - x.mean(axis=0)) ** 2).sum())
        return float(((x - made) ** 2).sum()) / spread if spread > 0 else float("inf")

    def _before_cut(self, hidden: Any) -> Any:
        import torch

        centred = hidden if self.transcode else hidden - self.offset
        return torch.addmm(self.bias, centred, self.weight.T)

    def _checked(self, hidden: Any) -> Any:
        import torch

        given = torch.as_tensor(hidden).to(self.device, torch.float32)
        if given.ndim != 2 or given.shape[1] != self.d_in:
            raise EncoderError(
                f"The sparse autoencoder reads vectors of {self.d_in} numbers, not {tuple(given.shape)}.",
                "Take the model and layer on which it was trained.",
            )
        if not bool(torch.isfinite(given).all()):
            raise EncoderError(
                "The model's activations hold numbers that are not finite.",
                "Load the model in float32; some overflow in half precision.",
            )
        return given


def largest(before_cut: Any, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k largest positive numbers of each line of a tensor, as arrays: `sparse.top_k` on a CPU, torch's on a GPU."""
    import torch

    if before_cut.device.type != "cpu":
        value, index = torch.topk(before_cut.relu(), k)
        return value.cpu().numpy(), torch.where(value > 0, index, 0).cpu().numpy()
    lines, threads = before_cut.numpy(), torch.get_num_threads()
    if threads < 2 or len(lines) < 64 * threads:
        return sparse.top_k(lines, k)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda part: sparse.top_k(part, k), np.array_split(lines, threads)))
    return np.concatenate([value for value, _ in parts]), np.concatenate([index for _, index in parts])


class fast:  # noqa: N801  # used as a word: with fast()
    """TF32 in the matrix products of a GPU: ten bits of each factor, several times the speed."""

    def __enter__(self) -> None:
        import torch

        self._before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = True

    def __exit__(self, *_: object) -> None:
        import torch

        torch.backends.cuda.matmul.allow_tf32 = self._before
