"""Words to token ids, each word once: what makes a static encoder faster than a tokenizer."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 400_000  # words held; then the table starts anew


class Words:
    """Token ids of the words of a text, a word being what stands between white space.

    A tokenizer of the BERT family cuts at white space first, so its ids of a text are the ids of its words one after
    the other, and a word is looked at once. `skip` are ids left out (unknown).
    """

    def __init__(self, tokenizer: Any, skip: Sequence[int] = ()) -> None:
        self._tokenizer, self._skip = tokenizer, frozenset(skip)
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._at: dict[str, int] = {}
        self._ids = np.zeros(1 << 16, np.int32)
        self._edges = np.zeros(1 << 16, np.int64)  # word w has the ids edges[w]..edges[w + 1]

    def tokens(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """(ids of all texts, int64[len(texts) + 1]: where each text begins)."""
        with self._lock:
            lists = [text.split() for text in texts]
            try:
                found = [list(map(self._at.__getitem__, words)) for words in lists]
            except KeyError:
                if len(self._at) > MOST:
                    self._clear()
                self._learn(dict.fromkeys(word for words in lists for word in words if word not in self._at))
                found = [list(map(self._at.__getitem__, words)) for words in lists]
            counts = np.fromiter(map(len, found), np.int64, len(found))
            words = np.fromiter((word for row in found for word in row), np.int64, int(counts.sum()))
            return _spread(words, counts, self._ids, self._edges)

    def _learn(self, fresh: dict[str, None]) -> None:
        known, start = len(self._at), int(self._edges[len(self._at)])
        made = self._tokenizer.encode_batch_fast(list(fresh), add_special_tokens=False)
        lists = [[id_ for id_ in one.ids if id_ not in self._skip] for one in made]
        ends = start + np.cumsum([len(ids) for ids in lists], dtype=np.int64)
        self._edges = _room(self._edges, known + len(fresh) + 1)
        self._edges[known + 1 : known + 1 + len(fresh)] = ends
        self._ids = _room(self._ids, int(ends[-1]))
        self._ids[start : ends[-1]] = [id_ for ids in lists for id_ in ids]
        self._at.update(zip(fresh, range(known, known + len(fresh)), strict=True))


def _room(array: NDArray[Any], size: int) -> NDArray[Any]:
    if size <= len(array):
        return array
    wider = np.zeros(max(size, 2 * len(array)), array.dtype)
    wider[: len(array)] = array
    return wider


def _spread(
    words: NDArray[np.int64], counts: NDArray[np.int64], ids: NDArray[np.int32], edges: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The ids of each word in turn, and where each text begins."""
    sizes = edges[words + 1] - edges[words]
    ends = np.concatenate([[0], np.cumsum(sizes)])
    at = np.arange(ends[-1], dtype=np.int64) + np.repeat(edges[words] - ends[:-1], sizes)
    return ids[at], ends[np.concatenate([[0], np.cumsum(counts)])]
