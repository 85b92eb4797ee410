"""Row keys stay unique: repeats get `~2`, `~3` in the order in which they come. Bounded memory, however many they are."""

import hashlib
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RUN = 2_000_000  # hashes kept in memory; older ones lie sorted in files that are mapped, not read


def _hashes(keys: Sequence[str]) -> NDArray[np.uint64]:
    blake2b = hashlib.blake2b
    return np.frombuffer(b"".join([blake2b(key.encode(), digest_size=8).digest() for key in keys]), np.uint64)


class KeyLedger:
    """Which keys there are. 64-bit hashes stand for them: a collision, one in 10^13 at a million rows a side,
    gives a row a suffix that it did not need, never a key twice.

    Use as a context manager; its files go with it.
    """

    def __init__(self, run: int = RUN) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="winnow-keys-")
        self._run = run
        self._old: list[NDArray[np.uint64]] = []
        self._sorted = np.empty(0, np.uint64)
        self._fresh: list[NDArray[np.uint64]] = []
        self._waiting = 0
        self._next: dict[str, int] = {}

    def __enter__(self) -> "KeyLedger":
        return self

    def __exit__(self, *exc: object) -> None:
        self._old.clear()
        self._folder.cleanup()

    def load(self, batches: Iterable[Sequence[str]]) -> None:
        """Keys that are in the pool already."""
        for keys in batches:
            self._add(_hashes(keys))

    def claim(self, keys: Sequence[str]) -> list[str]:
        """The keys as they will stand in the pool, in order."""
        if not keys:
            return []
        hashes = _hashes(keys)
        seen = self._seen(hashes)
        if not seen.any() and len(np.unique(hashes)) == len(hashes):
            self._add(hashes)
            return list(keys)
        return self._one_by_one(keys, hashes, seen)

    def _one_by_one(self, keys: Sequence[str], hashes: NDArray[np.uint64], seen: NDArray[np.bool_]) -> list[str]:
        here: set[int] = set()
        made = []
        for key, value, old in zip(keys, hashes.tolist(), seen.tolist(), strict=True):
            name, mark = key, value
            if old or value in here:
                number = self._next.get(key, 2)
                while True:
                    name = f"{key}~{number}"
                    probe = _hashes([name])
                    mark = int(probe[0])
                    number += 1
                    if mark not in here and not self._seen(probe)[0]:
                        break
                if len(self._next) > 100_000:
                    self._next.clear()
                self._next[key] = number
            here.add(mark)
            made.append(name)
        self._add(np.fromiter(here, np.uint64, len(here)))
        return made

    def _seen(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        self._settle()
        found = np.zeros(len(hashes), np.bool_)
        for run in (*self._old, self._sorted):
            if len(run):
                places = np.searchsorted(run, hashes)
                places[places == len(run)] = 0
                found |= run[places] == hashes
        return found

    def _add(self, hashes: NDArray[np.uint64]) -> None:
        self._fresh.append(np.array(hashes))
        self._waiting += len(hashes)
        if self._waiting >= self._run:  # a long pool is loaded without a look in between
            self._settle()

    def _settle(self) -> None:
        if not self._fresh:
            return
        merged = np.concatenate([self._sorted, *self._fresh])
        merged.sort(kind="stable")  # merges runs that are sorted already, so this is cheap
        self._fresh.clear()
        self._waiting = 0
        self._sorted = merged
        if len(merged) >= self._run:
            path = Path(self._folder.name) / f"{len(self._old)}.npy"
            np.save(path, merged)
            self._old.append(np.load(path, mmap_mode="r"))
            self._sorted = np.empty(0, np.uint64)
