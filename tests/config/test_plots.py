"""Geometry of the plots: where things stand, and the same in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import plots


def test_shares_of_each_series_are_of_its_own_total():
    plot = plots.histogram("Length", [0, 10, 20], pool=[3, 1], picks=[0, 5])
    assert [bar.label for bar in plot.pool] == ["pool 0 to 10: 75.0 %", "pool 10 to 20: 25.0 %"]
    assert plot.numbers == [("0 to 10", ["75.0 %", "0.0 %"]), ("10 to 20", ["25.0 %", "100.0 %"])]
    assert plot.picks[1].height == plot.base - plots.TOP  # the highest share fills the height
    assert plot.text == "Half of the pool lies below 10; half of the picks lies below 20."


def test_bins_behind_the_cut_are_picked_where_there_are_no_picks():
    plot = plots.histogram("Score", [0, 0.1, 0.2, 0.3], pool=[5, 3, 1], cut=0.2)
    assert [bar.picked for bar in plot.pool] == [False, False, True]
    assert plot.cut == plots.Tick(66.67, "0.2", "end")


def test_a_share_that_is_there_can_be_seen():
    plot = plots.histogram("Score", [0, 1, 2, 3], pool=[1_000_000, 1, 0])
    assert [bar.height > 0 for bar in plot.pool] == [True, True, False]
    assert plot.pool[1].label == "pool 1 to 2: < 0.1 %"


def test_a_series_of_another_length_is_refused():
    with pytest.raises(ValueError, match="3 edges need 2 counts"):
        plots.histogram("Score", [0, 1, 2], pool=[1])


@given(
    st.floats(-1e6, 1e6), st.floats(1e-3, 1e7), st.integers(1, 40), st.booleans(), st.lists(st.integers(0, 1000), min_size=40)
)  # fmt: skip
def test_everything_stays_inside_the_frame(low, span, bins, log, counts):
    low = abs(low) if log else low
    edges = [low + span * number / bins for number in range(bins + 1)]
    plot = plots.histogram("Any", edges, pool=counts[:bins], cut=low + span / 2, log=log)
    assert all(bar.x >= -0.01 and bar.x + bar.width <= 100.02 and bar.y >= plots.TOP - 2 for bar in plot.pool)
    assert all(-0.01 <= tick.x <= 100.01 for tick in plot.ticks)
    places = [tick.x for tick in plot.ticks]
    assert places == sorted(places)


def test_nothing_at_all_is_drawn_as_nothing():
    plot = plots.histogram("Score", [0, 1], pool=[0])
    assert (plot.pool, plot.text) == ([], "Nothing to show.")
    assert plots.source_shares("Sources", {}).rows == []
    assert plots.sparkline("Rows", []).points == ""


def test_ticks_are_round_numbers():
    plot = plots.histogram("Score", [0.00659 + 0.8 * number for number in range(41)], pool=[1] * 40)
    assert [tick.label for tick in plot.ticks] == ["5", "10", "15", "20", "25", "30"]
    plot = plots.histogram("Length", [63, 126, 251, 501, 1259], pool=[1] * 4, log=True)
    assert [tick.label for tick in plot.ticks] == ["100", "200", "500", "1,000"]


def test_sources_by_picks_and_the_rest_is_counted():
    plot = plots.source_shares("Sources", {"a": 50, "b": 40, "": 10}, {"b": 3, "a": 1}, most=2)
    assert [(row.label, row.picks_text, row.pool_text) for row in plot.rows] == [
        ("b", "75.0 %", "40.0 %"),
        ("a", "25.0 %", "50.0 %"),
    ]
    assert (plot.rows[0].picks, plot.rest) == (100.0, 1)


def test_ring_and_sparkline():
    assert plots.ring(1.7) == plots.Ring("100 % done", 100)
    assert plots.ring(0.5).part == 50
    line = plots.sparkline("Rows a day", [1, 3])
    assert (line.points, line.text) == ("0.0,18.0 100.0,2.0", "Rows a day: from 1 to 3, lowest 1, highest 3.")
