"""Rows of the hub on a schedule: what has come to a dataset since the last time, into the same pool or task."""

from typing import Any

from django import forms
from django.urls import reverse

from config.faults import Fault
from curation.actions import fetches
from curation.faces import Thing
from curation.fetching import taker_of
from curation.models import HubFetch, Team
from curation.scheduling import SettingsForm, TeamKind, actor_of, need, team_id_of, team_of
from jobs.models import Firing, Job
from jobs.schedules import register


def fetches_of(team: Team) -> Any:
    """Fetches that became an import, newest first."""
    return HubFetch.objects.filter(team=team).exclude(taken_at=None).order_by("-pk")


def _named(row: HubFetch) -> str:
    return f"{row} into {taker_of(row).title(row) or 'what is gone'}"


class HubForm(SettingsForm):
    fetch = forms.ModelChoiceField(
        HubFetch.objects.none(), label="Again, from the hub", empty_label=None,
        help_text="The same dataset, configuration, split and revision, into the same place, with the same columns.",
    )  # fmt: skip
    whole = forms.BooleanField(
        label="Read all files each time, not only new and changed ones", required=False,
        help_text="A pool takes rows that it has already once more; a task leaves out those that it has.",
    )  # fmt: skip

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, team=team, **kwargs)
        field: Any = self.fields["fetch"]
        field.queryset, field.label_from_instance = fetches_of(team), _named


@register
class HubKind(TeamKind):
    """Settings: fetch (key), whole."""

    name = "hub"
    word = "Import from the hub"
    icon = "download"
    says = "Brings what has come to a dataset of the hub since the last time into the same pool or task."
    form = HubForm
    lacking = "Nothing was imported from the hub yet."

    def start(self, firing: Firing) -> Job | None:
        given, team = firing.schedule.settings, team_of(firing.schedule)
        base: HubFetch = need(fetches_of(team).filter(pk=given["fetch"]).first(), "The import from the hub")
        made = fetches.fetch(
            team=team, by=actor_of(firing), into=base.into, target=base.target, dataset=base.dataset,
            config=base.config, split=base.split, revision=base.revision, mapping=base.mapping or base.seen.get("mapping"),
            options=base.options | {"beyond": [] if given.get("whole") else _before(firing, base)}, start=True,
        )  # fmt: skip
        firing.facts |= {"fetch": made.pk}
        return made.job

    def follow(self, firing: Firing, job: Job) -> Job | None:
        found: HubFetch = need(HubFetch.objects.filter(pk=firing.facts["fetch"]).first(), "What was fetched")
        made = _import_of(found)
        firing.facts |= {"files": len(found.found.get("files", [])), "had": found.found.get("had", 0)}
        if not found.found.get("files"):
            return None
        if made is None:
            raise Fault("schedule.source_gone", what=f"The {taker_of(found).word}")
        if made.job is None:
            raise Fault("schedule.draft", name=str(found))
        if not made.job.is_final:
            return made.job  # type: ignore[no-any-return]
        firing.facts |= {"good": made.rows_good, "bad": made.rows_bad}
        return None

    def objects(self) -> Any:
        return HubFetch.objects.all()

    def title(self, found: Any) -> str:
        return _named(found)

    def made(self, firing: Firing) -> list[Thing]:
        facts = firing.facts
        if "fetch" not in facts:
            return []
        url = reverse("hub_fetch", args=[facts["fetch"]])
        if "files" in facts and not facts["files"]:
            return [Thing("No new or changed file", url)]
        told = "Files of the hub"
        if "files" in facts:
            told = f"{facts['files']:,} new or changed file{'' if facts['files'] == 1 else 's'}"
        if "good" in facts:
            told += f", {facts['good']:,} rows" + (f", {facts['bad']:,} bad" if facts["bad"] else "")
        return [Thing(told, url)]

    def suggested(self, team: Team, of: int) -> tuple[str, dict[str, Any]]:
        found = fetches_of(team).filter(pk=of).first()
        return (f"{found.dataset} again", {"fetch": found.pk}) if found is not None else ("", {})


def _before(firing: Firing, base: HubFetch) -> list[int]:
    """The fetch that is repeated and those that the schedule has made: their files are there."""
    told = firing.schedule.firings.filter(facts__has_key="good").values_list("facts", flat=True)
    mine = [facts["fetch"] for facts in told]
    same = HubFetch.objects.filter(pk__in=mine, team=team_id_of(firing.schedule), into=base.into, target=base.target)
    return [base.pk, *same.values_list("pk", flat=True)]


def _import_of(found: HubFetch) -> Any:
    """The import that it became, of either kind."""
    return getattr(found, "pool_import", None) or getattr(found, "example_import", None)
