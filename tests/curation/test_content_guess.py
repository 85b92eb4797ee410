"""A guess at the form of a file, with its reason."""

import json

import pytest

from curation.content import Mapping, guess

CHAT = [{"role": "user", "content": "Hi"}]
SHARE = [{"from": "human", "value": "Hi"}]
CASES = [
    ({"instruction": "a", "input": "b", "output": "c"}, "alpaca",
     Mapping(instruction="instruction", input="input", output="output")),
    ({"id": "1", "instruction": "a", "context": "b", "response": "c", "category": "d"}, "alpaca",
     Mapping(instruction="instruction", input="context", output="response", id="id")),
    ({"messages": CHAT, "source": "web"}, "messages", Mapping(messages="messages", source="source")),
    ({"messages": json.dumps(CHAT)}, "messages", Mapping(messages="messages")),
    ({"conversations": SHARE, "system": "s"}, "sharegpt", Mapping(messages="conversations", system="system")),
    ({"prompt": "a", "completion": "b"}, "prompt_completion", Mapping(instruction="prompt", output="completion")),
    ({"question": "a", "answer": 4}, "prompt_completion", Mapping(instruction="question", output="answer")),
    ({"instruction": "d", "input": "i", "output": ["o"], "positive_examples": []}, "natural_instructions",
     Mapping(instruction="instruction", output="output", input="input")),
    ({"instruction": "a", "input": "b", "id": "1"}, "unanswered",
     Mapping(instruction="instruction", input="input", id="id")),
    ({"instruction": "a", "text": "b"}, "unanswered", Mapping(instruction="instruction", input="text")),
    ({"question": "a", "context": "b"}, "unanswered", Mapping(instruction="question", input="context")),
    ({"user": "a name", "text": "a story"}, "text", Mapping(text="text")),
    ({"Text": "a long story", "url": "x"}, "text", Mapping(text="Text")),
    ({"foo": "short", "bar": "a much longer text"}, "text", Mapping(text="bar")),
    ({"n": 3}, "unknown", Mapping()),
    # A name that promises messages, but holds text.
    ({"chat": "just text", "text": "a story"}, "text", Mapping(text="text")),
]  # fmt: skip


@pytest.mark.parametrize(("row", "name", "mapping"), CASES, ids=[f"{c[1]}-{'-'.join(c[0])}" for c in CASES])
def test_the_likeliest_form(row, name, mapping):
    found = guess(list(row), [row])
    assert (found.name, found.mapping) == (name, mapping)
    assert found.why.endswith(".")


def test_names_alone_decide_without_rows():
    assert guess(["conversations"], []).name == "sharegpt"
    assert guess(["messages"], []).name == "messages"
    assert guess([], []).name == "unknown"


def test_an_id_that_repeats_is_no_key():
    rows = [{"id": 1, "text": "a"}, {"id": 1, "text": "b"}]
    assert guess(["id", "text"], rows).mapping == Mapping(text="text")


def test_a_doubtful_guess_says_so():
    assert guess(["foo"], [{"foo": "x"}]).sure is False
    assert guess(["instruction", "output"], []).sure is True
