"""How many bytes zlib's deflate would write, counted without writing them. Compiled by numba; see `gzipsize`.

The same decisions as zlib's `deflate_slow` and `trees.c` (levels 4 to 9, memory level 8, one block), so the same
sizes to the byte. What makes it fast: of many texts that begin alike, the beginning is parsed once; and code
lengths are enough for a size, no bit is put anywhere. Texts above LIMIT bytes are left to zlib itself, so windows
never slide and a block never fills.

RFC 1951; zlib's algorithm.txt; Gailly and Adler's deflate.c and trees.c are the definition of what is counted.
"""

# ruff: noqa: PLR0917  (many arguments: compiled functions take arrays and numbers, not objects)

from typing import Any

import numpy as np
from numba import njit  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numpy.typing import NDArray

LIMIT = 16_000  # bytes; below the 16,383 symbols at which zlib would begin a new block
MIN_MATCH, MAX_MATCH, TOO_FAR = 3, 258, 4096
HASH = 1 << 15
LITERALS, LENGTHS, DISTANCES, BIT_LENGTHS = 256, 286, 30, 19
HEAP = 2 * LENGTHS + 1
# An entry of the heap: frequency, 12 bits of depth, 10 bits of symbol.
SYMBOL, DEPTH, MASK, DEEP = 10, 22, 1023, 4095
TALL = np.int64(2**62)

# good length, lazy length, nice length, chain: zlib's configuration_table
LEVELS = {
    4: (4, 4, 16, 16),
    5: (8, 16, 32, 32),
    6: (8, 16, 128, 128),
    7: (8, 32, 128, 256),
    8: (32, 128, 258, 1024),
    9: (32, 258, 258, 4096),
}

