"""Marks in a text: offsets are code points, and the markup gives back exactly what went in."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.answers import apply, check, from_content, parse, shown_answer, widgets
from curation.answers.markup import Mark, MarkupError, crossing, order, read, write
from curation.content import Content
from tests.curation.answers.forms import form

# Brackets, bars and backslashes often; emoji with joiners, CJK, right-to-left, controls, and anything else.
PIECES = [
    "[",
    "]",
    "|",
    "\\",
    "[[",
    "]]",
    "|A]]",
    "👩‍👩‍👧",
    "漢字",
    "שלום",
    "مرحبا",
    "\u202e",
    "\n",
    "\r\n",
    "\r",
    "é",
    " ",
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)), max_size=14).map("".join)  # fmt: skip  # noqa: E501
LABELS = ["A", "B c", "Ж"]


@st.composite
def marked(draw, texts=TEXTS):
    """A text and marks in it that do not cross."""
    text = draw(texts)
    marks: list[Mark] = []
    if text:
        for _ in range(draw(st.integers(0, 6))):
            start = draw(st.integers(0, len(text) - 1))
            mark = Mark(start, draw(st.integers(start + 1, len(text))), draw(st.sampled_from(LABELS)))
            if not crossing([*marks, mark]) and mark not in marks:
                marks.append(mark)
    return text, sorted(marks, key=order)


@given(marked())
def test_markup_is_read_back_exactly(given_):
    text, marks = given_
    assert read(write(text, marks)) == (text, marks)


@given(st.text(alphabet="[]|\\aA\n", max_size=30))
def test_any_text_in_the_box_is_read_or_refused_with_a_place(markup):
    try:
        text, marks = read(markup)
    except MarkupError as caught:
        error = caught
    else:
        assert read(write(text, marks)) == (text, marks)
        return
    lines = markup.split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1])


@settings(deadline=None)
@given(marked())
def test_what_a_browser_sends_back_unchanged_is_the_same_answer(given_):
    """A browser turns every line end into CR LF; offsets still count the characters of the stored text."""
    text, marks = given_
    one = form("spans", options={"labels": LABELS, "nested": True}, required=False)
    content = Content("single", input=text)
    answer = {"x": [{"start": m.start, "end": m.end, "label": m.label} for m in marks]} if marks else {}
    [widget] = widgets(one, answer, content)
    if check(one, answer, content):
        assert any(text[p - 1 : p + 1] == "\r\n" for m in marks for p in (m.start, m.end))
        return
    sent = widget.data["markup"].replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    found = parse(one, {"a-x": [sent], "a-x.of": [widget.data["of"]], "a-x.returns": [widget.data["returns"]]})
    assert check(one, found, content) == []
    assert [(s["start"], s["end"], s["label"]) for s in found.get("x", [])] == [
        (m.start, m.end, m.label) for m in marks
    ]


def test_offsets_are_code_points_of_text_beyond_the_basic_plane():
    one = form("spans", options={"labels": ["A"]})
    content = Content("single", input="😀😀 漢字 שלום")
    answer = parse(one, {"a-x": ["😀[[😀|A]] [[漢字|A]] [[שלום|A]]"]})
    assert [(s["start"], s["end"], s["text"]) for s in answer["x"]] == [(1, 2, "😀"), (3, 5, "漢字"), (6, 10, "שלום")]
    assert check(one, answer, content) == []


@pytest.mark.parametrize(
    ("markup", "line", "column", "why"),
    [
        ("a\nb [[c", 2, 3, "opens a mark"),
        ("[[a|B", 1, 4, "after | stands the label"),
        ("[[|A]]", 1, 1, "holds no text"),
        ("[[a|b\nc]]", 1, 4, "after | stands the label"),
    ],
)
def test_bad_markup_is_named_with_line_and_column(markup, line, column, why):
    with pytest.raises(MarkupError, match=r".") as caught:
        read(markup)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert why in caught.value.why


def test_only_what_would_be_read_as_a_mark_is_escaped():
    assert write("a[1] = b|c \\n {x}", []) == "a[1] = b|c \\n {x}"
    assert write("x[[0]]", []) == "x\\[[0]]"
    assert write("a|b", [Mark(0, 3, "L")]) == "[[a\\|b|L]]"


def test_a_text_that_was_changed_in_the_box_is_not_taken():
    one = form("spans", options={"labels": ["A"]})
    content = Content("single", input="Anna went.")
    [widget] = widgets(one, None, content)
    answer = parse(one, {"a-x": ["[[Otto|A]] went."], "a-x.of": [widget.data["of"]], "a-x.returns": [""]})
    [found] = check(one, answer, content)
    assert "changed at character 1, near 'Anna went.'" in found.why
    assert "only marks may be added" in found.do
    assert widgets(one, answer, content)[0].data["markup"] == "[[Otto|A]] went."


def test_an_answer_does_not_slip_when_the_text_changes():
    one = form("spans", options={"labels": ["A"]})
    answer = {"x": [{"start": 0, "end": 4, "label": "A", "text": "Anna"}]}
    assert check(one, answer, Content("single", input="Anna went.")) == []
    assert "not 'Anna' any more" in check(one, answer, Content("single", input="So Anna went."))[0].why


def test_nested_marks_are_shown_and_become_the_output():
    one = form("spans", options={"labels": ["A", "B"], "nested": True})
    content = Content("single", input="Bank of Rome")
    answer = parse(one, {"a-x": ["[[Bank of [[Rome|B]]|A]]"]})
    assert check(one, answer, content) == []
    [shown] = shown_answer(one, answer, content)
    assert [(p["text"], p["hue"], p["labels"]) for p in shown.data["pieces"]] == [
        ("Bank of ", 1, []),
        ("Rome", 2, ["B", "A"]),
    ]
    assert from_content(one, apply(one, content, answer)) == answer


def test_a_million_characters_with_marks_take_a_moment():
    text = "a [word] | \\ " * 76_000
    one = form("spans", options={"labels": ["A"]})
    content = Content("single", input=text)
    answer = {"x": [{"start": n * 13, "end": n * 13 + 3, "label": "A"} for n in range(1000)]}
    began = time.perf_counter()
    [widget] = widgets(one, answer, content)
    found = parse(one, {"a-x": [widget.data["markup"]], "a-x.of": [widget.data["of"]]})
    assert check(one, found, content) == []
    assert len(found["x"]) == 1000
    assert time.perf_counter() - began < 5
