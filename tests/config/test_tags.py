"""Filters of the pages: numbers, times, and text that nobody trusts."""

from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from config.templatetags import winnow


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("thousands", 1234567, "1,234,567"), ("thousands", None, ""), ("bytes_", 999, "999 B"), ("bytes_", 1_500_000, "1.5 MB"),
        ("bytes_", 250e9, "250 GB"), ("duration", 0, "0 s"), ("duration", 0.2, "1 s"), ("duration", 192, "3 min 12 s"),
        ("duration", 7500, "2 h 5 min"), ("duration", None, ""), ("rate", 5210.4, "5,210"), ("rate", 0.5, "0.5"),
        ("score", 0.4121, ".412"), ("score", 32.561, "32.56"), ("compact", 3_400_000, "3.4M"),
    ],
)  # fmt: skip
def test_numbers(name, value, said):
    assert getattr(winnow, name)(value) == said


def test_plural():
    assert [winnow.plural(number, "row") for number in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]
    assert winnow.plural(2, "entry,entries") == "2 entries"


def test_ago_has_the_absolute_time_on_hover():
    then = timezone.now() - timedelta(hours=3)
    said = winnow.ago(then)
    assert "3 hours ago</time>" in said
    assert f'datetime="{then.isoformat()}"' in said


def test_what_cannot_be_seen_gets_a_name():
    shown = winnow.shown("a\u202eb\x00\u200b\r\n\tc\r")
    assert [(piece.text, piece.unseen) for piece in shown.head] == [
        ("a", ""), ("RLO", "U+202E right-to-left override"), ("b", ""), ("NUL", "U+0000 control character"),
        ("ZWSP", "U+200B zero width space"), ("\r\n\tc", ""), ("CR", "U+000D control character"),
    ]  # fmt: skip
    assert winnow.visible("a\u202eb") == "a⟦RLO⟧b"
    assert winnow.visible("héllo ‍👩‍👧 中文") == "héllo ‍👩‍👧 中文"


def test_long_text_is_cut_at_a_word_and_nothing_is_lost():
    text = "word " * 1000
    shown = winnow.shown(text, 2000)
    head, tail = ("".join(piece.text for piece in part) for part in (shown.head, shown.tail))
    assert head + tail == text
    assert head.endswith(" ")
    assert 1950 < len(head) <= 2000
    assert winnow.shown("x" * 2300, 2000).tail == []  # not worth a button


def test_marks_survive_the_cut():
    shown = winnow.shown([("a" * 90, False), ("b" * 40, True), ("c", False)], 100)
    assert [(piece.text, piece.marked) for piece in shown.head] == [("a" * 90, False), ("b" * 10, True)]
    assert [(piece.text, piece.marked) for piece in shown.tail] == [("b" * 30, True), ("c", False)]


def test_untrusted_text_is_text():
    page = render_to_string("components/_untrusted.html", {"text": "<script>alert(1)</script>\n  {{ x }}\u202e"})
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\n  {{ x }}" in page
    assert '<span class="unseen" title="U+202E right-to-left override">RLO</span>' in page
    assert "hx-disable" in page
    assert "empty" in render_to_string("components/_untrusted.html", {"text": ""})
