"""Leakage: rows of one split that stand, word for word or nearly, in another one.

Exact: the same prompt, or the same whole text, case and white space apart. Near: an estimated Jaccard similarity of word
3-grams of at least 0.8 by MinHash bands (Broder 1997). Held-out splits are kept in memory, the largest one walks by.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.8
SHOWN = 50  # pairs that are kept to be looked at
HELD = 60_000  # held-out rows with a signature: some 700 bytes each with their bands
IN_BUCKET = 8  # rows of one bucket that are compared
BATCH = 2_048


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


def plain(text: str) -> bytes:
    """16 bytes of what two texts share that differ in case and white space alone."""
    return hashlib.blake2b(" ".join(text.lower().split()).encode("utf-8", "replace"), digest_size=16).digest()


EMPTY = plain("")


class _Held:
    """Rows of the held-out splits: exact hashes of all, signatures of the first 60,000, sorted by each band."""

    def __init__(self, finding: Finding) -> None:
        from selection.kernels import minhash

        self.finding, self.minhash = finding, minhash
        self.count, self.width = minhash.bands(THRESHOLD)
        self.rows: list[tuple[str, str]] = []
        self.exact: dict[bytes, int] = {}
        self.told: set[int] = set()  # held-out rows that need no second look: found already, or empty
        self.signed = np.empty((0, minhash.SIZE), np.uint32)
        self.bands: list[tuple[NDArray[np.uint64], NDArray[np.int32]]] = []

    def keep(self, rows: Iterable[Text]) -> None:
        """Take in all held-out rows; what is alike among them is found on the way."""
        signed = []
        for batch in _batches(rows):
            room = max(HELD - len(self.rows), 0)
            signed.append(self.minhash.signatures([one.text for one in batch[:room]]))
            for one in batch:
                marks = _marks(one)
                if self._exact(one, marks) or not one.text.strip():
                    self.told.add(len(self.rows))
                for mark in marks:
                    self.exact.setdefault(mark, len(self.rows))
                self.rows.append((one.key, one.split))
        self.finding.held = len(self.rows)
        if signed:
            self.signed = np.concatenate(signed)
        self.finding.looked = len(self.signed)
        for band in range(self.count):
            values = self._band(self.signed, band)
            order = np.argsort(values, kind="stable").astype(np.int32)
            self.bands.append((values[order], order))
        for start in range(0, len(self.signed), BATCH):
            mine = [Text(*row, "", "") for row in self.rows[start : min(start + BATCH, len(self.signed))]]
            self._near(mine, self.signed[start : start + BATCH], before=start)

    def compare(self, rows: Iterable[Text]) -> None:
        """What of the largest split is alike to a held-out row."""
        for batch in _batches(rows):
            rest = [one for one in batch if one.text.strip() and not self._exact(one, _marks(one))]
            self._near(rest, self.minhash.signatures([one.text for one in rest]))

    def _exact(self, one: Text, marks: set[bytes]) -> bool:
        for mark in marks:
            other = self.exact.get(mark)
            if other is not None and self.rows[other][1] != one.split:
                self.finding.add("exact", (one.key, one.split), self.rows[other], 1.0)
                return True
        return False

    def _near(self, batch: Sequence[Text], signed: NDArray[np.uint32], before: int | None = None) -> None:
        """`before`: the rows are held-out ones from that place on, and are compared with those in front of them."""
        found: set[int] = set()
        for band, (values, order) in enumerate(self.bands):
            asked = self._band(signed, band)
            left, right = (np.searchsorted(values, asked, side) for side in ("left", "right"))
            for at in np.flatnonzero(right > left + (0 if before is None else 1)):
                if int(at) in found or (before is not None and before + int(at) in self.told):
                    continue
                others = order[left[at] : min(right[at], left[at] + IN_BUCKET)]
                if self._alike(batch[int(at)], signed[at], others, None if before is None else before + int(at)):
                    found.add(int(at))

    def _alike(self, one: Text, mine: NDArray[np.uint32], others: NDArray[np.int32], place: int | None) -> bool:
        for other in others:
            if self.rows[other][1] == one.split or (place is not None and other >= place):
                continue
            likeness = self.minhash.estimate(mine, self.signed[other])
            if likeness >= THRESHOLD:
                self.finding.add("near", (one.key, one.split), self.rows[other], likeness)
                return True
        return False

    def _band(self, signed: NDArray[np.uint32], band: int) -> NDArray[np.uint64]:
        """One 64-bit hash of a stretch of each signature (FNV-1a by words)."""
        out = np.full(len(signed), 0xCBF29CE484222325, np.uint64)
        for at in range(band * self.width, (band + 1) * self.width):
            out = (out ^ signed[:, at].astype(np.uint64)) * np.uint64(0x100000001B3)
        return out


def _marks(one: Text) -> set[bytes]:
    return {plain(one.prompt), plain(one.text)} - {EMPTY}


def look(held: Iterable[Text], largest: Iterable[Text]) -> Finding:
    """What is both in the largest split and in a held-out one, or in two held-out ones. Rows come in a stable order."""
    finding = Finding()
    kept = _Held(finding)
    kept.keep(held)
    if kept.rows:
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