EXTRA_LENGTH = np.array(
    [0] * 257 + [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0], np.int32
)
EXTRA_DISTANCE = np.array(
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13], np.int32
)
EXTRA_BITS = np.array([0] * 16 + [2, 3, 7], np.int32)
ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.int32)
FIXED_LENGTH = np.array([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8, np.int32)
FIXED_DISTANCE = np.full(DISTANCES, 5, np.int32)
FIXED_NONE = np.zeros(BIT_LENGTHS, np.int32)


def _codes(extra: NDArray[np.int32], count: int, size: int) -> NDArray[np.int32]:
    """The code of each value 0..size-1, where code c covers 2**extra[c] values."""
    return np.repeat(np.arange(count, dtype=np.int32), 1 << extra[:count])[:size]


LENGTH_CODE = _codes(EXTRA_LENGTH[257:], 28, 256)  # of match length - 3
LENGTH_CODE[255] = 28  # a match of 258 has a code of its own
DISTANCE_CODE = _codes(EXTRA_DISTANCE, DISTANCES, 32_768)  # of distance - 1


@njit(cache=True)
def _hash(text: Any, at: int) -> int:
    return ((int(text[at]) << 10) ^ (int(text[at + 1]) << 5) ^ int(text[at + 2])) & (HASH - 1)


@njit(cache=True)
def _insert(text: Any, at: int, head: Any, prev: Any) -> int:
    place = _hash(text, at)
    found = head[place]
    prev[at] = found
    head[place] = at
    return found


@njit(cache=True)
def _longest(
    text: Any, at: int, end: int, cut: bool, candidate: int, best: int, level: Any, prev: Any
) -> tuple[int, int]:
    """(length, where) of the longest match of text[at:end], longer than `best`, or (best, -1).

    With `cut`, more text will follow `end`: (-1, -1) when that could change the answer.
    """
    good, nice, chain, where = level[0], level[2], level[3], -1
    ahead = end - at
    if best >= good:
        chain >>= 2
    if best >= ahead:
        # zlib reads behind the end here; whatever it finds is no longer than `best`.
        return (-1, -1) if cut else (best, -1)
    if not cut and nice > ahead:
        nice = ahead
    most = min(MAX_MATCH, ahead)
    while True:
        if (
            text[candidate + best] == text[at + best]
            and text[candidate + best - 1] == text[at + best - 1]
            and text[candidate] == text[at]
            and text[candidate + 1] == text[at + 1]
        ):
            length = 2
            while length < most and text[candidate + length] == text[at + length]:
                length += 1
            if cut and length == ahead:
                return -1, -1
            if length > best:
                best, where = length, candidate
                if length >= nice:
                    break
                if best >= ahead:
                    return (-1, -1) if cut else (best, where)
        candidate = prev[candidate]
        chain -= 1
        if candidate <= 0 or chain == 0:
            break
    return best, where


@njit(cache=True)
def _parse(
    text: Any, end: int, cut: bool, state: Any, level: Any, head: Any, prev: Any, lengths: Any, distances: Any
) -> None:
    """Go on from `state` (position, match length, match start, literal waiting) and count symbols.

    With `cut`, stop where the text behind `end` would decide, with everything as it was before that step.
    """
    at, length, start, waiting = state[0], state[1], state[2], state[3]
    lazy = level[1]
    while at < end:
        candidate = 0
        if cut and at + MIN_MATCH > end:
            break
        if at + MIN_MATCH <= end:
            candidate = _insert(text, at, head, prev)
        before, before_start = length, start
        length = MIN_MATCH - 1
        if candidate > 0 and before < lazy:
            found, where = _longest(text, at, end, cut, candidate, before, level, prev)
            if found < 0:
                head[_hash(text, at)] = prev[at]
                length, start = before, before_start
                break
            if where >= 0:
                start = where
            length = found
            if length == MIN_MATCH and at - start > TOO_FAR:
                length = MIN_MATCH - 1
        if before >= MIN_MATCH and length <= before:
            if cut and at + before - 2 > end - MIN_MATCH:
                head[_hash(text, at)] = prev[at]
                length, start = before, before_start
                break
            lengths[LENGTH_CODE[before - MIN_MATCH] + LITERALS + 1] += 1
            distances[DISTANCE_CODE[at - 2 - before_start]] += 1
            last = end - MIN_MATCH
            for inner in range(at + 1, min(at + before - 2, last) + 1):
                _insert(text, inner, head, prev)
            at += before - 1
            waiting = 0
            length = MIN_MATCH - 1
        else:
            if waiting:
                lengths[text[at - 1]] += 1
            waiting = 1
            at += 1
    if waiting and not cut:
        lengths[text[at - 1]] += 1
        waiting = 0
    state[0], state[1], state[2], state[3] = at, length, start, waiting


@njit(cache=True)
def _sift(heap: Any, size: int, at: int) -> None:
    """Put heap[at] where zlib's pqdownheap would: down to the bottom without asking, then up again.

    Which child is followed is the same, and keys do not fall along the way, so the place is the same too; but
    there is one branch that a processor cannot foresee instead of one a level. heap[size + 1] must be TALL.
    """
    value = heap[at]
    key, hole, child = value >> SYMBOL, at, at << 1
    while child <= size:
        child += (heap[child + 1] >> SYMBOL) <= (heap[child] >> SYMBOL)
        heap[hole] = heap[child]
        hole = child
        child = hole << 1
    while hole > at and key <= heap[hole >> 1] >> SYMBOL:
        heap[hole] = heap[hole >> 1]
        hole >>= 1
    heap[hole] = value


@njit(cache=True)
def _tree(
    freq: Any, count: int, longest: int, extra: Any, fixed: Any, length: Any, heap: Any, scratch: Any
) -> tuple[int, int, int]:
    """Code lengths of zlib's Huffman tree into `length`. (bits, bits with the fixed code, highest symbol).

    `heap` holds frequency, depth and symbol in one number, so that zlib's order is the order of the numbers
    without the symbol; `order` is the second half of zlib's heap array, the nodes from the root down.
    """
    order, parent, histogram = scratch[0], scratch[1], scratch[2]
    size, highest, bits, static = 0, -1, 0, 0
    for symbol in range(count):
        length[symbol] = 0
        # Written always, kept when the symbol occurs: no branch.
        heap[size + 1] = (np.int64(freq[symbol]) << DEPTH) | symbol
        size += freq[symbol] != 0
    if size:
        highest = heap[size] & MASK
    while size < 2:  # deflate wants two codes at least
        if highest < 2:
            highest += 1
            symbol = highest
        else:
            symbol = 0
        size += 1
        heap[size] = (np.int64(1) << DEPTH) | symbol
        freq[symbol] = 1
        bits -= 1
        static -= fixed[symbol]
    heap[size + 1] = TALL
    for at in range(size // 2, 0, -1):
        _sift(heap, size, at)
    node, top = count, HEAP
    while size >= 2:
        one = heap[1]
        heap[1] = heap[size]
        heap[size] = TALL
        size -= 1
        _sift(heap, size, 1)
        other = heap[1]
        top -= 2
        order[top + 1], order[top] = one & MASK, other & MASK
        parent[one & MASK] = node
        parent[other & MASK] = node
        deep = max((one >> SYMBOL) & DEEP, (other >> SYMBOL) & DEEP) + 1
        heap[1] = (((one >> DEPTH) + (other >> DEPTH)) << DEPTH) | (deep << SYMBOL) | node
        node += 1
        _sift(heap, size, 1)
    top -= 1
    order[top] = heap[1] & MASK
    for at in range(longest + 1):
        histogram[at] = 0
    length[order[top]] = 0
    overflow = 0
    for at in range(top + 1, HEAP):
        symbol = order[at]
        long = length[parent[symbol]] + 1
        if long > longest:
            long = longest
            overflow += 1
        length[symbol] = long
        if symbol <= highest:
            histogram[long] += 1
            bits += freq[symbol] * (long + extra[symbol])
            static += freq[symbol] * (fixed[symbol] + extra[symbol])
    if overflow:
        bits += _shorten(freq, longest, highest, overflow, length, order, histogram)
    return bits, static, highest


@njit(cache=True)
def _shorten(freq: Any, longest: int, highest: int, overflow: int, length: Any, order: Any, histogram: Any) -> int:
    """Give symbols whose codes came out too long the longest length that is allowed; the bits that this costs."""
    while overflow > 0:
        long = longest - 1
        while histogram[long] == 0:
            long -= 1
        histogram[long] -= 1
        histogram[long + 1] += 2
        histogram[longest] -= 1
        overflow -= 2
    at, bits = HEAP, 0
    for long in range(longest, 0, -1):
        left = histogram[long]
        while left:
            at -= 1
            symbol = order[at]
            if symbol > highest:
                continue
            bits += (long - length[symbol]) * freq[symbol]
            length[symbol] = long
            left -= 1
    return bits


@njit(cache=True)
def _scan(length: Any, highest: int, freq: Any) -> None:
    """Count the run-length symbols that describe code lengths 0..highest."""
    before, coming, count = -1, length[0], 0
    most, least = (138, 3) if coming == 0 else (7, 4)
    for at in range(highest + 1):
        now = coming
        coming = length[at + 1] if at < highest else -1
        count += 1
        if count < most and now == coming:
            continue
        if count < least:
            freq[now] += count
        elif now != 0:
            if now != before:
                freq[now] += 1
            freq[16] += 1
        elif count <= 10:
            freq[17] += 1
        else:
            freq[18] += 1
        count, before = 0, now
        if coming == 0:
            most, least = 138, 3
        elif now == coming:
            most, least = 6, 3
        else:
            most, least = 7, 4


@njit(cache=True)
def _block(lengths: Any, distances: Any, runs: Any, code: Any, heap: Any, scratch: Any, size: int) -> int:
    """Bytes of the single block: stored, with the fixed code or with its own, whichever zlib takes."""
    lengths[LITERALS] += 1
    bits, static, highest = _tree(lengths, LENGTHS, 15, EXTRA_LENGTH, FIXED_LENGTH, code, heap, scratch)
    runs[:] = 0
    _scan(code, highest, runs)
    more, more_static, highest = _tree(distances, DISTANCES, 15, EXTRA_DISTANCE, FIXED_DISTANCE, code, heap, scratch)
    _scan(code, highest, runs)
    header, _, _ = _tree(runs, BIT_LENGTHS, 7, EXTRA_BITS, FIXED_NONE, code, heap, scratch)
    last = BIT_LENGTHS - 1
    while last >= 3 and code[ORDER[last]] == 0:
        last -= 1
    bits += more + header + 3 * (last + 1) + 14
    best = min((bits + 10) >> 3, (static + more_static + 10) >> 3)
    return size + 5 if size + 4 <= best else best


@njit(cache=True)
def joint_sizes(start: Any, ends: Any, edges: Any, level: Any, out: Any) -> None:
    """out[j] = bytes of raw deflate of start + ends[edges[j]:edges[j + 1]], or -1 above LIMIT.

    `start` and `ends` are bytes (uint8), `level` one of LEVELS as an array.
    """
    text = np.empty(LIMIT + 1, np.uint8)
    head, prev = np.zeros(HASH, np.int32), np.empty(LIMIT + 1, np.int32)
    begun, begun_distances = np.zeros(HEAP, np.int32), np.zeros(HEAP, np.int32)
    lengths, distances, runs = np.zeros(HEAP, np.int32), np.zeros(HEAP, np.int32), np.zeros(HEAP, np.int32)
    code, heap, scratch = np.zeros(HEAP, np.int32), np.zeros(HEAP + 2, np.int64), np.zeros((3, HEAP + 1), np.int32)
    state, kept = np.zeros(4, np.int64), np.zeros(4, np.int64)
    kept[1] = MIN_MATCH - 1
    size = len(start)
    if size > LIMIT:
        out[:] = -1
        return
    text[:size] = start
    _parse(text, size, True, kept, level, head, prev, begun, begun_distances)
    for target in range(len(out)):
        whole = size + edges[target + 1] - edges[target]
        if whole > LIMIT:
            out[target] = -1
            continue
        text[size:whole] = ends[edges[target] : edges[target + 1]]
        state[:] = kept
        lengths[:LENGTHS] = begun[:LENGTHS]
        distances[:DISTANCES] = begun_distances[:DISTANCES]
        _parse(text, whole, False, state, level, head, prev, lengths, distances)
        out[target] = _block(lengths, distances, runs, code, heap, scratch, whole)
        for at in range(whole - MIN_MATCH, kept[0] - 1, -1):
            head[_hash(text, at)] = prev[at]
