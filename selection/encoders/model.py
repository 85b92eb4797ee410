"""A sentence-transformers model as a function from padded token ids to vectors."""

import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import EncoderError


class Model:
    """The loaded modules, and what is to know of their tokenizer.

    `before`, `after`: the special tokens around a text. `max_length`: tokens of one forward pass, special ones
    included. `device`: "cpu", "cuda", "cuda:1".
    """

    def __init__(self, modules: Any, device: str, precision: str) -> None:
        import torch

        self._torch, self.device, self.precision = torch, device, precision
        self._first, *self._rest = list(modules)
        self.tokenizer = _backend(modules)
        self.pad = int(getattr(modules.tokenizer, "pad_token_id", None) or 0)
        self.before, self.after = _around(self.tokenizer)
        self.max_length = int(modules.max_seq_length or 512)
        self.dims = int(modules.get_embedding_dimension())
        if precision == "bfloat16":
            self._first.to(torch.bfloat16)  # pooling and what follows stay float32

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids, without the special tokens, of any length."""
        return [one.ids for one in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def forward(self, ids: NDArray[np.int64], mask: NDArray[np.int64], prompt: int = 0) -> NDArray[np.float32]:
        """float32[rows, dims] for int64[rows, width]; `prompt` is the number of leading tokens that are no text."""
        torch = self._torch
        with torch.inference_mode():
            features = {
                "input_ids": torch.from_numpy(ids).to(self.device),
                "attention_mask": torch.from_numpy(mask).to(self.device),
            }
            if prompt:
                features["prompt_length"] = prompt
            features = self._first(features)
            features["token_embeddings"] = features["token_embeddings"].float()
            for module in self._rest:
                features = module(features)
            found: NDArray[np.float32] = features["sentence_embedding"].float().cpu().numpy()
        return found

    def free(self) -> None:
        """Give back what the allocator of a GPU holds in reserve."""
        if self.device.startswith("cuda"):
            self._torch.cuda.empty_cache()


def _backend(modules: Any) -> Any:
    """The tokenizer itself, without its wrappers; one of our own, so that no setting is shared."""
    from tokenizers import Tokenizer

    found = getattr(modules.tokenizer, "_tokenizer", None)
    if not isinstance(found, Tokenizer):
        raise EncoderError(
            "The model's tokenizer is of a kind that cannot be batched here.",
            "Choose a model with a fast tokenizer (tokenizer.json).",
        )
    made = Tokenizer.from_str(found.to_str())
    made.no_truncation()
    made.no_padding()
    return made


def _around(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Special tokens before and after a text, read off an encoding of one."""
    made = tokenizer.encode("a", add_special_tokens=True)
    text = [at for at, special in enumerate(made.special_tokens_mask) if not special]
    if not text:
        return [], []
    return made.ids[: text[0]], made.ids[text[-1] + 1 :]


def device_of(device: str) -> str:
    """ "auto" is the GPU where there is one. Raises `EncoderError` for one that is not there."""
    import torch

    there = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if there else "cpu"
    if device.startswith("cuda") and not there:
        raise EncoderError("This machine shows no GPU to PyTorch.", "Use device auto or cpu, or install the GPU build.")
    return device


def precision_of(device: str, precision: str) -> str:
    """ "auto" is bfloat16 where the hardware multiplies it: half the bytes, and several times the speed."""
    import torch

    if precision != "auto":
        return precision
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    able = torch.cpu.get_capabilities() if device == "cpu" else {}
    return "bfloat16" if able.get("amx_bf16") or able.get("avx512_bf16") else "float32"


def load_model(folder: Path, device: str, precision: str) -> Model:
    """One a process for the same folder, device and precision. Raises `EncoderError`."""
    device = device_of(device)
    return _load(str(folder), device, precision_of(device, precision))


@lru_cache(maxsize=4)
def _load(folder: str, device: str, precision: str) -> Model:
    import transformers
    from sentence_transformers import SentenceTransformer

    transformers.utils.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # notes of the libraries to one another
            modules = SentenceTransformer(folder, device=device, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        name = Path(folder).name
        if type(error).__name__ == "OutOfMemoryError":
            raise EncoderError(
                f"The model {name} does not fit in the GPU's memory.", "Choose a smaller model, or device cpu."
            ) from error
        said = " ".join(str(error).split())[:200]
        raise EncoderError(
            f"The model {name} cannot be loaded: {said}.",
            "Check that the folder is complete and that the model needs no code of its own.",
        ) from error
    modules.eval()
    return Model(modules, device, precision)
