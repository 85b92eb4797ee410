"""A causal language model of 200 kB with drawn weights: as fast as a test wants it, and made without torch.

Its numbers are float64, so that vectors rounded for keeping are the same bits whatever stood beside a row in a batch.
"""

import hashlib
import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

DIMS, BLOCKS, HEADS, BYTES = 32, 4, 4, 257
CHAT = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"


def config(**changed):
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": DIMS, "intermediate_size": 2 * DIMS,
        "num_hidden_layers": BLOCKS, "num_attention_heads": HEADS, "num_key_value_heads": 2, "vocab_size": BYTES,
        "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "hidden_act": "silu",
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "bos_token_id": 256, "eos_token_id": 256,
        "dtype": "float64", **changed,
    }  # fmt: skip


def weights(seed=0):
    rng = np.random.default_rng(seed)

    def drawn(*shape, scale=0.3):
        return (rng.normal(size=shape) * scale).astype(np.float32)

    found = {"model.embed_tokens.weight": drawn(BYTES, DIMS, scale=1), "model.norm.weight": np.ones(DIMS, np.float32)}
    for block in range(BLOCKS):
        name = f"model.layers.{block}"
        for part, shape in {
            "self_attn.q_proj": (DIMS, DIMS), "self_attn.k_proj": (DIMS // 2, DIMS), "self_attn.v_proj": (DIMS // 2, DIMS),
            "self_attn.o_proj": (DIMS, DIMS), "mlp.gate_proj": (2 * DIMS, DIMS), "mlp.up_proj": (2 * DIMS, DIMS),
            "mlp.down_proj": (DIMS, 2 * DIMS),
        }.items():  # fmt: skip
            found[f"{name}.{part}.weight"] = drawn(*shape)
        for part in ("input_layernorm", "post_attention_layernorm"):
            found[f"{name}.{part}.weight"] = np.ones(DIMS, np.float32)
    return found


def write(folder, *, chat=CHAT, opening=False, tensors=None, **changed):
    """A model's folder. `chat`: its template, "" for none; `opening`: whether a token stands before every text."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: at for at, letter in enumerate(letters)} | {"<s>": 256}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<s>"])
    if opening:
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 256)])
    made.save(str(folder / "tokenizer.json"))
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "<s>", "pad_token": "<s>"}
    if chat:
        told["chat_template"] = chat
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    (folder / "config.json").write_text(json.dumps(config(**changed)))
    save_file(tensors or weights(), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@lru_cache(maxsize=1)
def tiny():
    """The folder of the usual one. Its name is the same in every process, so that tests have the same names."""
    mark = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"winnow-tiny-lm-{os.getuid()}-{mark}"
    if not folder.exists():
        made = write(Path(tempfile.mkdtemp()) / "lm")
        try:
            made.rename(folder)
        except OSError:
            assert folder.exists()  # another process was quicker
    return str(folder)
