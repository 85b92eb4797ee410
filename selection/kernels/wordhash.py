"""Words of texts as 64-bit hashes, and n-grams of them: what contamination, repetition and near duplicates compare.

A word is a run of letters and digits of the lower-case text (NFKC); punctuation separates and is dropped. Scripts that
are written without spaces between words (Han, Kana) give one word a character.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PLAIN = re.compile(r"[a-z0-9]+")
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")

_BLANK, _BREAK = 32, 10  # between words, between rows
Hashes = NDArray[np.uint64]


def words(text: str) -> list[str]:
    """The words of a text in order; none for a text of punctuation alone."""
    if text.isascii():
        return _PLAIN.findall(text.lower())
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def hashed(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """(hashes of all words, text after text; edges: words of text i are edges[i] : edges[i + 1]).

    A text without words counts as one word, its characters without blanks, so that it equals its copies only.
    """
    return of_words([words(text) or ["\x01" + "".join(text.split())] for text in texts])


def of_words(rows: Sequence[Sequence[str]]) -> tuple[Hashes, NDArray[np.int64]]:
    """The same of words that are cut already; a row has at least one, and none holds a blank."""
    if not len(rows):
        return np.empty(0, np.uint64), np.zeros(1, np.int64)
    lines = [" ".join(row) for row in rows]
    raw = np.frombuffer("\n".join(lines).encode("utf-8", "surrogatepass") + b"\n", np.uint8)
    flat, edges = _hashed(raw, len(lines))
    return flat, edges


def grams(flat: Hashes, size: int) -> Hashes:
    """Hashes of the runs of `size` words, in order; none where there are fewer words. Raises `ValueError` below 1."""
    if size < 1:
        raise ValueError("an n-gram has at least one word")
    found: Hashes = _grams(flat, size)
    return found


@njit(cache=True)
def _mix(value: Any) -> Any:
    """The finaliser of splitmix64: every bit of the input moves every bit of the output."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True)
def _hashed(raw: Any, rows: int) -> Any:
    count = 0
    for byte in raw:
        if byte in (_BLANK, _BREAK):
            count += 1
    flat = np.empty(count, np.uint64)
    edges = np.zeros(rows + 1, np.int64)
    found, row = 0, 0
    value = np.uint64(0xCBF29CE484222325)
    for byte in raw:
        if byte in (_BLANK, _BREAK):
            flat[found] = _mix(value)
            found += 1
            value = np.uint64(0xCBF29CE484222325)
            if byte == _BREAK:
                row += 1
                edges[row] = found
        else:  # FNV-1a
            value = (value ^ np.uint64(byte)) * np.uint64(0x100000001B3)
    return flat, edges


@njit(cache=True)
def _grams(flat: Any, size: int) -> Any:
    out = np.empty(max(0, len(flat) - size + 1), np.uint64)
    for at in range(len(out)):
        value = np.uint64(size)
        for word in range(size):
            value = _mix(value * np.uint64(0x9E3779B97F4A7C15) + flat[at + word])
        out[at] = value
    return out
