"""Sparse autoencoders over the hidden states of a causal language model.

    sae = load("EleutherAI/sae-SmolLM2-1.7B-layer17-32x:layers.17")      # a folder, the hub, or "sae-…" of a team
    acts, indices = sae.encode(hidden)                                   # float32[n, k], int64[n, k]

Pure: no Django. Weights lie in the layout of sparsify (`cfg.json`, `sae.safetensors`), with what only Winnow knows in
`winnow.json` beside them. `train.Trainer` makes them, `fit.fit` measures whether they fit a model.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selection.encoders.sae import files
from selection.encoders.sae.files import folder_of, identity

if TYPE_CHECKING:
    from selection.encoders.sae.model import TopKSAE

__all__ = ["TopKSAE", "files", "folder_of", "identity", "load"]


def load(name: str, device: str = "auto", *, fetch: bool = True) -> "TopKSAE":
    """The autoencoder, one a process for the same files and device.

    `name`: a folder, "owner/repo" or "owner/repo:hookpoint" of the hub, or "sae-" and 12 hex digits, which
    `files.resolver` turns into a folder. Raises `EncoderError`.
    """
    from selection.encoders.model import device_of

    folder = folder_of(name, fetch=fetch)
    return _load(str(folder), files.identity_of_folder(folder), device_of(device))


@lru_cache(maxsize=4)
def _load(folder: str, named: str, device: str) -> "TopKSAE":
    return files.read(Path(folder)).to(device)


def __getattr__(name: str) -> Any:
    """`TopKSAE` comes with compiled kernels: the web process names autoencoders and never loads one."""
    if name == "TopKSAE":
        from selection.encoders.sae.model import TopKSAE

        return TopKSAE
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
