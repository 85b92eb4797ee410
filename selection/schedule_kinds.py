"""What selection can do on a schedule: run again on a pool as it is then, and bring the new picks to a task."""

from typing import Any

from django import forms
from django.urls import reverse

from curation.content import key_of, load
from curation.faces import Thing
from curation.incoming import OUTPUTS_AS as WORDS
from curation.models import Example, Task, Team
from curation.scheduling import SettingsForm, TeamKind, Trigger, actor_of, need, team_of, trigger
from jobs.models import Firing, Job, Schedule
from jobs.schedules import register
from selection.actions import runs, send, targets
from selection.methods import METHODS
from selection.models import Pick, Pool, Run, Shard, Target
from selection.running import reuse

FIXED, REDRAWN = "fixed", "redrawn"


def _rows(pool_id: int) -> int | None:
    return Pool.objects.visible().filter(pk=pool_id).values_list("rows", flat=True).first()


trigger(
    "pool.rows",
    Trigger(
        "After new rows of a pool",
        "Pool",
        "rows",
        lambda team: Pool.objects.visible().filter(team=team).order_by("name"),
    ),
    _rows,
)


def runs_of(team: Team) -> Any:
    return Run.objects.of(team).order_by("-number")


class RunForm(SettingsForm):
    run = forms.ModelChoiceField(
        Run.objects.none(), label="With the settings of", empty_label=None,
        help_text="Its pool as it is then, its method, budget, options and seed.",
    )  # fmt: skip
    target = forms.ChoiceField(
        label="Target", initial=FIXED, widget=forms.RadioSelect,
        choices=[(FIXED, "The same each time"), (REDRAWN, "Redrawn from the accepted examples of a task")],
    )  # fmt: skip
    task = forms.ModelChoiceField(Task.objects.none(), label="Redrawn from", required=False, empty_label="—")
    most = forms.IntegerField(
        label="Rows of a redrawn target", min_value=1, max_value=targets.MAX_ROWS, initial=1_000, required=False,
        help_text="The examples that were accepted last.",
    )  # fmt: skip
    frozen = forms.BooleanField(
        label="Keep what the first run learned of the pool (frozen fit)", required=False,
        help_text="For BM25, DSIR and the classifier: scores of old rows then never move, and only new rows are read.",
    )  # fmt: skip
    always = forms.BooleanField(
        label="Run also when neither the pool nor the target has changed", required=False,
        help_text="The picks would be the same. Without the tick such a firing ends at once.",
    )  # fmt: skip
    into = forms.ModelChoiceField(
        Task.objects.none(), label="Put the new picks into the queue of", required=False, empty_label="No task",
        help_text="Those that the run before did not pick. What the task has already is not added twice.",
    )  # fmt: skip
    outputs_as = forms.ChoiceField(label="Outputs become", choices=[(name, WORDS[name]) for name in send.OUTPUTS_AS])

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, team=team, **kwargs)
        run: Any = self.fields["run"]
        run.queryset, run.label_from_instance = runs_of(team), _named
        for name in ("task", "into"):
            self.fields[name].queryset = Task.objects.of(team).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("frozen") and data.get("target") == REDRAWN:
            self.add_error("frozen", "What is learned depends on the target: with another one it is learned anew.")
        elif data.get("frozen") and (run := data.get("run")) is not None and not reuse.freezable(run.method):
            self.add_error(
                "frozen", f"{_title(run)} learns nothing of the pool that could be kept. Take the tick away."
            )
        if data.get("target") == REDRAWN:
            run = data.get("run")
            if run is not None and run.target_id is None:
                self.add_error("target", "That run has no target, so there is nothing to redraw.")
            elif data.get("task") is None and "task" in data:
                self.add_error("task", "Choose the task whose accepted examples become the target.")
            data["most"] = data.get("most") or 1_000
        return data


def _named(run: Run) -> str:
    return f"Run {run.number}: {run.budget} of {run.pool} by {_title(run)}"


def _title(run: Run) -> str:
    return METHODS[run.method].title if run.method in METHODS else run.method


