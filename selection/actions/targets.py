"""Targets: made, edited, copied, frozen, deleted."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, Q
from django.utils import timezone

from config.faults import Fault
from curation.audit import audit
from curation.content import Content, key_of
from curation.models import Team, User
from selection.models import Run, Target, TargetRow
from selection.models.target import pack

MAX_ROWS = 5_000
MAX_BAD_KEPT = 200


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row on its way into a target. `origin` says where it is from: a file's line, or a pool and row key."""

    content: Content
    group: str = ""
    origin: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def create(
    *, team: Team, by: User | None, name: str, rows: Iterable[NewRow], bad: Sequence[dict[str, Any]] = (),
    description: str = "",
) -> Target:  # fmt: skip
    """A new target. Raises `Fault` target.name_taken, target.empty or target.too_large."""
    try:
        with transaction.atomic():
            target = Target.objects.create(team=team, name=name, description=description, created_by=by)
    except IntegrityError:
        raise Fault("target.name_taken", name=name) from None
    count = _append(target, rows, list(bad))
    if not count:
        why = f"The first reason: line {bad[0]['line']} {bad[0]['reason']}." if bad else "There were no rows in it."
        raise Fault("target.empty", why=why)
    audit("target.created", actor=by, team=team, target=target, name=name, rows=count)
    return target


@transaction.atomic
def same_or_new(
    *, team: Team, by: User | None, name: str, rows: Sequence[NewRow], bad: Sequence[dict[str, Any]] = ()
) -> Target:
    """The target of that name if it has just these rows, else a new one, named "…", "… 2" and so on."""
    wanted = list(dict.fromkeys((key_of(row.content), row.group) for row in rows))
    taken = {found.name: found for found in Target.objects.filter(team=team, name__startswith=name)}
    for number in range(1, len(taken) + 2):
        wanted_name = name if number == 1 else f"{name} {number}"
        found = taken.get(wanted_name)
        if found is None:
            return create(team=team, by=by, name=wanted_name, rows=rows, bad=bad)
        if list(found.rows.values_list("key", "group")) == wanted:
            return found
    raise AssertionError("unreachable: there are more names than targets")


@transaction.atomic
def add_rows(*, target: Target, by: User | None, rows: Iterable[NewRow], bad: Sequence[dict[str, Any]] = ()) -> int:
    """Appends rows to a target that no run has used yet. Returns how many were new."""
    locked = _open(target)
    count = _append(locked, rows, list(bad))
    audit("target.rows_added", actor=by, team=target.team, target=target, rows=count)
    return count


def _append(target: Target, rows: Iterable[NewRow], bad: list[dict[str, Any]]) -> int:
    """Rows that the target holds already are not taken twice: a doubled row would weigh double."""
    seen = dict(target.rows.values_list("key", "position"))
    top = target.rows.aggregate(top=Max("position"))["top"]
    position = 0 if top is None else top + 1
    made: list[TargetRow] = []
    for row in rows:
        key = key_of(row.content)
        if key in seen:
            bad.append({"line": row.origin.get("line"), "reason": f"is the same as row {seen[key] + 1}", "excerpt": ""})
            continue
        if len(seen) >= MAX_ROWS:
            raise Fault("target.too_large", limit=f"{MAX_ROWS:,}")
        seen[key] = position
        made.append(
            TargetRow(
                target=target, position=position, key=key, group=row.group[:80],
                content=pack(row.content), origin=row.origin,
            )
        )  # fmt: skip
        position += 1
    TargetRow.objects.bulk_create(made, batch_size=500)
    Target.objects.filter(pk=target.pk).update(bad_rows=bad[:MAX_BAD_KEPT])
    return len(made)


def _open(target: Target) -> Target:
    """The target, locked. Raises `Fault` target.frozen when a run has used it."""
    locked = Target.objects.select_for_update().get(pk=target.pk)
    if locked.is_frozen:
        raise Fault("target.frozen", name=locked.name)
    return locked


@transaction.atomic
def edit_row(*, row: TargetRow, by: User, content: Content, group: str, seen: str) -> None:
    """Change a row. `seen` is the key that the person's page showed: another one now means somebody was faster."""
    target = _open(row.target)
    key = key_of(content)
    if target.rows.filter(key=key).exclude(pk=row.pk).exists():
        raise Fault("target.row_twice", name=target.name)
    changed = target.rows.filter(pk=row.pk, key=seen).update(key=key, content=pack(content), group=group)
    if not changed:
        raise Fault("stale", thing="row")
    audit("target.row_edited", actor=by, team=target.team, target=target, position=row.position)


@transaction.atomic
def delete_row(*, row: TargetRow, by: User) -> None:
    target = _open(row.target)
    if target.rows.count() == 1:
        raise Fault("target.last_row", name=target.name)
    target.rows.filter(pk=row.pk).delete()
    audit("target.row_deleted", actor=by, team=target.team, target=target, position=row.position)


@transaction.atomic
def describe(*, target: Target, by: User, name: str, description: str) -> None:
    """Name and description never decide a pick, so they may change after a run."""
    try:
        with transaction.atomic():
            Target.objects.filter(pk=target.pk).update(name=name, description=description)
    except IntegrityError:
        raise Fault("target.name_taken", name=name) from None
    audit("target.described", actor=by, team=target.team, target=target, before=target.name, after=name)


@transaction.atomic
def forget_bad_rows(*, target: Target, by: User) -> None:
    Target.objects.filter(pk=target.pk).update(bad_rows=[])
    audit("target.bad_rows_dismissed", actor=by, team=target.team, target=target)


@transaction.atomic
def copy(*, target: Target, by: User) -> Target:
    """An open target with the same rows, named "… copy", "… copy 2" and so on."""
    base = f"{target.name[:100]} copy"
    taken = set(Target.objects.filter(team=target.team, name__startswith=base).values_list("name", flat=True))
    name = next(name for n in range(1, len(taken) + 2) if (name := base if n == 1 else f"{base} {n}") not in taken)
    rows = (NewRow(row.unpacked(), row.group, row.origin) for row in target.rows.all())
    made = create(team=target.team, by=by, name=name, rows=rows, description=target.description)
    audit("target.copied", actor=by, team=target.team, target=made, source=target.pk)
    return made


@transaction.atomic
def delete(*, target: Target, by: User) -> None:
    """Raises `Fault` target.in_use while a run refers to it."""
    Target.objects.select_for_update().filter(pk=target.pk).first()  # a run that is being started has frozen it
    # As a target, or as a test set whose ids stand in the options.
    told = Q(target=target) | Q(team=target.team_id, options__decontaminate__regex=rf"(^|,){target.pk}(,|$)")
    runs = Run.objects.filter(told).count()
    if runs:
        raise Fault("target.in_use", name=target.name, runs="1 run" if runs == 1 else f"{runs:,} runs")
    audit("target.deleted", actor=by, team=target.team, target=target, name=target.name)
    Target.objects.filter(pk=target.pk).delete()


def freeze(*, target: Target) -> str:
    """Called where a run starts, in its transaction. Returns the sha256 of the rows in order."""
    locked = Target.objects.select_for_update().get(pk=target.pk)
    if locked.is_frozen:
        return locked.sha256
    sha = digest(locked.rows.values_list("key", "group", "content"))
    Target.objects.filter(pk=locked.pk).update(frozen_at=timezone.now(), sha256=sha)
    return sha


def digest(rows: Iterable[tuple[str, str, dict[str, Any]]]) -> str:
    """sha256 (hex) over key, group and content of each row in order."""
    sha = hashlib.sha256()
    for row in rows:
        sha.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return sha.hexdigest()
