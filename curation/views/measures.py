"""How far the answers of a task agree, and how far its work has come."""

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse

from config.http import page
from config.plots_time import bars, line
from config.policy import reads
from curation import access, agreement, progress
from curation.answers import FormError
from curation.measures import words
from curation.views.shared import frame

HEAT = 5  # shades of the confusion table


@reads
def task_agreement(request: HttpRequest, task_id: int) -> HttpResponse:
    """Per field of the form: headline with interval, people, pairs, weeks, confusion, greatest disagreement; gold."""
    task = access.task(request.user, task_id)  # type: ignore[arg-type]
    context = frame(task)
    eyes = agreement.Eyes(request.user.pk or 0, context["may_curate"])
    try:
        found = agreement.seen(agreement.figures(task), eyes)
    except FormError as error:
        return page(request, "curation/agreement.html", context | {"form_error": error})
    found["fields"] = [_drawn(field) for field in found["fields"]]
    return page(request, "curation/agreement.html", context | found | {"most": agreement.MOST})


@reads
def task_progress(request: HttpRequest, task_id: int) -> HttpResponse:
    """Done of wanted, pace and estimated finish, time an item, people, balance of the labels."""
    task = access.task(request.user, task_id)  # type: ignore[arg-type]
    context = frame(task)
    found = progress.of(task, agreement.Eyes(request.user.pk or 0, context["may_curate"]))
    found["plot"] = bars("Answers a day", [(_day(day), count) for day, count in found["days"]], "answers")
    return page(request, "curation/progress.html", context | found)


def _drawn(field: dict[str, Any]) -> dict[str, Any]:
    """The field with its words, its line by week and the shades of its confusion table."""
    name = words.headline(field)
    weeks = [(_day(date.fromisoformat(one["week"])), one["value"], f"{one['examples']:,}") for one in field["weeks"]]
    plot = line(f"{name} by week", weeks, name) if len(weeks) > 1 else None
    return field | {
        "headline": name, "meaning": words.meaning(field), "further": words.further(field), "plot": plot,
        "heat": _heat(field["confusion"]), "disagreeing": bool(field["worst"]),
    }  # fmt: skip


def _heat(confusion: dict[str, Any] | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """(value, cells) a row; a cell's shade is its share of the row, so that rare values show their mix-ups too."""
    rows = []
    for at, (value, counts) in enumerate(zip(confusion["values"], confusion["rows"], strict=True) if confusion else ()):
        total = sum(counts) or 1
        cells = [
            {
                "count": count,
                "share": count / total,
                "same": at == column,
                "shade": min(HEAT, -(-count * HEAT // total)),
            }
            for column, count in enumerate(counts)
        ]
        rows.append((value, cells))
    return rows


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
