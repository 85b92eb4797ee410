"""Sparse autoencoders as sae-lens saves them: cfg.json and sae_weights.safetensors."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selection.encoders.base import EncoderError
from selection.encoders.sae.files import FOREIGN, identity_of_folder, read_json, read_tensors, save, whole
from selection.encoders.sae.model import TopKSAE

_HOOK = re.compile(r"blocks\.(\d+)\.hook_resid_(pre|post)$")


def from_sae_lens(folder: Path, config: Mapping[str, Any] | None = None) -> TopKSAE:
    """Of the architecture topk only, on a residual stream. Raises `EncoderError`, saying what it is instead."""
    config = read_json(folder / "cfg.json") if config is None else config
    kind = str(config.get("architecture", "standard"))
    how = config.get("activation_fn") or config.get("activation_fn_str") or ""
    if kind != "topk" and not (kind == "standard" and how == "topk"):
        raise EncoderError(
            f"This sparse autoencoder is of the architecture {kind}.",
            "Only TopK autoencoders can be used: choose a release that is one, or train one on a pool.",
        )
    normalised = config.get("normalize_activations", "none") or "none"
    if normalised != "none":
        raise EncoderError(
            f"This sparse autoencoder expects activations that were normalised ({normalised}).",
            "Choose one that reads hidden states as they are.",
        )
    settings = config.get("activation_fn_kwargs") or {}
    k = whole({"k": config.get("k", settings.get("k"))}, "k")
    tensors = read_tensors(folder / FOREIGN)
    missing = {"W_enc", "b_enc", "W_dec", "b_dec"} - set(tensors)
    if missing:
        raise EncoderError(f"{FOREIGN} lacks {', '.join(sorted(missing))}.", "Fetch the release again.")
    weight, bias, decoder = tensors["W_enc"].T.contiguous(), tensors["b_enc"], tensors["W_dec"]
    if weight.shape != decoder.shape or len(bias) != len(weight) or len(tensors["b_dec"]) != weight.shape[1]:
        raise EncoderError(f"The shapes in {FOREIGN} do not fit each other.", "Fetch the release again.")
    if config.get("rescale_acts_by_decoder_norm"):
        norm = decoder.norm(dim=1)
        weight, bias, decoder = weight * norm[:, None], bias * norm, decoder / norm[:, None]
    told = {**config, **(config.get("metadata") or {})}
    return TopKSAE(
        weight, bias, decoder, tensors["b_dec"], k, identity=identity_of_folder(folder), layer=_layer(told),
        transcode=not config.get("apply_b_dec_to_input", True), facts={"trained_on": str(told.get("model_name", ""))},
    )  # fmt: skip


def convert(source: Path, target: Path) -> Path:
    """Write a release of sae-lens in the layout of sparsify; `target` with its files. Raises `EncoderError`."""
    return save(from_sae_lens(source), target)


def _layer(told: Mapping[str, Any]) -> int | None:
    """The hidden states of a hook: before block n they are number n, after it n + 1."""
    found = _HOOK.search(str(told.get("hook_name", "")))
    return int(found[1]) + (found[2] == "post") if found else None
