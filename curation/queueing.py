"""Where an example stands in its queue and how many answers it gets. Pure: the same everywhere, nothing is looked up."""

import hashlib
from typing import Protocol

UNIT = 1 << 53  # whole numbers up to here are exact in a float


class Settings(Protocol):
    """What a task says about its queue."""

    pk: int
    wanted: int
    shared_wanted: int
    shared_share: float


def chance(salt: str, key: str) -> float:
    """A number in [0, 1) that depends on the salt and the key alone: the first 53 bits of blake2b, keyed by the salt."""
    digest = hashlib.blake2b(key.encode(), digest_size=8, key=salt.encode()).digest()
    return (int.from_bytes(digest) >> 11) / UNIT


def wanted_for(task: Settings, key: str) -> int:
    """Answers wanted of an example with this key: a share of the keys, always the same ones, is shared by several."""
    if task.shared_share > 0 and chance(f"shared {task.pk}", key) < task.shared_share:
        return task.shared_wanted
    return task.wanted


def slot_order(order: str, task_id: int, example_id: int, key: str, priority: float) -> float:
    """The place in the queue, lowest first. `order` is `first_come`, `random` or `priority` (highest first)."""
    if order == "random":
        return chance(f"order {task_id}", key)
    if order == "priority":
        return -priority
    return float(example_id)
