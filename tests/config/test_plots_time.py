"""Plots over time: where things stand, and the same in words."""

from itertools import pairwise

import pytest

from config import plots_time


def test_bars_stand_on_the_axis_and_the_highest_fills_the_height():
    plot = plots_time.bars("Answers a day", [("1 Feb", 4), ("2 Feb", 0), ("3 Feb", 8)], "answers")
    assert [bar.height for bar in plot.bars] == [(plot.base - 22) / 2, 0, plot.base - 22]
    assert all(bar.y + bar.height == pytest.approx(plot.base) for bar in plot.bars)
    assert plot.text == "12 answers in all, most on 3 Feb: 8."
    assert plot.numbers == [("1 Feb", ["4"]), ("2 Feb", ["0"]), ("3 Feb", ["8"])]


def test_a_moment_without_a_value_breaks_the_line():
    points = [("a", 0.5, "3"), ("b", 1.0, "4"), ("c", None, "0"), ("d", 0.0, "5"), ("e", 0.25, "1")]
    plot = plots_time.line("Agreement", points, "Alpha")
    assert [len(run.split()) for run in plot.runs] == [2, 2]
    assert [dot.y for dot in plot.dots] == [84, 22, 146, 115]
    assert plot.numbers[2] == ("c", ["–", "0"])
    assert plot.zero is None
    assert plot.text == "From 0.50 to 0.25, lowest 0.00, highest 1.00."


def test_figures_below_zero_show_where_zero_is():
    plot = plots_time.line("Agreement", [("a", -0.5, ""), ("b", 1.0, "")], "Alpha")
    assert plot.lowest == "-0.5"
    assert plot.dots[0].y == plot.base
    assert 22 < plot.zero < plot.base


def test_nothing_is_no_error():
    assert plots_time.line("Agreement", [], "Alpha").text == "Nothing to show."
    assert plots_time.line("Agreement", [("a", None, "2")], "Alpha").runs == []
    assert plots_time.bars("Answers", [("a", 0)], "answers").text == "Nothing to show."


def test_labels_of_the_axis_do_not_run_into_each_other():
    for count in (1, 2, 7, 30, 200):
        ticks = plots_time.bars("Answers", [(f"{n % 28 + 1} Feb", 1) for n in range(count)], "answers").ticks
        assert 1 <= len(ticks) <= 8
        assert ticks[-1].label == f"{(count - 1) % 28 + 1} Feb"
        places = [tick.x for tick in ticks]
        assert all(after - before >= 8 for before, after in pairwise(places))
