"""Things made by a thread of their own come in order, errors come too, and the thread ends."""

import threading
from contextlib import closing

import pytest

from curation.ahead import ahead


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "ahead"]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 95])
def test_the_same_things_in_the_same_order(count):
    assert list(ahead(iter(range(count)), 10)) == list(range(count))
    assert threads() == []


def test_an_error_comes_after_the_batches_before_it():
    def things():
        yield from range(25)
        raise ValueError("there")

    got = []
    with pytest.raises(ValueError, match="there"):
        got.extend(ahead(things(), 10))
    assert threads() == []


def test_nothing_is_made_far_ahead_and_a_closed_reader_ends_the_thread():
    made, closed = [], []

    def things():
        try:
            for number in range(1_000):
                made.append(number)
                yield number
        finally:
            closed.append(True)

    with closing(ahead(things(), 10, depth=2)) as walk:
        assert [next(walk) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert threads() == []
    assert len(made) <= 50
    assert closed == [True]
