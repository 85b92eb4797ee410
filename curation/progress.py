"""How far the work on a task has come: a handful of counts by the database, whatever the number of people or examples."""

import math
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Sum
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Least, TruncDate
from django.utils import timezone

from curation.agreement import COUNTED, Eyes, counted, names
from curation.models import Example, Slot, Task, TaskMember

DAYS = 30  # that the bars show
PACE_DAYS = 7  # the rate is that of these days
BALANCE_MOST = 20_000  # answers whose labels are counted, the newest
LABELS = 20  # values of a field that are shown

# The first row (annotator null) is of the whole task. `seconds` counts only where the page measured any.
PEOPLE = """
SELECT annotator_id,
  count(*) FILTER (WHERE state = ANY(%(counted)s)) AS total,
  count(*) FILTER (WHERE state = 'accepted') AS accepted,
  count(*) FILTER (WHERE state = 'declined') AS declined,
  count(*) FILTER (WHERE state = 'returned' OR (feedback <> '' AND submitted_at IS NOT NULL)) AS returned,
  count(*) FILTER (WHERE state = 'skipped') AS skipped,
  count(*) FILTER (WHERE state = 'late') AS late,
  count(*) FILTER (WHERE state = ANY(%(counted)s) AND suggested IS NOT NULL) AS suggested,
  count(*) FILTER (WHERE state = ANY(%(counted)s) AND suggested IS NOT NULL AND unchanged) AS unchanged,
  avg(gold_score) FILTER (WHERE state = ANY(%(counted)s)) AS gold,
  count(gold_score) FILTER (WHERE state = ANY(%(counted)s)) AS gold_answers,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE state = ANY(%(counted)s) AND seconds > 0) AS median,
  percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE state = ANY(%(counted)s) AND seconds > 0) AS p90
FROM curation_annotation WHERE task_id = %(task)s
GROUP BY GROUPING SETS ((), (annotator_id)) ORDER BY annotator_id NULLS FIRST
"""


def of(task: Task, eyes: Eyes) -> dict[str, Any]:
    """What the page of progress shows. Others than curators see the totals and their own row."""
    zone = ZoneInfo(task.team.time_zone)
    today = timezone.now().astimezone(zone).date()
    states = _states(task)
    days = _days(task, zone, today)
    whole, people = _people(task, eyes, today)
    return {
        "states": states, "days": days, "whole": whole, "people": people, "balance": _balance(task),
        "balance_most": BALANCE_MOST, "pace": _pace(days, states["missing"], today), "nothing": not states["examples"],
    }  # fmt: skip


def _states(task: Task) -> dict[str, Any]:
    """Examples by state, and wanted answers. Examples that only measure people are left out."""
    alive = Example.objects.filter(task=task, deleted_at=None, gold_only=False)
    rows = alive.values("state").annotate(
        examples=Count("pk"), wanted_sum=Sum("wanted"), done_sum=Sum(Least("done", "wanted"))
    ).order_by()  # fmt: skip
    found: dict[str, Any] = {"open": 0, "submitted": 0, "accepted": 0, "rejected": 0, "wanted": 0, "done": 0}
    missing = 0
    for row in rows:
        found[row["state"]] += row["examples"]
        found["wanted"] += row["wanted_sum"]
        found["done"] += row["done_sum"]
        if row["state"] == "open":  # one that was decided wants no more answers
            missing = row["wanted_sum"] - row["done_sum"]
    working = Slot.objects.filter(
        task=task, state="claimed", gold=False, expires_at__gt=timezone.now(), example__in=alive.filter(state="open")
    )
    found["examples"] = sum(found[state] for state in Example.State.values)
    found["missing"] = max(missing, 0)
    found["in_work"] = working.values("example").distinct().count()
    found["free"] = found["open"] - found["in_work"]  # the states on the page add up to the examples
    found["decided"] = found["accepted"] + found["rejected"]
    found["share"] = found["done"] / found["wanted"] if found["wanted"] else 0.0
    return found


def _days(task: Task, zone: ZoneInfo, today: date) -> list[tuple[date, int]]:
    """Answers that count a day, the last `DAYS` days by the calendar of the team; gold is not among them."""
    first = today - timedelta(days=DAYS - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=zone)
    rows = (
        counted(task).filter(submitted_at__gte=since)
        .annotate(day=TruncDate("submitted_at", tzinfo=zone)).values("day").annotate(answers=Count("pk")).order_by()
    )  # fmt: skip
    by_day = {row["day"]: row["answers"] for row in rows}
    return [(first + timedelta(days=number), by_day.get(first + timedelta(days=number), 0)) for number in range(DAYS)]


