"""The jobs that put a task's queue in order, and back."""

from typing import Any

from django.utils import timezone

from config.faults import Fault
from curation.actions.slots import rearrange
from curation.models import Example, Task
from jobs import queries as jobs
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register
from selection import ordering_words as words
from selection.actions import ordering as actions
from selection.handlers.runs import Selection
from selection.kernels.disagreement import most_frequent, normalised, word_difference
from selection.models import Ordering, Pick, Pool, Run, Shard
from selection.running import snapshot
from selection.running.inputs import Inputs

SNAPSHOT, APPLY = "winnow.snapshot", "winnow.apply"
ENGINE = Selection()


@register
class OrderKind(Kind):
    """A snapshot of the open examples, then the passes of an ordinary run over it, then the places."""

    name = actions.KIND

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        total = Ordering.objects.filter(pk=job.params["ordering"]).values_list("examples", flat=True).first() or 0
        if index == 0:
            return PassPlan(
                SNAPSHOT, "Look at the open examples", [StepPlan({"stage": "snapshot"}, total=total)], "examples"
            )
        if "run" in job.params:
            stages = len(Inputs.of(job).stages)
            if index <= stages:
                return ENGINE.open_pass(job, index - 1)
            index -= stages
        if index == 1:
            return PassPlan(APPLY, "Put the queue in order", [StepPlan({"stage": "apply"}, total=total)], "examples")
        return None

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        stage = step.payload["stage"]
        if stage not in ("snapshot", "apply"):
            return ENGINE.run(step, beat)
        found = _ordering(step.job)
        return _snapshot(found, beat) if stage == "snapshot" else _apply(found, beat)

    def store(self, step: Step, result: dict[str, Any]) -> None:
        stage = step.payload["stage"]
        if stage == "snapshot":
            _keep_snapshot(step.job, result)
        elif stage == "apply":
            _keep_places(step.job, result)
        else:
            ENGINE.store(step, result)

    def succeeded(self, job: Job) -> None:
        found = Ordering.objects.select_related("run").get(pk=job.params["ordering"])
        actions.forget(found)


def _ordering(job: Job) -> Ordering:
    """Raises `Fault` ordering.task_gone."""
    found = Ordering.objects.select_related("task__team", "run", "by").filter(pk=job.params["ordering"]).first()
    if found is None or found.task.deleted_at is not None:
        raise Fault("ordering.task_gone")
    return found


def _snapshot(ordering: Ordering, beat: Beat) -> dict[str, Any]:
    pool_id = ordering.run.pool_id if ordering.run is not None else None
    if pool_id is None:
        rows = snapshot.open_examples(ordering.task).order_by("pk").values_list("pk", "priority", "why_now")
        was = [list(row) for row in rows.iterator(chunk_size=snapshot.BATCH)]
        made: dict[str, Any] = {"file": None, "was": was, "newest": was[-1][0] if was else 0}
    else:
        made = snapshot.write(ordering.task, pool_id, beat, whole=ordering.order == "uncertainty")
    if len(made["was"]) < 2:
        raise Fault("ordering.nothing_open", task=ordering.task.name)
    return made | {"was": snapshot.keep(ordering.pk, made["was"])}


def _keep_snapshot(job: Job, result: dict[str, Any]) -> None:
    """The shard, the run that sees it, and what stood there before."""
    found = Ordering.objects.select_related("run", "task").get(pk=job.params["ordering"])
    was, file = snapshot.kept(result["was"]), result["file"]
    Ordering.objects.filter(pk=found.pk).update(
        examples=len(was), newest=result["newest"], before={"order": found.task.order, "was": was}
    )
    if file is None or found.run is None:
        return
    mapping = snapshot.MAPPING
    shard = Shard.objects.create(
        pool_id=found.run.pool_id, index=0, path=file["path"], sha256=file["sha256"], rows=file["rows"], first_row=0,
        bytes=file["bytes"], mapping=mapping.to_dict(), mapping_sha=mapping.sha(), stats=file["stats"],
    )  # fmt: skip
    Pool.objects.filter(pk=found.run.pool_id).update(rows=file["rows"], bytes=file["bytes"])
    pinned = {"id": shard.pk, "sha256": shard.sha256, "mapping_sha": shard.mapping_sha, "rows": shard.rows}
    Run.objects.filter(pk=found.run.pk).update(shards=[pinned], rows=shard.rows)


