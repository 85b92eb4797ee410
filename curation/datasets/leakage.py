"""Leakage: rows of one split that stand, word for word or nearly, in another one.

Exact: the same prompt, or the same whole text, case and white space apart. Near: an estimated Jaccard similarity of word
3-grams of at least 0.8 by MinHash bands (Broder 1997). Held-out splits are kept in memory, the largest one walks by.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.8
SHOWN = 50  # pairs that are kept to be looked at
HELD = 60_000  # held-out rows with a signature: some 700 bytes each with their bands
IN_BUCKET = 8  # rows of one bucket that are compared
BATCH = 1_024


@dataclass(frozen=True, slots=True)
class Text:
    """One row as the check sees it."""

    key: str
    split: str
    prompt: str
    text: str


@dataclass(slots=True)
class Finding:
    """exact, near: rows of the largest split that have their like elsewhere, and pairs among the held-out splits.
    looked: held-out rows that were compared for likeness, of `held`.
    """

    exact: int = 0
    near: int = 0
    looked: int = 0
    held: int = 0
    pairs: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "exact": self.exact, "near": self.near, "looked": self.looked, "held": self.held, "pairs": self.pairs,
            "threshold": THRESHOLD,
        }  # fmt: skip

    def add(self, kind: str, mine: tuple[str, str], other: tuple[str, str], likeness: float) -> None:
        if kind == "exact":
            self.exact += 1
        else:
            self.near += 1
        if len(self.pairs) < SHOWN:
            self.pairs.append(
                {"kind": kind, "key": mine[0], "split": mine[1], "other": other[0], "other_split": other[1],
                 "likeness": round(likeness, 3)}
            )  # fmt: skip


def plain(text: str) -> int:
    """64 bits of what two texts share that differ in case and white space alone; 0 for a text without words."""
    words = " ".join(text.lower().split()).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "little") if words else 0


class _Held:
    """Rows of the held-out splits: exact hashes of all, signatures of the first 60,000, sorted by each band.

    Arrays, not objects: of a hundred thousand rows some 60 MiB.
    """

    def __init__(self, finding: Finding) -> None:
        from selection.kernels import minhash

        self.finding, self.minhash = finding, minhash
        self.count, self.width = minhash.bands(THRESHOLD)
        self.keys: list[str] = []
        self.names: dict[str, int] = {}  # numbers of the splits
        self.splits = np.empty(0, np.int16)
        self.marks = np.empty(0, np.uint64)  # sorted, each once
        self.first = np.empty(0, np.int32)  # the first row that has it
        self.told = np.empty(0, bool)  # held-out rows that need no second look: found already, or empty
        self.signed = np.empty((HELD, minhash.SIZE), np.uint16)  # takes memory as it is filled
        self.bands: list[tuple[NDArray[np.uint32], NDArray[np.int32]]] = []

    def keep(self, rows: Iterable[Text]) -> None:
        """Take in all held-out rows; then what is alike among them is found."""
        looked = 0
        splits, marks, empty = array("h"), array("Q"), bytearray()
        for batch in _batches(rows):
            mine = [one.text for one in batch[: HELD - looked]]
            self.signed[looked : looked + len(mine)] = self._signed(mine)
            looked += len(mine)
            for one in batch:
                self.keys.append(one.key)
                splits.append(self.names.setdefault(one.split, len(self.names)))
                marks.extend((plain(one.prompt), plain(one.text)))
                empty.append(not one.text.strip())
        self.splits = np.frombuffer(splits, np.int16) if splits else self.splits
        self.told = np.frombuffer(empty, bool).copy()
        self.signed = self.signed[:looked]
        self.finding.held, self.finding.looked = len(self.keys), looked
        if marks:
            self._exact_among(np.frombuffer(marks, np.uint64).reshape(-1, 2))
        self._near_among()

    def _exact_among(self, marks: NDArray[np.uint64]) -> None:
        """Of each row its prompt's mark and its text's: who has it first, and which rows of another split follow."""
        self.marks, places = np.unique(marks.reshape(-1), return_index=True)
        self.first = (places // 2).astype(np.int32)
        other = self.first[np.searchsorted(self.marks, marks)]
        found = (marks != 0) & (self.splits[other] != self.splits[:, None])
        for row in np.flatnonzero(found.any(axis=1)):
            self.told[row] = True
            whose = int(other[row, int(np.argmax(found[row]))])
            self.finding.add("exact", self._named(int(row)), self._named(whose), 1.0)

    def _near_among(self) -> None:
        for band in range(self.count):
            values = self._band(self.signed, band)
            order = np.argsort(values, kind="stable").astype(np.int32)
            self.bands.append((values[order], order))
        for start in range(0, len(self.signed), BATCH):
            mine = [Text(*self._named(row), "", "") for row in range(start, min(start + BATCH, len(self.signed)))]
            self._near(mine, self.signed[start : start + BATCH], before=start)

    def _named(self, row: int) -> tuple[str, str]:
        return self.keys[row], next(name for name, number in self.names.items() if number == self.splits[row])

    def compare(self, rows: Iterable[Text]) -> None:
        """What of the largest split is alike to a held-out row."""
        for batch in _batches(rows):
            rest = [one for one in batch if one.text.strip() and not self._exact(one)]
            self._near(rest, self._signed([one.text for one in rest]))

    def _signed(self, texts: list[str]) -> NDArray[np.uint16]:
        """The low halves of the signatures: two numbers that differ look alike in one case of 65,536."""
        return self.minhash.signatures(texts).astype(np.uint16)

    def _exact(self, one: Text) -> bool:
        for mark in (plain(one.prompt), plain(one.text)):
            at = int(np.searchsorted(self.marks, np.uint64(mark)))
            if mark and at < len(self.marks) and self.marks[at] == mark:
                self.finding.add("exact", (one.key, one.split), self._named(int(self.first[at])), 1.0)
                return True
        return False

    def _near(self, batch: Sequence[Text], signed: NDArray[np.uint16], before: int | None = None) -> None:
        """`before`: the rows are held-out ones from that place on, and are compared with those in front of them."""
        found: set[int] = set()
        for band, (values, order) in enumerate(self.bands):
            asked = self._band(signed, band)
            left, right = (np.searchsorted(values, asked, side) for side in ("left", "right"))
            for at in np.flatnonzero(right > left + (0 if before is None else 1)):
                if int(at) in found or (before is not None and self.told[before + int(at)]):
                    continue
                others = order[left[at] : min(right[at], left[at] + IN_BUCKET)]
                if self._alike(batch[int(at)], signed[at], others, None if before is None else before + int(at)):
                    found.add(int(at))

    def _alike(self, one: Text, mine: NDArray[np.uint16], others: NDArray[np.int32], place: int | None) -> bool:
        split = self.names.get(one.split, -1)
        for other in others:
            if self.splits[other] == split or (place is not None and other >= place):
                continue
            likeness = float((mine == self.signed[other]).mean())
            if likeness >= THRESHOLD:
                self.finding.add("near", (one.key, one.split), self._named(int(other)), likeness)
                return True
        return False

    def _band(self, signed: NDArray[np.uint16], band: int) -> NDArray[np.uint32]:
        """One hash of a stretch of each signature (FNV-1a by words, folded to 32 bits)."""
        out = np.full(len(signed), 0xCBF29CE484222325, np.uint64)
        for at in range(band * self.width, (band + 1) * self.width):
            out = (out ^ signed[:, at].astype(np.uint64)) * np.uint64(0x100000001B3)
        return (out ^ (out >> np.uint64(32))).astype(np.uint32)


def look(held: Iterable[Text], largest: Iterable[Text]) -> Finding:
    """What is both in the largest split and in a held-out one, or in two held-out ones. Rows come in a stable order."""
    finding = Finding()
    kept = _Held(finding)
    kept.keep(held)
    if kept.keys:
        kept.compare(largest)
    return finding


def _batches(rows: Iterable[Text]) -> Iterator[list[Text]]:
    batch: list[Text] = []
    for one in rows:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
