"""What the page of agreement shows. Computed once for each state of a task's answers, and kept in the cache.

The work is bounded: the newest `MOST` examples with two or more answers, and a budget of comparisons a field.
"""

import hashlib
import json
import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db.models import Count, Exists, Max, OuterRef, Q, Sum
from redis.exceptions import RedisError

from curation.models import Annotation, Example, Task, User

logger = logging.getLogger("winnow.measures")

MOST = 5_000  # examples with two or more answers that are looked at, the newest
GOLD_MOST = 20_000  # answers to gold examples
EFFORT = 300_000  # work on likeness of texts (characters to compare; about a second), shared by the fields that need it
KEPT = 7 * 86_400  # seconds in the cache; a new answer has another key
RULES = 1  # counts up when figures are computed otherwise
COUNTED = (Annotation.State.SUBMITTED, Annotation.State.ACCEPTED, Annotation.State.DECLINED)


@dataclass(frozen=True, slots=True)
class Eyes:
    """Who looks: curators see everybody, others the task's totals and their own figures."""

    user: int
    curator: bool

    def may_see(self, *people: int) -> bool:
        return self.curator or self.user in people


def counted(task: Task) -> Any:
    """The answers that count, of examples that are there and are annotated for the data."""
    # By the primary key alone: a join on the task too goes wrong while the database has not counted a new task yet.
    out = Example.objects.filter(pk=OuterRef("example_id")).filter(Q(deleted_at__isnull=False) | Q(gold_only=True))
    return Annotation.objects.filter(~Exists(out), task=task, state__in=COUNTED)


def figures(task: Task) -> dict[str, Any]:
    """All figures of a task as plain data: {fields, examples, more, gold, people}. From the cache where it holds them.

    Raises `curation.answers.FormError` if the form of the task cannot be used.
    """
    key = _key(task)
    kept = _from_cache(key)
    if kept is not None:
        return kept
    made = json.dumps(_compute(task), allow_nan=False)
    try:
        cache.set(key, made, KEPT)
    except (RedisError, OSError):
        logger.warning("the cache does not answer, so agreement is computed for each page")
    found: dict[str, Any] = json.loads(made)
    return found


def _from_cache(key: str) -> dict[str, Any] | None:
    try:
        kept = cache.get(key)
    except (RedisError, OSError):
        return None
    return json.loads(kept) if isinstance(kept, str) else None


def _key(task: Task) -> str:
    """What the figures depend on: answers that came, changed, were returned or counted no more; the form; examples."""
    state = Annotation.objects.filter(task=task).aggregate(
        newest=Max("submitted_at"), versions=Sum("version"), count=Count("pk", filter=Q(state__in=COUNTED)),
        gold=Sum("gold_score"), gone=Count("pk", filter=Q(example__deleted_at__isnull=False)),
    )  # fmt: skip
    facts = [RULES, task.pk, task.form, task.team.time_zone, {name: str(value) for name, value in state.items()}]
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
    return f"agreement:{task.pk}:{digest}"


def _compute(task: Task) -> dict[str, Any]:
    from curation import answers, measures

    form = answers.load_form(task.form)
    newest = list(
        counted(task).values("example").annotate(answers=Count("pk"), at=Max("submitted_at"))
        .filter(answers__gte=2).order_by("-at", "-example").values_list("example", "at")[: MOST + 1]
    )  # fmt: skip
    more, newest = len(newest) > MOST, newest[:MOST]
    said: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
    rows = counted(task).filter(example__in=[example for example, _ in newest])
    for example, who, answer in rows.values_list("example_id", "annotator_id", "answer").order_by("pk"):
        said[example][who] = answers.clean(form, answer)
    zone = ZoneInfo(task.team.time_zone)
    share = EFFORT // max(1, sum(one.kind in ("text", "dialogue", "json", "spans", "ranking") for one in form))
    fields = []
    for field in form:
        units = [
            measures.Unit(example, monday(at, zone), {who: one.get(field.name) for who, one in said[example].items()})
            for example, at in newest
        ]
        found = measures.agreement(field.kind, field.options, units, budget=share)
        fields.append(found | {"name": field.name, "title": field.title})
    return {"fields": fields, "examples": len(newest), "more": more, "gold": _gold(task)}


def monday(at: datetime | None, zone: ZoneInfo) -> str:
    """The week of a moment, by the calendar of the team: its Monday."""
    day = at.astimezone(zone).date() if at else date(1970, 1, 1)
    return (day - timedelta(days=day.weekday())).isoformat()


def _gold(task: Task) -> list[dict[str, Any]]:
    """Each person against the known answers: how many she answered, and the mean score with its interval."""
    from curation import measures

    scores: dict[int, list[float]] = defaultdict(list)
    rows = Annotation.objects.filter(
        task=task, gold_score__isnull=False, state__in=COUNTED, example__gold__isnull=False, example__deleted_at=None
    )  # fmt: skip
    for who, score in rows.order_by("-submitted_at").values_list("annotator_id", "gold_score")[:GOLD_MOST]:
        scores[who].append(float(score or 0.0))
    found = []
    for who, own in scores.items():
        low, high = measures.bootstrap_mean(own) or (None, None)
        found.append({"who": who, "answers": len(own), "mean": sum(own) / len(own), "low": low, "high": high})
    return sorted(found, key=lambda one: (-one["mean"], one["who"]))


def names(people: set[int]) -> dict[int, str]:
    return {user.pk: str(user) for user in User.objects.filter(pk__in=people).only("name", "email")}


def seen(found: dict[str, Any], eyes: Eyes) -> dict[str, Any]:
    """What these eyes may see of the figures, with names. Costs one query for names and one for examples."""
    people = {one["who"] for one in found["gold"]} | {
        who for field in found["fields"] for pair in field["pairs"] for who in (pair["a"], pair["b"])
    }
    called = names({who for who in people if eyes.may_see(who)})
    called[eyes.user] = "You" if not eyes.curator else called.get(eyes.user, "You")
    ids = [one["example"] for field in found["fields"] for one in field["worst"]] if eyes.curator else []
    keys = dict(Example.objects.filter(pk__in=ids).values_list("pk", "key")) if ids else {}
    return found | {
        "fields": [_seen_field(field, eyes, called, keys) for field in found["fields"]],
        "gold": [one | {"name": called[one["who"]]} for one in found["gold"] if eyes.may_see(one["who"])],
    }


def _seen_field(field: dict[str, Any], eyes: Eyes, called: dict[int, str], keys: dict[int, str]) -> dict[str, Any]:
    return field | {
        "people": [one | {"name": called.get(one["who"], "Somebody")} for one in field["people"] if eyes.may_see(one["who"])],
        "pairs": [
            one | {"names": [called.get(one["a"], "Somebody"), called.get(one["b"], "Somebody")]}
            for one in field["pairs"] if eyes.curator
        ],
        "worst": [one | {"key": keys[one["example"]]} for one in field["worst"] if one["example"] in keys],
    }  # fmt: skip
