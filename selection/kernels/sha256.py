"""SHA-256 (FIPS 180-4) of many short texts, compiled: what hashlib does, without a call from Python for each."""

from typing import Any

import numpy as np
from numba import njit

_PRIMES = [n for n in range(2, 312) if all(n % d for d in range(2, int(n**0.5) + 1))]


def _fraction(number: int, root: int) -> int:
    """The first 32 bits of the fraction of a square or cube root, in whole numbers."""
    scaled, low, high = number << (32 * root), 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**root <= scaled else (low, middle)
    return low & 0xFFFFFFFF


_ROUND = np.array([_fraction(prime, 3) for prime in _PRIMES], np.uint32)
_START = np.array([_fraction(prime, 2) for prime in _PRIMES[:8]], np.uint32)


@njit(cache=True, inline="always")
def _turned(word: Any, by: int) -> Any:
    return np.uint32((word >> np.uint32(by)) | (word << np.uint32(32 - by)))


@njit(cache=True)
def remainder(message: Any, size: int, state: Any, words: Any, modulus: int) -> Any:
    """The digest of message[:size], read as a number of 256 bits, modulo `modulus` (below 2^31).

    `message` is uint8 with at least 72 bytes of room behind `size`, which are overwritten; `state` and `words` are
    scratch, uint32[8] and uint32[64].
    """
    blocks = (size + 9 + 63) // 64
    message[size] = 0x80
    message[size + 1 : blocks * 64 - 8] = 0
    for at in range(8):
        message[blocks * 64 - 1 - at] = np.uint8((size * 8 >> (8 * at)) & 0xFF)
        state[at] = _START[at]
    for block in range(blocks):
        _mixed(message, block * 64, state, words)
    out = np.uint64(0)
    for at in range(8):
        out = ((out << np.uint64(32)) | np.uint64(state[at])) % np.uint64(modulus)
    return np.int64(out)


@njit(cache=True)
def _mixed(message: Any, start: int, state: Any, words: Any) -> None:
    for at in range(16):
        first = start + 4 * at
        words[at] = (
            np.uint32(message[first]) << np.uint32(24) | np.uint32(message[first + 1]) << np.uint32(16)
            | np.uint32(message[first + 2]) << np.uint32(8) | np.uint32(message[first + 3])
        )  # fmt: skip
    for at in range(16, 64):
        x, y = words[at - 15], words[at - 2]
        low = _turned(x, 7) ^ _turned(x, 18) ^ (x >> np.uint32(3))
        high = _turned(y, 17) ^ _turned(y, 19) ^ (y >> np.uint32(10))
        words[at] = np.uint32(words[at - 16] + low + words[at - 7] + high)
    a, b, c, d, e, f, g, h = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    for at in range(64):
        high = _turned(e, 6) ^ _turned(e, 11) ^ _turned(e, 25)
        chosen = (e & f) ^ (~e & g)
        one = np.uint32(h + high + chosen + _ROUND[at] + words[at])
        low = _turned(a, 2) ^ _turned(a, 13) ^ _turned(a, 22)
        most = (a & b) ^ (a & c) ^ (b & c)
        h, g, f, e, d, c, b, a = g, f, e, np.uint32(d + one), c, b, a, np.uint32(one + low + most)
    state[0], state[1] = np.uint32(state[0] + a), np.uint32(state[1] + b)
    state[2], state[3] = np.uint32(state[2] + c), np.uint32(state[3] + d)
    state[4], state[5] = np.uint32(state[4] + e), np.uint32(state[5] + f)
    state[6], state[7] = np.uint32(state[6] + g), np.uint32(state[7] + h)
