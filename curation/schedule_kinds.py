"""What curation can do on a schedule: freeze and export a dataset, ask a language model for more candidates."""

from typing import Any

from django import forms
from django.urls import reverse

from config.faults import Fault
from curation.actions import datasets, generations, pushes
from curation.faces import Thing
from curation.formats.training import TRAINING
from curation.forms.hub import VISIBLE, WAYS
from curation.generators import GENERATORS
from curation.models import Dataset, DatasetVersion, Example, Generation, HubToken, Task, Team
from curation.scheduling import SettingsForm, TeamKind, Trigger, actor_of, need, team_id_of, trigger
from curation.synthesis import inputs
from jobs.models import Firing, Job
from jobs.schedules import register


def _accepted(task_id: int) -> int | None:
    if not Task.objects.alive().filter(pk=task_id).exists():
        return None
    return Example.objects.alive().filter(task=task_id, state=Example.State.ACCEPTED).count()


trigger(
    "task.accepted",
    Trigger("After newly accepted examples of a task", "Task", "accepted examples", Task.objects.of),
    _accepted,
)


# --- datasets ---


class DatasetForm(SettingsForm):
    dataset = forms.ModelChoiceField(Dataset.objects.none(), label="Dataset", empty_label=None)
    formats = forms.MultipleChoiceField(
        label="Then pack it as", required=False, widget=forms.CheckboxSelectMultiple,
        choices=[(name, one.title) for name, one in TRAINING.items()],
    )  # fmt: skip
    only_changed = forms.BooleanField(
        label="Pack and push nothing if no row has changed since the version before", required=False, initial=True
    )
    repo = forms.CharField(
        label="Then push it to the hub", max_length=120, required=False, strip=True,
        help_text="The repository as owner/name; empty for no push. It goes under the team's token of the hub.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none", "placeholder": "owner/name"}
        ),
    )  # fmt: skip
    push_format = forms.ChoiceField(
        label="Pushed as", choices=[(name, one.title) for name, one in TRAINING.items()], initial="parquet",
        required=False,
    )  # fmt: skip
    branch = forms.CharField(label="Branch", max_length=100, initial="main", required=False)
    way = forms.ChoiceField(label="How", choices=WAYS, initial="branch", widget=forms.RadioSelect, required=False)
    visible = forms.ChoiceField(
        label="Who may see a repository that is made", choices=VISIBLE, initial="private", widget=forms.RadioSelect,
        required=False,
    )  # fmt: skip
    existing = forms.BooleanField(label="Write to the repository also if others made it", required=False)

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, team=team, **kwargs)
        self.fields["dataset"].queryset = Dataset.objects.of(team).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        checks = (("repo", pushes.checked_repo), ("branch", pushes.checked_branch)) if data.get("repo") else ()
        for name, check in checks:
            try:
                data[name] = check(data.get(name) or "")
            except Fault as fault:
                self.add_error(name, f"{fault.what} {fault.advice}")
        if checks and not HubToken.objects.filter(team=self.team).exists():
            self.add_error("repo", "The team has no token of the hub yet. An owner enters it on the team's page.")
        return data