def _pace(days: list[tuple[date, int]], missing: int, today: date) -> dict[str, Any]:
    """Answers a day over the last week (shorter for a younger task), and when the rest would be done at that rate.

    `rate` is None without an answer in these days; `finish` is None then, and where nothing is missing.
    """
    recent = days[-PACE_DAYS:]
    if not any(count for _, count in days[:-PACE_DAYS]):  # it began in these days: those before the start do not count
        recent = recent[next((number for number, (_, count) in enumerate(recent) if count), 0) :]
    total = sum(count for _, count in recent)
    rate = total / len(recent) if total else None
    left = math.ceil(missing / rate) if rate and missing else None
    finish = today + timedelta(days=left) if left is not None and left < 36_500 else None
    return {"rate": rate, "days": len(recent), "missing": missing, "left": left, "finish": finish}


def _people(task: Task, eyes: Eyes, today: date) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the whole task, a row for each person who answered or is on it)."""
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, {"task": task.pk, "counted": [str(state) for state in COUNTED]})
        heads = [column.name for column in cursor.description or ()]
        rows = [dict(zip(heads, row, strict=True)) for row in cursor.fetchall()]
    whole, *others = [row | _shares(row) for row in rows]
    by_person = {row["annotator_id"]: row for row in others if eyes.may_see(row["annotator_id"])}
    nobody = dict.fromkeys(whole, 0) | {"median": None, "p90": None, "gold": None} | _shares(dict.fromkeys(whole, 0))
    on_it = {place.user_id: place for place in TaskMember.objects.filter(task=task) if eyes.may_see(place.user_id)}
    called = names(set(by_person) | set(on_it))
    people = []
    for who in set(by_person) | set(on_it):
        row, place = by_person.get(who, nobody), on_it.get(who)
        own = {"today": place.today if place and place.day == today else 0, "goal": place.daily_goal if place else 0}
        people.append(row | own | {"who": who, "name": called.get(who, ""), "me": who == eyes.user})
    return whole, sorted(people, key=lambda one: (-one["total"], one["name"]))


def _shares(row: dict[str, Any]) -> dict[str, Any]:
    """None where there is nothing to take a share of."""
    decided = row["accepted"] + row["declined"]
    return {
        "accepted_share": row["accepted"] / decided if decided else None,
        "unchanged_share": row["unchanged"] / row["suggested"] if row["suggested"] else None,
    }


def _balance(task: Task) -> list[dict[str, Any]]:
    """How often each value of label, rating and choice fields was given, in the newest answers that count."""
    from curation import answers, measures

    try:
        form = answers.load_form(task.form)
    except answers.FormError:
        return []
    fields = [field for field in form if field.kind in ("labels", "rating", "pair")]
    if not fields:
        return []
    rows = list(
        counted(task).filter(submitted_at__isnull=False).order_by("-submitted_at")
        .values_list(*[KeyTransform(field.name, "answer") for field in fields])[:BALANCE_MOST]
    )  # fmt: skip
    found = []
    for number, field in enumerate(fields):
        often: Counter[str] = Counter()
        for row in rows:
            value = measures.given(field.kind, field.options, row[number])
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    often[str(measures.code(field.kind, one))] += 1
        total = sum(1 for row in rows if row[number] not in (None, "", [], {}))
        for label in _known(field):
            often.setdefault(label, 0)
        values = [(value, count, count / total if total else 0.0) for value, count in _in_order(field, often)]
        rest = max(len(values) - LABELS, 0)
        found.append({"title": field.title, "answers": total, "values": values[:LABELS], "rest": rest})
    return found


def _known(field: Any) -> list[str]:
    """Values that the form offers, so that one that nobody gave is seen as well."""
    if field.kind == "labels":
        return [label["value"] for label in field.options["labels"]]
    if field.kind == "rating" and field.options["max"] - field.options["min"] < LABELS:
        return [str(number) for number in range(field.options["min"], field.options["max"] + 1)]
    return []


def _in_order(field: Any, often: Counter[str]) -> list[tuple[str, int]]:
    """Ratings by their number, all others by how often they were given."""
    if field.kind == "rating" and all(value.lstrip("-").isdigit() for value in often):
        return sorted(often.items(), key=lambda item: int(item[0]))
    return often.most_common()
