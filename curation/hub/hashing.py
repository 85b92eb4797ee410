"""What git calls a content: the sha1 of the word `blob`, its size, a zero byte, and the content itself."""

import hashlib
from typing import Any


def blob(size: int) -> Any:
    """A hash that is to be fed the content of that many bytes."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
