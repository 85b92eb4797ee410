"""What is said about the figures."""

import pytest

from curation.measures import Unit, agreement
from curation.measures.words import further, headline, meaning


def field(kind, *answers, **options):
    return agreement(kind, options, [Unit(n, "2026-02-02", dict(enumerate(said))) for n, said in enumerate(answers)])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.8, "can be relied on"),
        (0.7, "tentative"),
        (0.3, "Too low"),
        (0.0, "No better than chance"),
        (-0.2, "No better"),
    ],
)
def test_the_marks_of_alpha(value, said):
    found = field("labels", ["a", "a"], ["b", "b"]) | {"value": value, "low": value - 0.1, "high": value + 0.1}
    assert said in meaning(found)
    assert "interval" not in meaning(found)
    assert "wide" in meaning(found | {"low": value - 0.3})


def test_what_cannot_be_judged_is_said():
    assert meaning(field("labels")) == "No example has two answers to this question yet."
    assert "the same answer" in meaning(field("labels", ["a", "a"], ["a", "a"]))


@pytest.mark.parametrize("kind", ["text", "labels", "spans", "ranking", "json", "dialogue"])
def test_likeness_is_said_as_a_share(kind):
    value = (
        [{"role": "user", "text": "Hi", "start": 0, "end": 2, "label": "A"}]
        if kind in ("spans", "dialogue")
        else ["a", "b"]
    )
    found = field(kind, *[["well", "well"] if kind == "text" else [value, value]] * 6, multiple=True)
    assert "100 %" in meaning(found)
    assert headline(found).startswith("Mean")


def test_the_examples_that_fleiss_leaves_out_are_counted():
    found = further(field("labels", ["a", "b"], ["a", "a"], ["a", "a", "b"]))
    assert ("Fleiss’ kappa", pytest.approx(-1 / 3), "examples with 2 answers; 1 with another number left out") in found
