"""Due times, above all where the clock is moved."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.timetable import MOST_COUNTED, Timetable, TimetableError

BERLIN = ZoneInfo("Europe/Berlin")
SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the night after: 02:00 becomes 03:00
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the night after: 03:00 becomes 02:00


def local(table: Timetable, start: datetime, count: int) -> list[str]:
    """Walk as the tick does: from each due time to the next."""
    found, at = [], start
    for _ in range(count):
        at = table.after(at)
        found.append(at.astimezone(ZoneInfo(table.zone)).strftime("%d %H:%M%z"))
    return found


def test_an_hour_that_is_jumped_over_fires_right_after_the_jump():
    table = Timetable("30 2 * * *", "Europe/Berlin")
    assert local(table, SPRING, 3) == ["29 03:00+0200", "30 02:30+0200", "31 02:30+0200"]


def test_an_hour_that_comes_twice_fires_once():
    table = Timetable("30 2 * * *", "Europe/Berlin")
    assert local(table, AUTUMN, 2) == ["25 02:30+0200", "26 02:30+0100"]
    between = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    assert local(table, between, 1) == ["26 02:30+0100"]


def test_an_hourly_one_fires_in_each_hour_that_passes():
    table = Timetable("0 * * * *", "Europe/Berlin")
    assert len(table.between(SPRING, SPRING + timedelta(days=1))) == 24
    assert len(table.between(AUTUMN, AUTUMN + timedelta(days=1))) == 24
    assert local(table, datetime(2026, 10, 24, 23, 30, tzinfo=UTC), 3) == [
        "25 02:00+0200",
        "25 02:00+0100",
        "25 03:00+0100",
    ]


def test_nine_in_the_morning_stays_nine_in_the_morning():
    table = Timetable("0 9 * * 1-5", "America/New_York")
    assert local(table, datetime(2026, 3, 6, 0, tzinfo=UTC), 2) == ["06 09:00-0500", "09 09:00-0400"]


def test_the_clock_of_the_process_says_nothing():
    table = Timetable("30 2 * * *", "Europe/Berlin")
    for moment in (SPRING, AUTUMN, datetime(1999, 1, 1, tzinfo=UTC)):
        with time_machine.travel(moment, tick=False):
            assert table.after(SPRING) == datetime(2026, 3, 29, 1, tzinfo=UTC)


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(["Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
    cron=st.sampled_from(["30 2 * * *", "*/10 2 * * *", "0 * * * *", "15 1,2,3 * * *", "0 0 * * 0", "45 23 * * *"]),
    start=st.sampled_from([datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 9, 28, tzinfo=UTC)]),
    minute=st.integers(0, 20 * 1440),
)
def test_from_any_moment_the_next_is_that_of_the_whole_list(zone, cron, start, minute):
    moment = start + timedelta(minutes=minute)
    whole = iter(CronSim(cron, start.astimezone(ZoneInfo(zone))))
    expected = next(due for due in (one.astimezone(UTC) for one in whole) if due > moment)
    assert Timetable(cron, zone).after(moment) == expected


def test_what_was_missed_is_counted_up_to_a_limit():
    table = Timetable("0 2 * * *", "Europe/Berlin")
    due = table.after(SPRING)
    assert table.missed(due, due) == 0
    assert table.missed(due, due + timedelta(days=3, hours=1)) == 3
    assert Timetable("*/5 * * * *").missed(due, due + timedelta(days=300)) == MOST_COUNTED


@pytest.mark.parametrize(
    ("cron", "zone", "field", "why"),
    [
        ("0 99 * * *", "UTC", "cron", "cannot be read: bad hour"),
        ("0 0 30 2 *", "UTC", "cron", "cannot be read: there is no 30 February"),
        ("0 0 31 apr *", "UTC", "cron", "cannot be read: there is no 31 Apr"),
        ("0 0 30,31 2 *", "UTC", "cron", "there is no such day in these months"),
        ("0 0 31 4,6 *", "UTC", "cron", "there is no such day in these months"),
        ("0 0 32 2 *", "UTC", "cron", "cannot be read: bad day-of-month"),
        ("0 0 * *", "UTC", "cron", "has not the five fields"),
        ("0 0 0 * * *", "UTC", "cron", "has not the five fields"),
        ("*/4 * * * *", "UTC", "cron", "more often than every five minutes"),
        ("0,2 3 * * *", "UTC", "cron", "more often than every five minutes"),
        ("0 2 * * *", "Europe/Bonn", "zone", "is no time zone"),
        ("0 2 * * *", "../../etc/passwd", "zone", "is no time zone"),
        ("0 2 * * *", "", "zone", "is no time zone"),
    ],
)
def test_lines_that_are_none_are_refused(cron, zone, field, why):
    with pytest.raises(TimetableError) as error:
        Timetable.checked(cron, zone)
    assert error.value.field == field
    assert why in error.value.why


def test_a_line_is_said_in_words():
    assert Timetable.checked("  30 2  * * 1-5 ", "Europe/Berlin").words() == "At 02:30 on Monday through Friday"
