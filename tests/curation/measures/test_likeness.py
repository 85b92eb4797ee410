import pytest
from sacrebleu.metrics.chrf import CHRF

from curation import measures
from curation.measures import score


def spans(*given):
    return [{"start": start, "end": end, "label": label} for start, end, label in given]


def turns(*roles):
    return [{"role": role, "text": "Hi"} for role in roles]


def test_token_f1_by_hand():
    assert measures.token_f1("The cat sat.", "the cat sat") == 1
    assert measures.token_f1("in the garden", "garden") == pytest.approx(0.5)
    assert measures.token_f1("", "") == 1
    assert measures.token_f1("a", "") == 0
    assert measures.token_f1("我喜欢猫", "我喜欢狗") == pytest.approx(0.75)  # by character where words have no spaces


def test_chrf_is_sacrebleus_in_both_directions():
    a, b = "You came to hospital because of a heart attack.", "You came because of your heart."
    forth, back = CHRF().sentence_score(a, [b]).score, CHRF().sentence_score(b, [a]).score
    assert forth != back
    assert measures.chrf(a, b) == pytest.approx((forth + back) / 200)
    assert measures.chrf(a, b) == measures.chrf(b, a)


def test_spans():
    a = spans((0, 4, "PER"), (10, 15, "LOC"))
    assert measures.span_f1(a, spans((0, 4, "PER"))) == pytest.approx(2 / 3)
    assert measures.span_f1(a, spans((0, 5, "PER"), (10, 15, "LOC"))) == pytest.approx(0.5)
    assert measures.span_f1(a, spans((0, 5, "PER"), (10, 15, "LOC")), overlap=True) == 1
    assert measures.span_f1(a, spans((4, 9, "PER")), overlap=True) == 0  # they touch and share nothing
    assert measures.span_f1([], []) == 1
    assert measures.span_f1(a, []) == 0


def test_orders():
    assert measures.kendall("abc", "abc") == 1
    assert measures.kendall("abc", "cba") == -1
    assert measures.kendall("abc", "acb") == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("kind", "a", "b", "options", "expected"),
    [
        ("labels", "yes", "no", {}, 0),
        ("labels", ["a", "b"], ["b", "c"], {"multiple": True}, 1 / 3),
        ("rating", 2, 4, {"min": 1, "max": 5}, 0.5),
        ("rating", 1, 5, {"min": 1, "max": 5}, 0),
        ("ranking", [0, 1, 2], [0, 2, 1], {}, 2 / 3),
        ("ranking", [0, 1], [2, 3], {}, 0),
        ("json", {"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]}, {}, 2 / 3),
        ("json", {"a": 1}, {"a": 1, "b": 2}, {}, 1 / 2),
        ("pair", {"chosen": 0, "rejected": 1}, {"chosen": 0, "rejected": 1, "text": "x"}, {}, 1),
        ("pair", {"chosen": 0, "rejected": 1}, {"tie": True}, {}, 0),
        ("dialogue", turns("user"), turns("user", "assistant"), {}, 0.5),
        ("dialogue", turns("user"), turns("assistant"), {}, 0),
    ],
)  # fmt: skip
def test_values_by_kind(kind, a, b, options, expected):
    assert score(kind, a, b, options) == pytest.approx(expected)
    assert score(kind, b, a, options) == pytest.approx(expected)
    assert score(kind, a, a, options) == 1


@pytest.mark.parametrize("kind", ["text", "labels", "spans", "rating", "ranking", "json", "dialogue", "pair"])
def test_nothing_and_odd_shapes_are_no_error(kind):
    assert score(kind, None, None, {}) == 1
    for odd in ("text", 3, ["x"], {"x": 1}, [{"x": 1}]):
        assert score(kind, odd, None, {}) == 0
        assert 0 <= score(kind, odd, [1, 2], {}) <= 1
