"""What a team's schedules start: each kind with its word, its settings as a form, its object and what it made.

The engine (`jobs.schedules`) knows no team; an app registers its kinds and triggers here from `ready()`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.db import models

from config.faults import Fault
from curation.faces import Thing
from curation.models import Team, User
from jobs import schedules
from jobs.models import Firing, Schedule

PREFIX = "team:"


def team_id_of(schedule: Schedule) -> int:
    return int(schedule.lane.removeprefix(PREFIX))


def team_of(schedule: Schedule) -> Team:
    """Raises `Fault` schedule.source_gone for a team that is no more."""
    found = Team.objects.filter(pk=team_id_of(schedule)).first()
    if found is None:
        raise Fault("schedule.source_gone", what="The team")
    return found


class SettingsForm(forms.Form):
    """The settings of one kind. Objects are kept by their keys, so what was chosen is looked up anew at each firing."""

    use_required_attribute = False  # the page hides fields that do not belong to what was chosen

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        self.team = team
        super().__init__(*args, **kwargs | {"prefix": "do"})

    @property
    def subject(self) -> "forms.ModelChoiceField[Any]":
        """The field of what the schedule is about: the first one."""
        return self.fields[next(iter(self.fields))]  # type: ignore[return-value]

    def own_up(self) -> bool:
        """Whether what was chosen is gone. Then nothing is chosen any more, rather than whatever stands first."""
        name = next(iter(self.fields))
        chosen = self.initial.get(name)
        gone = chosen is not None and not self.subject.queryset.filter(pk=chosen).exists()  # type: ignore[union-attr]
        if gone:
            self.subject.empty_label = "Choose another"
        return gone

    def settings(self) -> dict[str, Any]:
        """JSON, from what was sent and is valid."""
        return {
            name: value.pk if isinstance(value, models.Model) else value for name, value in self.cleaned_data.items()
        }


class TeamKind(schedules.ScheduleKind):
    """A kind of schedule as people see it."""

    word: ClassVar[str]
    icon: ClassVar[str] = "clock"
    says: ClassVar[str]
    lacking: ClassVar[str] = "There is nothing yet that it could work on."
    form: ClassVar[type[SettingsForm]]

    def objects(self) -> "models.QuerySet[Any]":
        """What schedules of this kind may be about: the first of their settings holds a key of it."""
        raise NotImplementedError

    def title(self, found: Any) -> str:
        return str(found)

    def about(self, rows: Sequence[Schedule]) -> dict[int, Thing]:
        """What each is about, by the schedule's key, in few queries. Those whose object is gone are left out."""
        name = next(iter(self.form.base_fields))
        found = self.objects().in_bulk([row.settings.get(name) for row in rows])
        return {
            row.pk: Thing(self.title(one), one.get_absolute_url())
            for row in rows if (one := found.get(row.settings.get(name))) is not None
        }  # fmt: skip

    def ready(self, team: Team) -> bool:
        """Whether the team has anything that such a schedule could work on."""
        return bool(self.form(team=team).subject.queryset.exists())  # type: ignore[union-attr]

    def made(self, firing: Firing) -> list[Thing]:
        """What a firing made, from `firing.facts` alone."""
        return []

    def suggested(self, team: Team, of: int) -> tuple[str, dict[str, Any]]:
        """(name, settings) of a new schedule for the object of that key; ("", {}) where the team has none."""
        return "", {}


def kinds() -> dict[str, TeamKind]:
    return {name: kind for name, kind in schedules.KINDS.items() if isinstance(kind, TeamKind)}


def kind_of(schedule: Schedule) -> TeamKind | None:
    return kinds().get(schedule.kind)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Something that grows: `rows(team)` are the objects whose growth may be waited for, `noun` is what they are."""

    label: str
    noun: str
    unit: str  # in the plural
    rows: Callable[[Team], "models.QuerySet[Any]"]


TRIGGERS: dict[str, Trigger] = {}


def trigger(name: str, entry: Trigger, count: schedules.Counter) -> None:
    TRIGGERS[name] = entry
    schedules.counter(name)(count)


def need(found: Any, what: str) -> Any:
    """What a firing needs. Raises `Fault` schedule.source_gone where it was deleted."""
    if found is None:
        raise Fault("schedule.source_gone", what=what)
    return found


def actor_of(firing: Firing) -> User | None:
    """In whose name the work is done: who asked for it, else who made the schedule."""
    by = firing.by or firing.schedule.created_by
    return by if isinstance(by, User) else None
