"""The curve of a measure while something learns."""

import pytest

from config.plots_curve import curve


def places(plot):
    return [tuple(map(float, pair.split(","))) for pair in plot.line.split()]


def test_the_line_falls_as_the_measure_does_and_stays_in_its_frame():
    plot = curve("FVU", [(step * 100, 0.9 - 0.08 * step) for step in range(10)], over="tokens", share=True, gate=0.3)
    drawn = places(plot)
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    assert (drawn[0][0], drawn[-1][0]) == (0.0, 100.0)
    assert drawn[0][1] < drawn[-1][1] <= plot.base  # y grows downwards
    assert plot.end == "18.0 %"
    assert plot.gate[1] == "30.0 %"
    assert drawn[6][1] < plot.gate[0] < drawn[8][1]
    assert plot.text == "From 90.0 % to 18.0 %, lowest 18.0 %; 30.0 % has to be undercut."


def test_a_wild_beginning_does_not_flatten_the_rest():
    values = [1000.0] + [1.0 - 0.004 * step for step in range(199)]
    plot = curve("Loss", list(enumerate(values)), over="steps")
    drawn = places(plot)
    assert min(y for _, y in drawn) == drawn[0][1]
    assert max(y for _, y in drawn) - min(y for _, y in drawn[1:]) > 30
    assert len(drawn) <= 160
    assert (drawn[0][0], drawn[-1][0]) == (0.0, 100.0)
    assert len(plot.numbers) == 12


@pytest.mark.parametrize("points", [[], [(1, 0.5)]])
def test_a_single_point_is_no_curve(points):
    assert curve("Loss", points, over="steps") is None


def test_zeros_are_no_error():
    plot = curve("Dead", [(0, 0.0), (1, 0.0)], over="steps", share=True, gate=0.2)
    assert {y for _, y in places(plot)} == {plot.base}
