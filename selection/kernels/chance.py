"""Chance per row: a keyed hash of the seed and the row key, so it never depends on how a pool was cut."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def chance(seed: int, keys: Sequence[str], purpose: str = "") -> NDArray[np.float64]:
    """Uniform in (0, 1), one a key: the top 53 bits of blake2b-64 of the key, keyed by the seed.

    Another `purpose` (at most 16 bytes of UTF-8) gives numbers that are independent of the first.
    """
    secret = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
    person = purpose.encode()
    packed = b"".join(
        [hashlib.blake2b(key.encode(), digest_size=8, key=secret, person=person).digest() for key in keys]
    )
    bits = np.frombuffer(packed, "<u8") >> np.uint64(11)
    return (bits.astype(np.float64) + 0.5) * 2.0**-53