@register
class SelectionKind(TeamKind):
    """Settings: run (key), target, task, most, always, into, outputs_as. `firing.facts`: run, number, before, new, …"""

    name = "run"
    word = "Selection"
    icon = "run"
    says = "Runs a selection again on its pool as it is then, and says which picks are new, kept and gone."
    form = RunForm
    lacking = "There is no run yet."

    def start(self, firing: Firing) -> Job | None:
        given, team = firing.schedule.settings, team_of(firing.schedule)
        base: Run = need(runs_of(team).filter(pk=given["run"]).first(), "The run whose settings are used")
        method = METHODS.get(base.method)
        before = last_run(firing.schedule, base)
        target = redrawn(team, firing, before) if given["target"] == REDRAWN else base.target
        firing.facts |= {"before": before.pk, "before_number": before.number}
        if not given.get("always") and same(base, target, before):
            firing.facts |= {"unchanged": True}
            return None
        made = runs.start(
            team=team, by=actor_of(firing), pool=base.pool, target=target, method=base.method,
            method_version=method.version if method is not None else base.method_version, params=base.params,
            budget=base.budget, options=base.options, seed=base.seed, interactive=False, reuses=True, after=before,
            fits_of=_runs_of(firing.schedule) if given.get("frozen") else (),
        )  # fmt: skip
        firing.facts |= {"run": made.pk, "number": made.number, "rows": made.rows, "rows_before": before.rows}
        return made.job

    def follow(self, firing: Firing, job: Job) -> Job | None:
        if "sent" in firing.facts or "unchanged" in firing.facts:
            return None
        run: Run = need(Run.objects.filter(pk=firing.facts["run"]).first(), "The run")
        before = Run.objects.filter(pk=firing.facts["before"]).first()
        firing.facts |= difference(run, before) | {"reused": run.facts.get("reused", 0)}
        into = firing.schedule.settings.get("into")
        if not into or not firing.facts["new"]:
            return None
        team = team_of(firing.schedule)
        task = need(Task.objects.of(team).filter(pk=into).first(), "The task that the new picks go to")
        firing.facts |= {"sent": task.pk, "task": task.name}
        outputs_as = firing.schedule.settings.get("outputs_as", "suggestion")
        return send.later(run=run, task=task, by=actor_of(firing), outputs_as=outputs_as, beyond=before)

    def objects(self) -> Any:
        return Run.objects.select_related("pool")

    def title(self, found: Any) -> str:
        return _named(found)

    def made(self, firing: Firing) -> list[Thing]:
        facts = firing.facts
        if "unchanged" in facts:
            return [Thing("Neither pool nor target had changed", reverse("run", args=[facts["before"]]))]
        if "run" not in facts:
            return []
        told = f"Run {facts['number']}"
        if "new" in facts:
            told += f": {facts['new']:,} new, {facts['kept']:,} kept, {facts['gone']:,} gone"
        if facts.get("reused"):
            told += f"; scores of {facts['reused']:,} of {facts['rows']:,} rows as before"
        found = [Thing(told, reverse("run", args=[facts["run"]]))]
        if "sent" in facts:
            found.append(Thing(f"New picks to {facts['task']}", reverse("task", args=[facts["sent"]])))
        return found

    def suggested(self, team: Team, of: int) -> tuple[str, dict[str, Any]]:
        found = runs_of(team).filter(pk=of).first()
        if found is None:
            return "", {}
        return f"{found.pool}, selected again", {"run": found.pk}


def last_run(schedule: Schedule, base: Run) -> Run:
    """The newest finished run of the schedule with these settings; before its first, the run that it repeats."""
    found = (
        Run.objects.filter(pk__in=_runs_of(schedule), pool=base.pool, job__state=Job.State.SUCCEEDED)
        .order_by("-pk")
        .first()
    )
    return found or base


def _runs_of(schedule: Schedule) -> list[int]:
    """Keys of the runs that it brought to their end."""
    told = schedule.firings.filter(facts__has_key="new").order_by("-pk")
    return [facts["run"] for facts in told.values_list("facts", flat=True)]


def same(base: Run, target: Target | None, before: Run) -> bool:
    """Whether the last run saw these rows, this target and these settings: its picks would come out again."""
    if before.job is None or before.job.state != Job.State.SUCCEEDED:
        return False
    now = [
        [one["id"], one["sha256"], one["mapping_sha"]]
        for one in Shard.objects.filter(pool=base.pool).order_by("index").values("id", "sha256", "mapping_sha")
    ]
    seen = [[one["id"], one["sha256"], one.get("mapping_sha")] for one in before.shards]
    method = METHODS.get(base.method)
    return (
        now == seen and before.target_id == (target.pk if target else None)
        and (before.method, before.params, before.budget, before.options, before.seed)
        == (base.method, base.params, base.budget, base.options, base.seed)
        and (method is None or before.method_version == method.version)
    )  # fmt: skip


def redrawn(team: Team, firing: Firing, before: Run) -> Target:
    """A target of the examples that were accepted last; that of the run before if it has just these rows."""
    given = firing.schedule.settings
    task: Task = need(Task.objects.of(team).filter(pk=given["task"]).first(), "The task of the target")
    accepted = Example.objects.alive().filter(task=task, state=Example.State.ACCEPTED, gold_only=False)
    newest = accepted.order_by("-accepted_at", "-pk").values_list("key", "content")[: given.get("most") or 1_000]
    rows = [
        targets.NewRow(load(content), origin={"task": task.pk, "example": key})
        for key, content in sorted(newest, key=lambda one: one[0])
    ]  # fmt: skip
    wanted = list(dict.fromkeys(key_of(row.content) for row in rows))
    if before.target is not None and list(before.target.rows.values_list("key", flat=True)) == wanted:
        return before.target
    name = f"{task.name[:80]}, accepted by {firing.due_at:%Y-%m-%d %H:%M}"
    return targets.same_or_new(team=team, by=actor_of(firing), name=name, rows=rows)


def difference(run: Run, before: Run | None) -> dict[str, int]:
    """Picks of a run against those of the one before, by their row keys."""
    if before is None:
        return {"new": run.picks_count, "kept": 0, "gone": 0}
    kept = Pick.objects.filter(run=run, key__in=Pick.objects.filter(run=before).values("key")).count()
    return {"new": run.picks_count - kept, "kept": kept, "gone": before.picks_count - kept}
