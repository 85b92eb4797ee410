"""A sparse autoencoder for the tiny language model that gives back most of what it reads, without any training."""

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path

from tests.tiny_lm import DIMS, tiny

LATENTS, K = 4 * DIMS, DIMS


def made(*, k=K, layer=1, model=None, dims=DIMS, **changed):
    """Each direction of two turned bases and its opposite: with k = d it gives back nearly everything."""
    import torch

    from selection.encoders.sae import TopKSAE

    chance = torch.Generator().manual_seed(1)
    first = torch.eye(dims)
    second = torch.linalg.qr(torch.randn(dims, dims, generator=chance))[0]
    weight = torch.cat([first, -first, 0.5 * second, -0.5 * second])
    return TopKSAE(
        weight, torch.zeros(len(weight)), weight * torch.tensor([[1.0]] * 2 * dims + [[0.0]] * 2 * dims),
        torch.zeros(dims), k, model=tiny() if model is None else model, layer=layer, **changed,
    )  # fmt: skip


def write(folder, **changed):
    from selection.encoders.sae.files import save

    return save(made(**changed), folder)


@lru_cache(maxsize=1)
def tiny_sae():
    """The folder of the usual one. Its name is the same in every process, so that tests have the same names."""
    mark = hashlib.sha256(Path(__file__).read_bytes() + tiny().encode()).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"winnow-tiny-sae-{os.getuid()}-{mark}"
    if not folder.exists():
        draft = write(Path(tempfile.mkdtemp()) / "sae")
        try:
            draft.rename(folder)
        except OSError:
            assert folder.exists()  # another process was quicker
    return str(folder)
