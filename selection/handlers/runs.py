"""Steps of a run: each pass of its method as a map and a reduce, then choose, then the picked rows of each shard."""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from django.db import connection, transaction

from config.faults import Fault
from curation.content import ContentError
from jobs import queries as jobs
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register
from selection import methods, picked, store
from selection.methods.base import Part, kept
from selection.models import Pick, Run
from selection.running import collecting, features, finishing, reuse
from selection.running.inputs import Inputs, parts, reduce_name
from selection.running.lookup import Lookup

COPY = "COPY selection_pick (run_id, shard_id, rank, key, score, source, chars, excerpt, reason, row) FROM STDIN"
CHOOSE, COLLECT = "winnow.choose", "winnow.collect"


@register
class Selection(Kind):
    """Passes of the job: for each pass of the method a map (and its reduce), then choose, then collect."""

    name = "selection.run"

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        inputs = Inputs.of(job)
        if index >= len(inputs.stages):
            return None
        stage, number = inputs.stages[index]
        title = inputs.title(index)
        if stage == "map":
            return _map_plan(inputs, job, number, title)
        if stage == "reduce":
            one = inputs.passes[number]
            payload, count = {"stage": "reduce", "pass": number}, len(jobs.results(job, one.name))
            return PassPlan(reduce_name(one), title, [StepPlan(payload, queue=one.queue, total=count)], unit="parts")
        if stage == "choose":
            return PassPlan(CHOOSE, title, [StepPlan({"stage": "choose"}, total=inputs.run.rows)])
        steps = [
            StepPlan({"stage": "collect", "shard": place}, total=shard["rows"])
            for place, shard in enumerate(inputs.run.shards)
        ]
        return PassPlan(COLLECT, title, steps)

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        inputs = Inputs.of(step.job)
        stage = {"map": _map, "reduce": _reduce, "choose": _choose, "collect": _collect}[step.payload["stage"]]
        try:
            return stage(inputs, step, beat)
        except methods.ParamsError as error:
            raise Fault("run.params", field=error.field, why=error.why) from None
        except ContentError as error:
            raise Fault("run.unreadable", pool=inputs.run.pool.name, field=error.field, why=error.why) from None
        except MemoryError:
            raise Fault("run.memory", method=inputs.method.title) from None

    def store(self, step: Step, result: dict[str, Any]) -> None:
        if step.payload["stage"] == "collect" and result["file"]:
            insert_picks(step.job.params["run"], result)
        if "keep" in result:
            reuse.note(step.job.params["run"], result["of"], result["keep"])
        if "value" in result:
            reuse.use(step.job.params["run"], result["value"])
        if "made" in result:
            features.note(result["shard"], result["name"], result["made"])

    def succeeded(self, job: Job) -> None:
        inputs = Inputs.of(job)
        files = finishing.finish(inputs, job, jobs.results(job, CHOOSE)[0], jobs.results(job, COLLECT))
        # Parts of the passes have done their work; what the result page reads stays.
        prefix, wanted = f"runs/{inputs.run.pk}", {file["path"] for file in files} | _keep_fit(inputs, job)
        transaction.on_commit(lambda: store.keep_only(prefix, wanted), robust=True)


def _keep_fit(inputs: Inputs, job: Job) -> set[str]:
    """A run that keeps values keeps its fit too, for runs that freeze it; the paths."""
    if not inputs.run.reuses:
        return set()
    names = [name for name in reuse.FITS.get(inputs.run.method, ()) if name not in inputs.frozen]
    paths = inputs.paths(job, len(inputs.passes))
    fits = {name: paths[name] for name in names if name in paths}
    Run.objects.filter(pk=inputs.run.pk).update(fits=fits)
    reuse.forget_older(inputs.run)
    return set(fits.values())


def _map_plan(inputs: Inputs, job: Job, number: int, title: str) -> PassPlan:
    one = inputs.passes[number]
    steps = []
    for item in inputs.items(number, inputs.ctx(job, number)):
        payload = {"stage": "map", "pass": number, "item": [item.index, item.shard, item.start, item.stop]}
        steps.append(StepPlan(payload, queue=one.queue, total=item.rows))
    return PassPlan(one.name, title, steps, unit=one.unit)


def _map(inputs: Inputs, step: Step, beat: Beat) -> dict[str, Any]:
    number, item = step.payload["pass"], methods.Item(*step.payload["item"])
    one = inputs.passes[number]
    ctx = inputs.ctx(step.job, number, tick=lambda done: beat.progress(done, item.rows))
    if reuse.keepable(inputs, one):
        return _map_once(inputs, step, beat, ctx)
    part = one.map(inputs.rows(number, item, ctx), ctx)
    beat.progress(item.rows, item.rows)
    if one.keeps is not None:
        shard = inputs.shards[item.shard]
        return {
            "shard": shard.pk,
            "name": kept(one, ctx),
            "made": features.save(shard, item, part["features"]),
        }
    return {"path": store.save_part(inputs.run.pk, methods.dump(part)), "shard": item.shard}


