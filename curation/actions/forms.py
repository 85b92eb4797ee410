"""The answer form of a task. A change never rewrites an answer that is there."""

from typing import Any

from django.db import transaction
from django.db.models import F

from config.faults import Fault
from curation import answers
from curation.answers.editing import fits
from curation.audit import audit
from curation.content import ContentError, load
from curation.models import Annotation, Task, User

LOOKED_AT = 2_000  # the newest answers; checking more would keep the person waiting
GIVEN = ("submitted", "returned", "accepted", "declined", "late")


@transaction.atomic
def change_form(*, task: Task, by: User, form: answers.Form, version: int, confirmed: bool = False) -> Task:
    """Give the task this form. Raises `Fault` stale, or task.form_breaks when answers stop fitting and it is not confirmed."""
    now = Task.objects.select_for_update().get(pk=task.pk)
    if now.version != version:
        raise Fault("stale", thing="task")
    raw = answers.dump_form(form)
    if raw == now.form:
        return now
    broken = broken_answers(now, form)
    if broken and not confirmed:
        raise Fault("task.form_breaks", said=said(broken))
    Task.objects.filter(pk=now.pk).update(form=raw, version=F("version") + 1)
    audit(
        "task.form", actor=by, team=task.team, target=task, fields=[one.name for one in form.fields],
        broken=broken.get("broken", 0),
    )  # fmt: skip
    now.refresh_from_db()
    return now


def broken_answers(task: Task, form: answers.Form) -> dict[str, int]:
    """{broken, looked_at, all} of the answers that fit now and would not under `form`; empty if all surely do.

    An answer also counts where the form no longer shows what it says.
    """
    try:
        old = answers.load_form(task.form)
    except answers.FormError:
        return {}
    if fits(old, form):
        return {}
    given = Annotation.objects.filter(task=task, state__in=GIVEN)
    gold = task.examples.alive().exclude(gold=None)
    looked, broken = 0, 0
    pairs: list[Any] = [
        given.order_by("-pk").values_list("answer", "example__content")[:LOOKED_AT],
        gold.order_by("-pk").values_list("gold", "content")[:LOOKED_AT],
    ]
    for rows in pairs:
        for answer, content in rows.iterator():
            looked += 1
            broken += _breaks(old, form, answer, content)
    return {"broken": broken, "looked_at": looked, "all": given.count() + gold.count()} if broken else {}


def said(broken: dict[str, int]) -> str:
    count, looked, every = broken["broken"], broken["looked_at"], broken["all"]
    of = f"the {looked:,} newest of {every:,} answers" if looked < every else f"{every:,} answers"
    return f"{count:,} of {of} would not fit this form, or would no longer be shown whole. They stay as they are."


def _breaks(old: answers.Form, new: answers.Form, answer: Any, raw: dict[str, Any]) -> bool:
    try:
        content = load(raw)
    except ContentError:
        return False
    before = answers.clean(old, answer)
    kinds = {one.name: one.kind for one in new.fields}
    if any(kinds.get(one.name) != one.kind for one in old.fields if one.name in before):
        return True
    return bool(answers.check(new, answer, content)) and not answers.check(old, answer, content)
