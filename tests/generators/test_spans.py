"""Where quoted stretches stand: hand-checked offsets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.generators.spans import Span, bio, gap, nearest, places, words

TEXT = "He developed a rash after amoxicillin."


def test_offsets_as_counted_by_hand() -> None:
    assert places(TEXT, "rash") == [Span(15, 19, "exact")]
    assert places(TEXT, "amoxicillin") == [Span(26, 37, "exact")]


def test_offsets_count_code_points_so_an_emoji_before_shifts_by_one_each() -> None:
    assert places("😀👍 " + TEXT, "rash") == [Span(18, 22, "exact")]


def test_white_space_is_tried_before_capitals_and_the_first_way_that_finds_decides() -> None:
    assert places("a\n  rash, a Rash", "A rash") == [Span(0, 8, "case"), Span(10, 16, "case")]
    assert places("a\n  rash", "a rash") == [Span(0, 8, "space")]
    assert places("Rash rash", "rash") == [Span(5, 9, "exact")]


def test_composed_and_decomposed_forms_are_the_same_letter() -> None:
    text = "in a cafe\u0301 today"
    (span,) = places(text, "caf\u00e9")
    assert text[span.start : span.end] == "cafe\u0301"
    # The bare letter is no part of the accented one.
    assert places("cafe\u0301", "cafe", whole_words=False) == []


def test_inside_a_word_only_where_asked_for() -> None:
    assert places("trash", "rash") == []
    assert places("trash", "rash", whole_words=False) == [Span(1, 5, "exact")]
    assert places("日本語を話す", "本語") == [Span(1, 3, "exact")]


@pytest.mark.parametrize("surface", ["", "  ", "fever", "rash after  nothing"])
def test_what_is_not_there_has_no_place(surface: str) -> None:
    assert places(TEXT, surface) == []


def test_case_folding_that_changes_the_length() -> None:
    assert places("die Straße dort", "STRASSE") == [Span(4, 10, "case")]


@given(st.text(alphabet="aAß éE\u0301\n한ᄒ ", max_size=12), st.text(alphabet="aAß éE\u0301\n한ᄒ ", max_size=4))
def test_every_place_lies_in_the_text_and_an_exact_one_says_the_same(text: str, surface: str) -> None:
    from unicodedata import normalize

    for span in places(text, surface, whole_words=False):
        assert 0 <= span.start < span.end <= len(text)
        if span.how == "exact":
            assert normalize("NFC", text[span.start : span.end]) == normalize("NFC", surface.strip())


def test_of_several_places_the_pair_with_the_smallest_gap() -> None:
    text = "aspirin was stopped. A rash came after aspirin."
    drug, event = nearest([places(text, "aspirin"), places(text, "rash")])
    assert (drug.start, event.start) == (39, 23)
    assert gap(drug, event) == 12
    assert gap(event, event) == 0
    with pytest.raises(ValueError, match="place"):
        nearest([[], places(text, "rash")])


def test_words_and_tags() -> None:
    assert [TEXT[s:e] for s, e in words(TEXT)] == ["He", "developed", "a", "rash", "after", "amoxicillin", "."]
    tags = bio("a skin rash came", [(2, 11, "event"), (7, 11, "sign")])
    assert tags == [("a", "O"), ("skin", "B-event"), ("rash", "I-event"), ("came", "O")]
