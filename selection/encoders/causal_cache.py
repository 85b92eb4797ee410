"""The packaged language model unpacked: transformers takes 18 seconds of a core to read a GGUF file, and half a second
for the same weights as safetensors. So the first process that reads it leaves a copy beside the distilled encoders.
"""

import contextlib
import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

from selection.encoders.causal_files import SHA256, Files
from selection.encoders.files import alone, cache_folder

_WEIGHTS = "model.safetensors"


def folder(precision: str) -> Path:
    """Named by the weights, what they are stored as, and the library that unpacked them."""
    from importlib.metadata import version

    return cache_folder() / f"smollm2-{SHA256[:12]}-{precision}-{version('transformers')}"


def copy_of(precision: str) -> Files | None:
    """The copy, if there is a whole one."""
    found = folder(precision)
    return Files(found) if (found / _WEIGHTS).is_file() else None


def lock(precision: str) -> contextlib.AbstractContextManager[None]:
    """One process unpacks, the others wait for it."""
    return alone(folder(precision).with_suffix(".lock"))


def forget(precision: str) -> None:
    """Takes away a copy that cannot be read."""
    shutil.rmtree(folder(precision), ignore_errors=True)


def keep(precision: str, model: Any, tokenizer: Any) -> None:
    """Writes the copy, whole or not at all. Without room or rights for it the model is read from its GGUF next time."""
    from safetensors.torch import save_file

    target = folder(precision)
    config = copy.deepcopy(model.config)
    with contextlib.suppress(AttributeError):
        del config.quantization_config  # the copy is not quantised
    weights = {
        name: value.contiguous()
        for name, value in model.state_dict().items()
        if not (name == "lm_head.weight" and config.tie_word_embeddings)
    }
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            config.save_pretrained(made)
            tokenizer.save_pretrained(made)
            save_file(weights, made / _WEIGHTS, metadata={"format": "pt"})
            made.chmod(0o755)
            made.replace(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
