"""Encoders of text: a static one for CPUs and large pools, and any sentence-transformers model.

    encoder = load("static")
    vectors = encoder.encode(["a text", "another"])     # float32[2, 256], rows of unit length
    identity("static")                                  # "static-…", without loading anything

Pure: no Django. Nothing reaches for the network but a model of the hub that is not on the machine yet.
"""

from functools import lru_cache
from typing import Any

from selection.encoders.base import Encoder, EncoderError, Tick, no_tick
from selection.encoders.files import PACKAGED, folder_of, identity_of, label_of

STATIC = "static"
NAMES = {
    STATIC: "Static vectors distilled from MiniLM: thousands of rows a second on a CPU",
    PACKAGED: "MiniLM (all-MiniLM-L6-v2): a sentence encoder of 22 M parameters, in the package",
}

__all__ = ["NAMES", "PACKAGED", "STATIC", "Encoder", "EncoderError", "Tick", "identity", "load", "no_tick"]


def identity(
    name: str, *, prefix: str = "", max_length: int | None = None, precision: str = "auto", fetch: bool = True
) -> str:
    """A short name and 12 hex digits over weight files, pooling, prefix, length and precision.

    Costs the reading of the files once a process, then a look at their dates. The precision "auto" counts as itself:
    vectors of machines with and without bfloat16 differ by less than 0.01 in cosine and may be compared. `fetch`:
    whether a model of the hub may be fetched for it. Raises `EncoderError`.
    """
    if name == STATIC:
        from selection.encoders.static import static_identity

        return static_identity()
    settings = {"prefix": prefix, "max_length": max_length, "precision": precision, "chunks": 8}
    return identity_of(label_of(name), folder_of(name, fetch=fetch), settings)


def load(
    name: str, device: str = "auto", *, prefix: str = "", max_length: int | None = None, precision: str = "auto",
    threads: int | None = None,
) -> Encoder:  # fmt: skip
    """The encoder, one a process: "static", "minilm", a folder, or a model of the hub.

    `device` "auto" takes the GPU where there is one; the static encoder always runs on the CPU. `prefix` stands
    before every chunk (some models want "passage: "). `threads`: the CPU's threads while encoding; None takes all,
    which a worker beside others should not. Raises `EncoderError`.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise EncoderError(f"There is no precision {precision}.", "Use auto, float32 or bfloat16.")
    if max_length is not None and max_length < 1:
        raise EncoderError("A length is at least one token.", "Raise it, or leave it to the model.")
    if name == STATIC:
        return _static(identity(STATIC))
    folder = folder_of(name)
    named = identity(name, prefix=prefix, max_length=max_length, precision=precision)
    return _dense(
        str(folder), named, device=device, prefix=prefix, max_length=max_length, precision=precision, threads=threads
    )


@lru_cache(maxsize=1)
def _static(named: str) -> Encoder:
    from selection.encoders.static import load_static

    return load_static()


@lru_cache(maxsize=8)
def _dense(folder: str, named: str, **settings: Any) -> Encoder:
    from pathlib import Path

    from selection.encoders.dense import Dense

    return Dense(Path(folder), named, **settings)
