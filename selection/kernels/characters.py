"""Texts as code points, and which of those make words."""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

WORD, BLANK = 1, 2
ROWS_AT_ONCE = 1024
CHARS_AT_ONCE = 4_000_000
# Letters written as symbols: circled, squared, negative. Unicode counts them as alphabetic.
_LETTERS = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))
_SEPARATORS = range(0x1C, 0x20)  # blank to Python, not to Unicode
_JOINERS = (0x200C, 0x200D)


@lru_cache(maxsize=1)
def classes() -> NDArray[np.uint8]:
    r"""uint8[0x110000]: WORD for code points that \\w matches in Unicode Technical Standard 18, BLANK for \\s, else 0.

    Unlike that of Python's `re`, this \\w holds marks, so a word of Hindi or Thai is not cut at its vowel signs.
    """
    table = np.zeros(0x110000, np.uint8)
    # Planes 4 to 13 hold nothing, 15 and 16 only private characters.
    for code in (*range(0x40000), *range(0xE0000, 0xE1000)):
        kind = unicodedata.category(chr(code))
        if kind[0] in "LM" or kind in {"Nd", "Nl", "Pc"}:
            table[code] = WORD
        elif chr(code).isspace():
            table[code] = BLANK
    for first, last in _LETTERS:
        table[first : last + 1] = WORD
    table[list(_JOINERS)], table[list(_SEPARATORS)] = WORD, 0
    return table


def code_points(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """All texts in lower case as one array of code points, and where each begins (one more than texts)."""
    lower = [text.lower() for text in texts]
    edges = np.zeros(len(lower) + 1, np.int64)
    np.cumsum([len(text) for text in lower], out=edges[1:])
    return np.frombuffer("".join(lower).encode("utf-32-le", "surrogatepass"), "<u4"), edges


def chunks(texts: Sequence[str]) -> Iterator[slice]:
    """Stretches of about a thousand rows, fewer where they are long, so that memory does not grow with the shard."""
    start, held = 0, 0
    for at, text in enumerate(texts):
        held += len(text)
        if at + 1 - start >= ROWS_AT_ONCE or held >= CHARS_AT_ONCE:
            yield slice(start, at + 1)
            start, held = at + 1, 0
    if start < len(texts):
        yield slice(start, len(texts))