@register
class FreezeKind(TeamKind):
    """Settings: dataset (key), formats, only_changed; repo ("" for no push), push_format, branch, way, visible, existing."""

    name = "dataset"
    word = "New version of a dataset"
    icon = "dataset"
    says = "Freezes a version with the rows as they are then, packs it in the formats that you choose, and can push it."
    form = DatasetForm
    lacking = "There is no dataset yet."

    def start(self, firing: Firing) -> Job | None:
        given = firing.schedule.settings
        found = Dataset.objects.alive().filter(team=team_id_of(firing.schedule), pk=given["dataset"]).first()
        made = datasets.freeze(
            dataset=need(found, "The dataset"),
            by=actor_of(firing),
            changelog=f"By the schedule {firing.schedule.name}.",
        )
        firing.facts |= {"version": made.pk, "number": made.number, "name": made.dataset.name, "packed": []}
        return made.job

    def follow(self, firing: Firing, job: Job) -> Job | None:
        facts, given = firing.facts, firing.schedule.settings
        if "packing" in facts:
            facts["packed"] = [*facts["packed"], facts.pop("packing")]
        rows = DatasetVersion.objects.select_related("dataset__team")
        version: DatasetVersion = need(rows.filter(pk=facts["version"], deleted_at=None).first(), "The version")
        if "rows" not in facts:
            facts |= {"rows": version.rows, "since": version.counts.get("since") or {}}
            before = version.dataset.versions.filter(number__lt=version.number, deleted_at=None).exclude(sha256="")
            last = before.order_by("-number").first()
            facts |= {"same": last is not None and last.sha256 == version.sha256, "sha256": version.sha256}
        if given.get("only_changed") and facts["sha256"] == _arrived(firing):
            return None
        return self._pack(firing, version)

    def _pack(self, firing: Firing, version: DatasetVersion) -> Job | None:
        """The next format that is not packed yet."""
        for name in firing.schedule.settings.get("formats", []):
            if name in firing.facts["packed"]:
                continue
            export = datasets.export(version=version, format=name, by=actor_of(firing))
            if not export.path:
                firing.facts["packing"] = name  # packed when its job has succeeded
                return export.job
            firing.facts["packed"] = [*firing.facts["packed"], name]
        return self._push(firing, version)

    def _push(self, firing: Firing, version: DatasetVersion) -> Job | None:
        """To the hub, where the schedule names a repository and this firing has not pushed yet."""
        given = firing.schedule.settings
        if not given.get("repo") or "pushed" in firing.facts:
            return None
        made = pushes.push(
            version=version, by=actor_of(firing), repo=given["repo"], format=given.get("push_format") or "parquet",
            branch=given.get("branch") or "main", pull_request=given.get("way") == "pull",
            private=given.get("visible") != "public", existing=bool(given.get("existing")),
        )  # fmt: skip
        firing.facts |= {"pushed": given["repo"]}
        return made.job

    def objects(self) -> Any:
        return Dataset.objects.alive()

    def made(self, firing: Firing) -> list[Thing]:
        facts = firing.facts
        if "version" not in facts:
            return []
        told = f"Version {facts['number']}"
        if "rows" in facts:
            since = facts["since"]
            told += f", {facts['rows']:,} rows"
            if facts["same"]:
                told += ", the same as before"
            elif since:
                told += f" (+{since.get('added', 0):,} −{since.get('removed', 0):,})"
        if facts.get("packed"):
            told += f", packed as {', '.join(facts['packed'])}"
        if facts.get("pushed") and firing.state == Firing.State.SUCCEEDED:
            told += f", pushed to {facts['pushed']}"
        dataset_id = firing.schedule.settings["dataset"]
        return [Thing(told, reverse("dataset_version", args=[dataset_id, facts["number"]]))]

    def suggested(self, team: Team, of: int) -> tuple[str, dict[str, Any]]:
        found = Dataset.objects.of(team).filter(pk=of).first()
        return (f"{found.name}, frozen", {"dataset": found.pk}) if found is not None else ("", {})


def _arrived(firing: Firing) -> str:
    """The content with which the schedule last came to its end: what failed on the way to the hub is tried again."""
    ended = (
        firing.schedule.firings.filter(state=Firing.State.SUCCEEDED, facts__has_key="sha256").order_by("-pk").first()
    )
    return str(ended.facts["sha256"]) if ended is not None else ""


# --- synthesis ---


