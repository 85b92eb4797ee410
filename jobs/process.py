"""What one operating-system process knows about itself: its label, and whether it was asked to end."""

from __future__ import annotations

import itertools
import mmap
import os
import socket
import threading
from typing import Any

# One byte that the main process of a worker shares with the children that it forks.
_asked = mmap.mmap(-1, 1)
_asked_here = False
_node = "local"
_parent: int | None = None
_numbers = itertools.count(1)
_here = threading.local()


def stop() -> None:
    """Ask this process and its children to end after the current step, or at its next check."""
    _asked[0] = 1


def stop_here() -> None:
    """Ask this process alone."""
    global _asked_here  # noqa: PLW0603  (one per process)
    _asked_here = True


def go_on() -> None:
    """Take `stop` back (a process that runs several workers in turn: tests, a command)."""
    global _asked_here
    _asked[0], _asked_here = 0, False


def stopping() -> bool:
    """Somebody called `stop`, or the parent of this child is gone."""
    return _asked_here or _asked[0] == 1 or (_parent is not None and os.getppid() != _parent)


def name_node(name: str) -> None:
    """`cpu@host` (Celery's node name) or `cpu`: the first part of the labels of this process."""
    global _node  # noqa: PLW0603  (one per process)
    _node = name.partition("@")[0]


def enter_child(number: int) -> None:
    """This process was forked as child `number` (from 1) of a worker."""
    global _parent  # noqa: PLW0603  (one per process)
    _parent = os.getppid()
    _here.number = number


def is_child() -> bool:
    return _parent is not None


def label() -> str:
    """What the progress page calls whoever runs a step: `cpu-1@host`."""
    number = getattr(_here, "number", None)
    if number is None:
        number = _here.number = next(_numbers)
    return f"{_node}-{number}@{socket.gethostname()}"


def own_connections() -> None:
    """Use plain connections to the database, one per thread.

    The pool of the web server has threads and locks that do not survive a fork, and a worker keeps its few
    connections busy anyway.
    """
    from django.db import connections

    default: Any = connections["default"]
    default.close()
    default.close_pool()
    default.settings_dict["OPTIONS"].pop("pool", None)
