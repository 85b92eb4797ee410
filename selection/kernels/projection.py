"""Random signs by hash, for projections that are never held whole (Johnson and Lindenstrauss 1984; Achlioptas 2003).

The sign in row i and column j of the matrix is bit j % 32 of a word that is hashed from the seed, i and j // 32. So any
block of it can be made anywhere, on any device, and is always the same.
"""

import hashlib
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

BLOCK = 4_096  # rows of the sign matrix that are held at once
_ONE, _TWO, _GOLDEN = 0x7FEB352D, 0x846CA68B, 0x9E3779B1


def keys(seed: int) -> tuple[int, int]:
    """Two words of 32 bits from a seed of any size."""
    made = hashlib.blake2b(str(seed).encode(), digest_size=8, person=b"projection").digest()
    return int.from_bytes(made[:4], "little"), int.from_bytes(made[4:], "little")


@njit(cache=True, nogil=True)
def _mixed(x: Any) -> Any:
    """The integer hash `lowbias32` (Wellons 2018): every bit of the input turns every bit of the output.

    Words of 32 bits in 64, because numba widens every sum and product.
    """
    full = np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x7FEB352D)) & full
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x846CA68B)) & full
    return x ^ (x >> np.uint64(16))


@njit(cache=True, nogil=True)
def _fill(out: Any, start: Any, one: Any, two: Any) -> None:
    rows, dims = out.shape
    full = np.uint64(0xFFFFFFFF)
    columns = np.empty((dims + 31) // 32, np.uint64)
    for word in range(len(columns)):
        columns[word] = _mixed((np.uint64(word) + two) & full)
    for row in range(rows):
        base = _mixed((((start + np.uint64(row)) & full) * np.uint64(0x9E3779B1) + one) & full)
        for word in range(len(columns)):
            bits = np.uint32(_mixed(base ^ columns[word]))
            at = word * 32
            for bit in range(min(32, dims - at)):
                out[row, at + bit] = np.float32(1 - 2 * np.int32((bits >> np.uint32(bit)) & np.uint32(1)))


def signs(seed: int, start: int, stop: int, dims: int) -> NDArray[np.float32]:
    """float32[stop - start, dims] of +1 and -1: rows start..stop of the matrix of this seed. stop is at most 2**32."""
    out = np.empty((stop - start, dims), np.float32)
    one, two = keys(seed)
    _fill(out, np.uint64(start), np.uint64(one), np.uint64(two))
    return out


def signs_on(device: str, seed: int, start: int, stop: int, dims: int) -> Any:
    """The same as a tensor, made on the device."""
    import torch

    if device == "cpu":
        return torch.from_numpy(signs(seed, start, stop, dims))
    return hashed(device, seed, start, stop, dims)


def hashed(device: str, seed: int, start: int, stop: int, dims: int) -> Any:
    """`signs` in tensor operations; words are held in 64 bits, since 32 have no unsigned shift everywhere."""
    import torch

    one, two = keys(seed)
    rows = torch.arange(start, stop, dtype=torch.int64, device=device)
    words = torch.arange((dims + 31) // 32, dtype=torch.int64, device=device)
    base = _mixed_on(_times(rows & 0xFFFFFFFF, _GOLDEN) + one & 0xFFFFFFFF)
    bits = _mixed_on(base[:, None] ^ _mixed_on(words + two & 0xFFFFFFFF)[None])
    shifts = torch.arange(32, dtype=torch.int64, device=device)
    single = (bits[:, :, None] >> shifts) & 1
    return (1 - 2 * single).reshape(len(rows), -1)[:, :dims].float()


def _mixed_on(x: Any) -> Any:
    x = x ^ (x >> 16)
    x = _times(x, _ONE)
    x = x ^ (x >> 15)
    x = _times(x, _TWO)
    return x ^ (x >> 16)


def _times(x: Any, factor: int) -> Any:
    """x · factor modulo 2**32 in halves, so that no product passes 63 bits."""
    low, high = factor & 0xFFFF, factor >> 16
    return (x * low + (((x * high) & 0xFFFF) << 16)) & 0xFFFFFFFF