class GenerationForm(SettingsForm):
    generation = forms.ModelChoiceField(
        Generation.objects.none(), label="With the settings of", empty_label=None,
        help_text="Its generator, endpoint, prompts, filters and sources. The task's examples are taken as they are then.",
    )  # fmt: skip
    wanted = forms.IntegerField(label="Candidates wanted each time", min_value=1, max_value=generations.MOST_WANTED)
    ceiling = forms.IntegerField(
        label="Most requests each time", min_value=1, required=False, help_text="Empty: ten for each wanted candidate."
    )
    money = forms.DecimalField(
        label="Most that it may cost each time", min_value=0, max_digits=12, decimal_places=4, required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip
    open_as_inputs = forms.BooleanField(
        label="The task's open examples are inputs, instead of those that were given then", required=False
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, team=team, **kwargs)
        rows = Generation.objects.filter(task__team=team, task__deleted_at=None, preview=False).select_related("task")
        field: Any = self.fields["generation"]
        field.queryset = rows.order_by("-pk")
        field.label_from_instance = _named

    def settings(self) -> dict[str, Any]:
        money = self.cleaned_data["money"]
        return super().settings() | {"money": None if money is None else str(money)}


def _named(row: Generation) -> str:
    title = GENERATORS[row.generator].title if row.generator in GENERATORS else row.generator
    return f"{title} for {row.task} (generation {row.pk})"


@register
class SynthesisKind(TeamKind):
    """Settings: generation (key), wanted, ceiling, money (as text), open_as_inputs."""

    name = "generation"
    word = "Synthesis"
    icon = "synthesis"
    says = "Asks a language model for more candidates, with the settings of an earlier generation and a new seed."
    form = GenerationForm
    lacking = "There is no generation yet; previews do not count."

    def start(self, firing: Firing) -> Job | None:
        given = firing.schedule.settings
        rows = Generation.objects.select_related("task__team", "endpoint")
        before: Generation = need(
            rows.filter(
                pk=given["generation"], task__team=team_id_of(firing.schedule), task__deleted_at=None
            ).first(),
            "The generation or its task",
        )  # fmt: skip
        _, kept = inputs.read(before)
        opened = bool(given.get("open_as_inputs"))
        sources = inputs.sources_of(
            before.task, passages=kept.passages, inputs=() if opened else kept.inputs, taxonomy=kept.taxonomy,
            tests=kept.tests, open_as_inputs=opened,
        )  # fmt: skip
        # Another seed: the same one would ask again what was answered, and be told the same.
        seed = (before.seed + firing.pk) % (1 << 31)
        made = generations.start(
            task=before.task, by=actor_of(firing), endpoint=before.endpoint, generator=before.generator,
            spec=inputs.spec_of(before.task), sources=sources, wanted=given["wanted"], ceiling=given.get("ceiling"),
            money=_money(given.get("money")), seed=seed, params=before.params, filters=before.filters,
            templates={name: one["sections"] for name, one in before.templates.items()},
        )  # fmt: skip
        firing.facts |= {"generation": made.pk}
        return made.job

    def follow(self, firing: Firing, job: Job) -> Job | None:
        found = Generation.objects.filter(pk=firing.facts.get("generation")).first()
        if found is not None:
            firing.facts |= {"kept": found.kept, "dropped": found.dropped, "state": found.get_state_display()}
            if found.state in (Generation.State.PAUSED, Generation.State.STOPPED) and not found.kept:
                raise Fault("schedule.generation", state=found.get_state_display().lower(), why=found.why)
        return None

    def objects(self) -> Any:
        return Generation.objects.select_related("task")

    def title(self, found: Any) -> str:
        return _named(found)

    def made(self, firing: Firing) -> list[Thing]:
        facts = firing.facts
        if "generation" not in facts:
            return []
        told = f"Generation {facts['generation']}"
        if "kept" in facts:
            told += f", {facts['kept']:,} kept, {facts['dropped']:,} dropped"
        return [Thing(told, reverse("generation", args=[facts["generation"]]))]

    def suggested(self, team: Team, of: int) -> tuple[str, dict[str, Any]]:
        rows = Generation.objects.filter(task__team=team, task__deleted_at=None, preview=False).select_related("task")
        found = rows.filter(pk=of).first()
        if found is None:
            return "", {}
        start = {"generation": found.pk, "wanted": found.wanted, "ceiling": found.ceiling, "money": found.money}
        return f"{found.generator} for {found.task}", start


def _money(text: str | None) -> Any:
    from decimal import Decimal

    return Decimal(text) if text else None