def _apply(ordering: Ordering, beat: Beat) -> dict[str, Any]:
    """Places in pieces, each in a transaction of its own: the same again when it is repeated."""
    ranked = _by_answers(ordering) if ordering.run is None else _by_picks(ordering.run)
    placed = 0
    for begin in range(0, len(ranked), actions.PIECE):
        beat.check()
        some = ranked[begin : begin + actions.PIECE]
        places = {
            pk: (float(len(ranked) - rank), words.place(rank + 1, why)) for rank, (pk, why) in enumerate(some, begin)
        }
        placed += actions.place(ordering=ordering, places=places)
        beat.progress(begin + len(some))
    actions.follow_priority(ordering, lambda _: beat.check())
    return {"placed": placed, "order": snapshot.keep(ordering.pk, [pk for pk, _ in ranked])}


def _by_picks(run: Run) -> list[tuple[int, str]]:
    """(example id, why) in the order of the run's picks."""
    found = list(Pick.objects.filter(run=run).order_by("rank").values_list("key", "reason"))
    task = Ordering.objects.values_list("task_id", flat=True).get(run=run)
    ids: dict[str, int] = {}
    keys = [key for key, _ in found]
    for begin in range(0, len(keys), actions.PIECE):
        some = Example.objects.filter(task_id=task, key__in=keys[begin : begin + actions.PIECE])
        ids |= dict(some.values_list("key", "pk"))
    return [(ids[key], words.because(reason)) for key, reason in found if key in ids]


def _by_answers(ordering: Ordering) -> list[tuple[int, str]]:
    """Examples on which answers differ most; those with fewer than two answers come last, as they came in."""
    said = snapshot.answers_of(ordering.task)
    ranked = []
    for pk, *_ in ordering.before["was"]:
        answers = said.get(pk, [])
        apart = word_difference(answers) if len(answers) > 1 else -1.0
        kinds = len(set(map(normalised, answers)))
        ranked.append((-apart, pk, words.of_answers(len(answers), kinds, most_frequent(answers)[1] if answers else 0)))
    return [(pk, why) for _, pk, why in sorted(ranked, key=lambda one: (one[0], one[1]))]


def _keep_places(job: Job, result: dict[str, Any]) -> None:
    found = Ordering.objects.select_related("run").get(pk=job.params["ordering"])
    order = snapshot.kept(result["order"])
    new = {pk: float(len(order) - rank) for rank, pk in enumerate(order)}
    was = [[*row[:3], new[row[0]]] for row in found.before.get("was", []) if row[0] in new]
    Ordering.objects.filter(pk=found.pk).update(
        before=found.before | {"was": was}, placed=result["placed"], applied_at=timezone.now(), facts=_facts(found, job)
    )


def _facts(ordering: Ordering, job: Job) -> dict[str, Any]:
    """How it was made, for when the run is gone."""
    if ordering.run is None:
        return {}
    run = ordering.run
    chosen = jobs.results(job, "winnow.choose")[0]
    return {
        "method": run.method, "version": run.method_version, "params": run.params, "seed": run.seed, "rows": run.rows,
        "notes": chosen["notes"],
    }  # fmt: skip


@register
class OrderUndoKind(Kind):
    """Many examples back to where they stood. With `only`: slots alone, after a plain rule."""

    name = actions.UNDO

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        total = Ordering.objects.filter(pk=job.params["ordering"]).values_list("examples", flat=True).first() or 0
        return PassPlan("undo", "Put the queue in order", [StepPlan(dict(job.params), total=total)], "examples")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        found = _ordering(step.job)

        def told(done: int) -> None:
            beat.progress(min(done, found.examples))
            beat.check()

        if step.payload.get("only"):
            task = Task.objects.select_related("team").get(pk=found.task_id)
            return {"examples": rearrange(task=task, by=found.by, wanted=False, told=told)}
        actions.restore(found, told)
        return {"examples": len(found.before.get("was", []))}
