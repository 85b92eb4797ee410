"""A language model of a few thousand weights, written without transformers: quick to load, the same for every process."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np

WORDS = "sum add price apples train hour def return gene the of to is a x same text in every row".split()  # noqa: SIM905
    "sum",
    "add",
    "price",
    "apples",
    "train",
    "hour",
    "def",
    "return",
    "gene",
    "the",
    "of",
    "to",
    "is",
    "a",
    "x",
    "same",
    "text",
    "in",
    "every",
    "row",
]
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tiny(*, hidden=16, blocks=2, seed=0, template=True) -> str:
    """The folder of a random Llama. Equal arguments, equal folder."""
    owner = os.getuid() if hasattr(os, "getuid") else 0
    name = f"winnow-tiny-llama-{owner}-{hidden}-{blocks}-{seed}-{int(template)}-1"
    folder = Path(tempfile.gettempdir()) / name
    if not (folder / "model.safetensors").exists():
        made = Path(tempfile.mkdtemp(prefix=name))
        _write(made, hidden, blocks, seed, template)
        try:
            made.rename(folder)
        except OSError:  # another process was quicker
            for file in made.iterdir():
                file.unlink()
            made.rmdir()
    return str(folder)


def _write(folder: Path, hidden: int, blocks: int, seed: int, template: bool) -> None:
    from safetensors.numpy import save_file
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    special = ["<unk>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]
    known = {word: at for at, word in enumerate([*special, *WORDS, *(chr(c) for c in range(33, 127))])}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken(word, special=True) for word in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "pad_token": "<|end|>",
        "unk_token": "<unk>",
    }
    if template:
        said["chat_template"] = TEMPLATE
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": 2 * hidden,
        "num_hidden_layers": blocks, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": len(known),
        "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "torch_dtype": "float32",
        "bos_token_id": None, "eos_token_id": known["<|end|>"], "hidden_act": "silu",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    chance = np.random.default_rng(seed)

    def weights(*shape):
        return (chance.standard_normal(shape) * 0.3).astype(np.float32)

    tensors = {
        "model.embed_tokens.weight": weights(len(known), hidden),
        "model.norm.weight": np.ones(hidden, np.float32),
    }
    for block in range(blocks):
        at = f"model.layers.{block}."
        for name, out in (("q", hidden), ("k", hidden // 2), ("v", hidden // 2), ("o", hidden)):
            tensors[f"{at}self_attn.{name}_proj.weight"] = weights(out, hidden)
        for name, shape in (
            ("gate", (2 * hidden, hidden)),
            ("up", (2 * hidden, hidden)),
            ("down", (hidden, 2 * hidden)),
        ):
            tensors[f"{at}mlp.{name}_proj.weight"] = weights(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{at}{name}.weight"] = np.ones(hidden, np.float32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