def _map_once(inputs: Inputs, step: Step, beat: Beat, ctx: methods.Ctx) -> dict[str, Any]:
    """The part of an earlier run where it still holds, else a new one that is kept for later runs."""
    number, item = step.payload["pass"], methods.Item(*step.payload["item"])
    one, paths = inputs.passes[number], inputs.paths(step.job, number)
    found = reuse.find(inputs, one, item, ctx, paths)
    if found is not None:
        beat.progress(item.rows, item.rows)
        return {"path": found.path, "shard": item.shard, "reused": item.rows, "value": found.pk}
    seen: set[str] = set()
    watching = reuse.watched(ctx, seen)
    part = one.map(inputs.rows(number, item, watching), watching)
    beat.progress(item.rows, item.rows)
    made = reuse.kept(inputs, one, item, (ctx, seen, paths), methods.dump(part))
    return {"path": made["path"], "shard": item.shard, "keep": made, "of": inputs.shards[item.shard].pk}


def _checking(beat: Beat) -> Callable[[int], None]:
    """A tick that only asks whether to go on: the rows it counts are not those of the step."""

    def tick(done: int) -> None:
        beat.check()

    return tick


def _reduce(inputs: Inputs, step: Step, beat: Beat) -> dict[str, Any]:
    number = step.payload["pass"]
    one = inputs.passes[number]
    found = jobs.results(step.job, one.name)

    def walk() -> Iterator[Part]:
        for done, result in enumerate(found):
            yield parts([result["path"]])[0]
            beat.progress(done + 1, len(found))

    ctx = inputs.ctx(step.job, number, tick=_checking(beat))
    value = one.reduce(walk(), ctx) if one.reduce else {}
    return {"path": store.save_part(inputs.run.pk, methods.dump(value))}


def _choose(inputs: Inputs, step: Step, beat: Beat) -> dict[str, Any]:
    """Merge the score columns and pick. The result names a part with one line a pick, in the order of ranks."""
    found = inputs.score_parts(step.job)
    columns = parts([result["path"] for result in found])
    shard_of = [result["shard"] for result in found]
    chosen = methods.choose(
        columns, budget=methods.Budget.parse(inputs.run.budget), options=inputs.options,
        lookup=Lookup(inputs.shards, shard_of, inputs.options), seed=inputs.run.seed, tests=inputs.tests,
        tick=lambda done: beat.progress(min(done, inputs.run.rows), inputs.run.rows),
    )  # fmt: skip
    beat.progress(inputs.run.rows, inputs.run.rows)
    part: dict[str, np.ndarray[Any, Any]] = {
        "shard": np.array([shard_of[pick.column] for pick in chosen.picks], np.int32),
        "row": np.array([pick.row for pick in chosen.picks], np.int64),
        "score": np.array([pick.score for pick in chosen.picks], np.float32),
    }
    return {
        "path": store.save_part(inputs.run.pk, methods.dump(part)),
        "picks": len(chosen.picks), "skipped": chosen.skipped, "read": chosen.read,
        "wanted": chosen.wanted, "tokens": chosen.tokens,
        "scores": collecting.score_facts(columns, part["score"]), "notes": _notes(inputs, step, columns),
    }  # fmt: skip


def _notes(inputs: Inputs, step: Step, columns: Sequence[Part]) -> list[dict[str, str]]:
    """What the method says of the run."""
    ctx = inputs.ctx(step.job, len(inputs.passes))
    return [note._asdict() for note in methods.notes_of(inputs.method, ctx, methods.Scores.of(columns))]


def _collect(inputs: Inputs, step: Step, beat: Beat) -> dict[str, Any]:
    """One shard: its picked rows with reasons as a file, and its share of the facts."""
    chosen = jobs.results(step.job, CHOOSE)[0]
    place = step.payload["shard"]
    picks = collecting.picks_of(chosen["path"], place)
    table = collecting.rows_with_reasons(inputs, step.job, place, picks, tick=_checking(beat))
    file = picked.save(inputs.run.pk, table) if table is not None else None
    beat.check()
    facts = collecting.facts(inputs, step.job, place, picks, chosen)
    beat.progress(inputs.shards[place].rows)
    leaked = collecting.leaked(inputs, table) if table is not None else 0
    return {"file": file, "shard": inputs.shards[place].pk, "facts": facts, "leaked": leaked}


def insert_picks(run_id: int, result: dict[str, Any]) -> None:
    """The picks of one shard, by COPY; a step that is repeated replaces its own."""
    Pick.objects.filter(run_id=run_id, shard_id=result["shard"]).delete()
    file = result["file"]
    rows = collecting.pick_lines(io.BytesIO(store.open_file(file["path"]).read()))
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in rows:
            copy.write_row((run_id, result["shard"], *row))


__all__ = ["Run", "Selection"]
