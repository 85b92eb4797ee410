"""When a schedule is due: cron lines in a time zone. Pure: the caller says what time it is.

The rules of daylight saving are those of Debian's cron (its manual page, and the package `cronsim`): a fixed hour that
the clock jumps over fires right after the jump, one that the clock passes twice fires the first time only, and lines
with `*` in the hour go by real time, so an hourly one fires in each hour that passes.
"""

from __future__ import annotations

from calendar import month_name
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

LEAST_GAP = timedelta(minutes=5)
LOOKED_AT = 60  # due times that are looked at for the shortest gap
MOST_COUNTED = 1_000  # due times that passed while nothing ran; more are not told apart


class TimetableError(Exception):
    """`field` is cron or zone; `why` goes on the sentence "The cron line … "."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field, self.why = field, why


def _no_such_day(cron: str) -> str:
    """That a day never comes in its months, as in "there is no 30 February"; empty for other faults of a line."""
    minute, hour, day, month, weekday = cron.split()
    try:
        CronSim(f"{minute} {hour} {day} * {weekday}", datetime(2024, 1, 1, tzinfo=UTC))
        CronSim(f"{minute} {hour} * {month} {weekday}", datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError:
        return ""  # one of its fields is wrong by itself
    if day.isdecimal() and (month.isdecimal() or month.isalpha()):
        return f"there is no {int(day)} {month_name[int(month)] if month.isdecimal() else month.capitalize()}"
    return "there is no such day in these months"


@dataclass(frozen=True)
class Timetable:
    """A cron line of five fields, read in the time zone of that IANA name. All moments are aware; results are UTC."""

    cron: str
    zone: str = "UTC"

    @classmethod
    def checked(cls, cron: str, zone: str) -> Timetable:
        """Raises `TimetableError` for a line or zone that is none, never comes, or comes more often than `LEAST_GAP`."""
        made = cls(" ".join(cron.split()), zone)
        try:
            _ = made._tz
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise TimetableError("zone", "is no time zone that this server knows") from None
        if len(made.cron.split()) != 5:
            raise TimetableError("cron", "has not the five fields minute, hour, day, month, weekday")
        try:
            # Looked at in UTC: the hours in which the clock moves say nothing of the line.
            first = list(islice(CronSim(made.cron, datetime(2024, 1, 1, tzinfo=UTC)), LOOKED_AT))
        except CronSimError as error:
            raise TimetableError("cron", f"cannot be read: {_no_such_day(made.cron) or str(error).lower()}") from None
        if not first:
            raise TimetableError("cron", "never comes")
        if any(later - earlier < LEAST_GAP for earlier, later in pairwise(first)):
            raise TimetableError("cron", "comes more often than every five minutes")
        return made

    @cached_property
    def _tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def _from(self, moment: datetime) -> Iterator[datetime]:
        """Due times after `moment`, without end for most lines."""
        seen = moment.astimezone(UTC)
        # An hour back: a line of which the clock passes one hour twice is then seen to have fired the first time.
        for due in CronSim(self.cron, (seen - timedelta(hours=3)).astimezone(self._tz)):
            found = due.astimezone(UTC)
            if found > seen:
                seen = found
                yield found

    def after(self, moment: datetime) -> datetime | None:
        """The first due time after `moment`; None: none within fifty years."""
        return next(self._from(moment), None)

    def between(self, start: datetime, stop: datetime, most: int = 500) -> list[datetime]:
        """Due times after `start` and up to `stop`, the first `most` of them."""
        found: list[datetime] = []
        for due in self._from(start):
            if due > stop or len(found) >= most:
                break
            found.append(due)
        return found

    def missed(self, due: datetime, now: datetime) -> int:
        """How many more due times than `due` itself have passed by `now`; at most `MOST_COUNTED`."""
        return len(self.between(due, now, MOST_COUNTED))

    def words(self) -> str:
        """The line in words: `At 02:30 on Monday through Friday`."""
        return str(CronSim(self.cron, datetime(2024, 1, 1, tzinfo=UTC)).explain())
