"""Word diffs: nothing is lost, and no text makes them slow."""

import random
import time
from itertools import pairwise

import pytest

from config.diffing import changes

CHANCE = random.Random(7)
WORDS = [f"word{number}" for number in range(500)]


def prose(words):
    return " ".join(CHANCE.choice(WORDS) for _ in range(words))


LONG = prose(1_400)
PAIRS = {
    "equal": ("One line.", "One line."),
    "a word": ("The dose was high.", "The dose was low."),
    "empty": ("", "Now there is text."),
    "other prose": (LONG, prose(1_400)),
    "some words gone": (LONG, LONG.replace("word7", "")),
    "lines that repeat": ("x" + "a\n" * 8_000, "y" + "a\n" * 7_900),
    "blank lines": ("\n" * 20_000, "z" + "\n" * 19_000),
    "one character": ("a" + "." * 20_000, "b" + "." * 20_001),
    "long prose": ("\n".join(prose(9) for _ in range(3_000)), "\n".join(prose(9) for _ in range(3_000))),
}


@pytest.mark.parametrize("name", PAIRS)
def test_both_texts_can_be_read_off_and_it_is_quick(name):
    before, after = PAIRS[name]
    began = time.perf_counter()
    found = changes(before, after)
    assert time.perf_counter() - began < 4
    assert "".join(one.text for one in found if one.kind != "new") == before
    assert "".join(one.text for one in found if one.kind != "cut") == after
    assert all(one.kind != other.kind for one, other in pairwise(found))


def test_only_the_word_that_changed_is_marked():
    assert [(one.kind, one.text) for one in changes(*PAIRS["a word"])] == [
        ("same", "The dose was "), ("cut", "high"), ("new", "low"), ("same", "."),
    ]  # fmt: skip
