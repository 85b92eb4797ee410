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
HELD = 60_000  # held-out rows with a signature: some 3 kB each with their bands
IN_BUCKET = 8
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


class _Held:
    """Rows of the held-out splits: exact hashes of all, signatures in bands of the first 60,000."""

    def __init__(self, finding: Finding) -> None:
        from selection.kernels import minhash

        self.finding, self.minhash = finding, minhash
        self.count, self.width = minhash.bands(THRESHOLD)
        self.rows: list[tuple[str, str]] = []
        self.exact: dict[bytes, int] = {}
        self.signed: list[NDArray[np.uint32]] = []
        self.buckets: list[dict[bytes, list[int]]] = [{} for _ in range(self.count)]

    def look(self, batch: Sequence[Text], keep: bool) -> None:
        room = HELD - len(self.rows) if keep else 0
        signed = self.minhash.signatures([one.text for one in batch]) if self.rows or room > 0 else None
        for at, one in enumerate(batch):
            marks = {plain(one.prompt), plain(one.text)} - {plain("")}
            other = next((n for mark in marks if (n := self.exact.get(mark)) is not None and self._apart(n, one)), None)
            if other is not None:
                self.finding.add("exact", (one.key, one.split), self.rows[other], 1.0)
            elif signed is not None and one.text.strip():
                self._near(one, signed[at])
            if keep:
                self._keep(one, marks, signed[at] if signed is not None and at < room else None)

    def _apart(self, other: int, one: Text) -> bool:
        return self.rows[other][1] != one.split

    def _near(self, one: Text, mine: NDArray[np.uint32]) -> None:
        seen: set[int] = set()
        for bucket, band in zip(self.buckets, self._bands(mine), strict=True):
            for other in bucket.get(band, ()):
                if other in seen or not self._apart(other, one):
                    continue
                seen.add(other)
                likeness = self.minhash.estimate(mine, self.signed[other])
                if likeness >= THRESHOLD:
                    self.finding.add("near", (one.key, one.split), self.rows[other], likeness)
                    return

    def _bands(self, mine: NDArray[np.uint32]) -> Iterator[bytes]:
        packed, size = mine.tobytes(), self.width * mine.itemsize
        return (packed[start : start + size] for start in range(0, self.count * size, size))

    def _keep(self, one: Text, marks: set[bytes], mine: NDArray[np.uint32] | None) -> None:
        place = len(self.rows)
        self.rows.append((one.key, one.split))
        self.finding.held += 1
        for mark in marks:
            self.exact.setdefault(mark, place)
        if mine is None:
            return
        self.finding.looked += 1
        self.signed.append(mine)
        for bucket, band in zip(self.buckets, self._bands(mine), strict=True):
            # A thousand equal rows are eight rows in every bucket: which of them is named does not matter.
            there = bucket.setdefault(band, [])
            if len(there) < IN_BUCKET:
                there.append(place)


def look(held: Iterable[Text], largest: Iterable[Text]) -> Finding:
    """What is both in the largest split and in a held-out one, or in two held-out ones. Rows come in a stable order."""
    finding = Finding()
    kept = _Held(finding)
    for batch in _batches(held):
        kept.look(batch, keep=True)
    if kept.rows:
        for batch in _batches(largest):
            kept.look(batch, keep=False)
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
