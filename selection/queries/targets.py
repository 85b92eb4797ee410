"""What the pages of targets show."""

from typing import Any

from django.db.models import Count

from curation.content import parts_of
from curation.models import Team
from selection.models import Target, TargetRow

PAGE = 50


def targets_page(team: Team) -> dict[str, Any]:
    return {
        "targets": Target.objects.with_counts().filter(team=team).select_related("created_by").order_by("-created_at")
    }


def target_page(target: Target, after: int = -1) -> dict[str, Any]:
    """One page of rows behind position `after`, and the header's numbers."""
    rows = list(target.rows.filter(position__gt=after)[: PAGE + 1])
    shown = [show(row) for row in rows[:PAGE]]
    groups = list(target.rows.exclude(group="").values("group").annotate(n=Count("pk")).order_by("group"))
    return {
        "target": target,
        "rows": shown,
        "next_after": rows[PAGE - 1].position if len(rows) > PAGE else None,
        "first_page": after < 0,
        "first_number": rows[0].position + 1 if rows else 0,
        "last_number": shown[-1]["number"] if shown else 0,
        "row_count": target.rows.count(),
        "groups": groups,
        "runs": list(target.runs.select_related("pool", "job")[:20]),
    }


def show(row: TargetRow) -> dict[str, Any]:
    """A row as the template reads it: its parts with their labels."""
    parts = [{"label": label, "text": text} for label, text in parts_of(row.unpacked())]
    start = " ".join(" ".join(part["text"][:300].split()) for part in parts)[:240]
    return {"row": row, "number": row.position + 1, "parts": parts, "from": origin(row.origin), "start": start}


def origin(facts: dict[str, Any]) -> str:
    if "pool" in facts:
        return f"{facts['pool']}, row {facts.get('key', '')}"
    if "file" in facts:
        return f"{facts['file']}, line {facts['line']}" if facts.get("line") else str(facts["file"])
    return ""
