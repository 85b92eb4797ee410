"""Loading a causal language model, and running its first blocks."""

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from selection.encoders import causal_cache as cache
from selection.encoders.base import EncoderError
from selection.encoders.causal_files import Files, check
from selection.encoders.dense import out_of_memory


class _Stopped(Exception):
    """Carries what went into or came out of the wanted block."""

    def __init__(self, hidden: Any) -> None:
        super().__init__()
        self.hidden = hidden


class Blocks:
    """The blocks of a language model, and a forward pass that ends after any of them.

    Every block has a hook that looks whether its thread wants to stop here; so nothing is taken apart, masks and
    positions are the model's own, and threads do not meet.
    """

    def __init__(self, model: Any) -> None:
        self.base = model.base_model
        self.blocks = _blocks_of(model)
        self._wanted = threading.local()
        self.blocks[0].register_forward_pre_hook(self._before, with_kwargs=True)
        for place, block in enumerate(self.blocks, 1):
            block.register_forward_hook(self._after(place))

    def __len__(self) -> int:
        return len(self.blocks)

    def run(self, ids: Any, layer: int) -> Any:
        """Hidden states [b, L, d] for ids [b, L]: 0 the embeddings, k what block k gives, depth after the final norm.

        No attention mask: behind the last real token of a row nothing looks back at it, since attention is causal.
        """
        if layer == len(self):
            return self.base(input_ids=ids, use_cache=False).last_hidden_state
        self._wanted.layer = layer
        try:
            self.base(input_ids=ids, use_cache=False)
        except _Stopped as stopped:
            return stopped.hidden
        finally:
            self._wanted.layer = None
        raise EncoderError("The model did not run its blocks in order.", "Choose another model.")

    def _before(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if getattr(self._wanted, "layer", None) == 0:
            raise _Stopped(args[0] if args else kwargs["hidden_states"])

    def _after(self, place: int) -> Callable[..., None]:
        def hook(module: Any, args: Any, output: Any) -> None:
            if getattr(self._wanted, "layer", None) == place:
                raise _Stopped(output[0] if isinstance(output, tuple) else output)

        return hook


def _blocks_of(model: Any) -> Any:
    """The list of blocks: the first list of modules that is as long as the model is deep."""
    import torch

    depth = getattr(model.config.get_text_config(), "num_hidden_layers", 0)
    for module in model.base_model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == depth > 0:
            return module
    raise EncoderError("The model's blocks cannot be found.", "Choose a decoder such as Llama, Qwen, Gemma or SmolLM2.")


@lru_cache(maxsize=2)
def load_files(files: Files, device: str, precision: str) -> tuple[Any, Any]:
    """(model, tokenizer), one a process for the same files, device and precision. Raises `EncoderError`."""
    if not files.gguf:
        return _loaded(files, device, precision)
    with cache.lock(precision):
        if held := cache.copy_of(precision):
            try:
                return _loaded(held, device, precision)
            except EncoderError:
                cache.forget(precision)  # spoilt, or of no use here: the package has the weights
        check(files)
        model, tokenizer = _loaded(files, device, precision)
        cache.keep(precision, model, tokenizer)
    return model, tokenizer


def _loaded(files: Files, device: str, precision: str) -> tuple[Any, Any]:
    import torch
    import transformers

    named: dict[str, Any] = {"gguf_file": files.gguf} if files.gguf else {}
    safe = {} if files.gguf else {"use_safetensors": True}
    level = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    kind = getattr(torch, precision)
    common = {"local_files_only": True, "trust_remote_code": False, **named}
    try:
        with warnings.catch_warnings(), _quiet():
            warnings.simplefilter("ignore")  # notes of the libraries to one another
            tokenizer = transformers.AutoTokenizer.from_pretrained(files.folder, **common)
            model, told = transformers.AutoModelForCausalLM.from_pretrained(
                files.folder, dtype=kind, output_loading_info=True, **safe, **common
            )
            model.to(device).eval().requires_grad_(False)
        _complete(files.folder.name, told)
        _looks_back(files.folder.name, model)
    except EncoderError:
        raise
    except Exception as error:
        raise _said(files.folder.name, error) from error
    finally:
        transformers.utils.logging.set_verbosity(level)
    return model, tokenizer


def _complete(name: str, told: dict[str, Any]) -> None:
    """Raises `EncoderError` where weights were drawn by chance because the files hold none."""
    if missing := sorted(told.get("missing_keys", ())):
        raise EncoderError(
            f"The files of {name} lack {len(missing)} of the model's weights, such as {missing[0]}.",
            "Fetch the model again; an encoder or an adapter is not a causal language model.",
        )


def _looks_back(name: str, model: Any) -> None:
    """Raises `EncoderError` for a model whose tokens see those after them: batches would change its numbers."""
    import torch

    with torch.inference_mode():
        ids = torch.tensor([[1, 2, 3], [1, 2, 4]], device=model.device)
        one, other = model.base_model(input_ids=ids, use_cache=False).last_hidden_state[:, :2].float()
    if not torch.allclose(one, other, rtol=0.05, atol=0.05):
        raise EncoderError(
            f"In {name} a token sees those that follow, so it is no causal language model.", "Choose a decoder."
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the bar that counts a GGUF file's tensors, which no setting of transformers turns off."""
    import transformers.modeling_gguf_pytorch_utils as reading

    bar = reading.tqdm
    reading.tqdm = lambda tensors, **_: tensors
    try:
        yield
    finally:
        reading.tqdm = bar


def _said(name: str, error: Exception) -> EncoderError:
    if out_of_memory(error):
        return EncoderError(
            f"The model {name} does not fit in the memory.", "Choose a smaller model, or a machine with more memory."
        )
    said = " ".join(str(error).split())[:200]
    return EncoderError(
        f"The model {name} cannot be loaded: {said}.",
        "It must be a causal language model in safetensors that needs no code of its own.",
    )
