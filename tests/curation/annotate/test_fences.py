"""Code in a text is found; nothing else is touched and nothing is lost."""

import pytest

from curation.fences import Block, blocks


def test_prose_and_code_in_their_order():
    text = "Sort this:\n\n```python\ndef f():\n    return 1\n```\n\nThen say why.\n~~~\nplain\n~~~"
    assert blocks(text) == [
        Block("text", "Sort this:"),
        Block("code", "def f():\n    return 1", "python"),
        Block("text", "Then say why."),
        Block("code", "plain"),
    ]


@pytest.mark.parametrize(
    "text",
    ["a\n```\nnever closed", "``` inline ``` marks", "<b>no</b> & no", "````\n```\n", "x\n    ```\n    y\n    ```"],
)
def test_what_is_no_fenced_block_stays_as_it_is(text):
    assert blocks(text) == [Block("text", text)]


def test_a_longer_fence_holds_a_shorter_one():
    assert blocks("````md\n```\ninner\n```\n````") == [Block("code", "```\ninner\n```", "md")]


def test_nothing_of_nothing():
    assert blocks("") == []
