"""Steps of a sparse autoencoder: look at the model, read hidden states, train in chunks, measure; or load and measure."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from config.faults import Fault
from jobs import queries as jobs
from jobs.heartbeat import Beat
from jobs.models import Job, Pass, Step
from jobs.registry import Kind, PassPlan, StepPlan, register
from selection import store
from selection.actions.saes import KIND
from selection.encoders.base import EncoderError
from selection.handlers import looks, naming  # noqa: F401  (register their kinds)
from selection.models import Shard, SparseAutoencoder
from selection.running import saes, training
from selection.running.training import Plan

LEAST = 1_000  # tokens to learn from
MEASURED = 16_384  # held-out tokens at most


@register
class Saes(Kind):
    """Passes of training: look, read, one a chunk, check. The chunks are cut by how fast they go; no number depends on it."""

    name = KIND

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        sae = _sae(job)
        if sae.how == SparseAutoencoder.How.LOADED:
            only = PassPlan("load", "Load and measure", [StepPlan({"stage": "load"}, "gpu")], unit="tokens")
            return None if index else only
        plan = Plan.of(sae)
        if index == 0:
            return PassPlan("look", "Look at the model", [StepPlan({"stage": "look"}, "gpu", plan.held_out)])
        if index == 1:
            parts = plan.parts(jobs.results(job, "look")[0]["dims"])[1:]
            steps = [
                StepPlan({"stage": "read", "start": start, "stop": stop}, "gpu", stop - start) for start, stop in parts
            ]
            return PassPlan("read", "Read hidden states", steps)
        return _chunk_plan(job, plan, index)

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        sae = _sae(step.job)
        stage = {"look": _look, "read": _read, "train": _train, "check": _check, "load": _load}[step.payload["stage"]]
        try:
            return stage(sae, step, beat)
        except EncoderError as error:
            raise Fault("sae.cannot", what=error.what, mend=error.mend) from None
        except MemoryError:
            raise Fault("run.memory", method="The sparse autoencoder") from None

    def store(self, step: Step, result: dict[str, Any]) -> None:
        sae = SparseAutoencoder.objects.filter(pk=step.job.params["sae"])
        stage = step.payload["stage"]
        if stage == "look":
            sae.update(layer=result["layer"], d_in=result["dims"], model_identity=result["model_identity"])
        elif stage == "train" and (before := _before(step)):
            transaction.on_commit(lambda: store.delete(before["state"]["path"]), robust=True)
        elif stage in {"check", "load"}:
            sae.update(**result["row"], bytes=sum(file["bytes"] for file in result["row"]["files"]))

    def succeeded(self, job: Job) -> None:
        sae = _sae(job)
        wanted = {file["path"] for file in sae.files}
        received = [path for key, path in sae.options.get("source", {}).items() if key != "hub"]

        def tidy() -> None:
            store.keep_only(f"saes/{sae.pk}", wanted)
            for path in received:
                store.delete(path)

        transaction.on_commit(tidy, robust=True)


def _sae(job: Job) -> SparseAutoencoder:
    return SparseAutoencoder.objects.select_related("pool").get(pk=job.params["sae"])


def _chunk_plan(job: Job, plan: Plan, index: int) -> PassPlan | None:
    last = Pass.objects.get(job=job, index=index - 1).name
    if last == "check":
        return None
    if last == "read":
        tokens = sum(one["states"]["tokens"] for one in jobs.results(job, "read"))
        if tokens < LEAST:
            raise Fault("sae.too_little", tokens=f"{tokens:,}", least=f"{LEAST:,}")
    chunk = training.next_chunk(plan, None if last == "read" else jobs.results(job, last)[0])
    if chunk is None:
        return PassPlan("check", "Measure", [StepPlan({"stage": "check", "after": last}, "gpu")], unit="tokens")
    start, stop = chunk
    payload = {"stage": "train", "start": start, "stop": stop, "after": last}
    return PassPlan(
        f"train-{index}", "Train", [StepPlan(payload, "gpu", (stop - start) * plan.batch)], unit="tokens"
    )  # fmt: skip


def _before(step: Step) -> dict[str, Any] | None:
    """The result of the chunk before this step; None for the first."""
    after = step.payload["after"]
    return jobs.results(step.job, after)[0] if after.startswith("train-") else None


# --- reading ---


def _look(sae: SparseAutoencoder, step: Step, beat: Beat) -> dict[str, Any]:
    """The model's width and depth, the layer, and the hidden states that are held out."""
    from selection.encoders import causal
    from selection.encoders.sae.train import layer_for

    began, plan = time.monotonic(), Plan.of(sae)
    shards = training.pinned(plan)
    lm = causal.load(sae.model)
    layer = layer_for(lm.depth) if plan.layer is None else plan.layer
    states = _states(lm, layer, plan, training.rows_of(plan, shards, 0, plan.held_out), beat)
    return {
        "model_identity": lm.identity, "depth": lm.depth, "dims": lm.dims, "layer": layer,
        "states": training.save_states(sae.pk, states[:MEASURED]), "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip


def _read(sae: SparseAutoencoder, step: Step, beat: Beat) -> dict[str, Any]:
    from selection.encoders import causal

    began, plan = time.monotonic(), Plan.of(sae)
    start, stop = step.payload["start"], step.payload["stop"]
    texts = training.rows_of(plan, training.pinned(plan), start, stop)
    states = _states(causal.load(sae.model), jobs.results(step.job, "look")[0]["layer"], plan, texts, beat)
    made = training.save_states(sae.pk, states)
    beat.progress(stop - start)
    return {"states": made, "seconds": round(time.monotonic() - began, 3)}


def _states(lm: Any, layer: int, plan: Plan, texts: Sequence[str], beat: Beat) -> NDArray[np.float32]:
    """float32[tokens, d]: hidden states without padding and each row's first token. Progress counts rows."""
    from selection.encoders.sae.fit import tokens_of

    shown = lm.templated(texts) if plan.view == "messages" else texts
    held, rows = [np.empty((0, lm.dims), np.float32)], 0
    for places, hidden, _ in tokens_of(lm, shown, layer, most=plan.length):
        rows += len(places)
        held.append(hidden.float().cpu().numpy())
        beat.progress(rows)
    return np.concatenate(held)


# --- training ---


def _trainer(sae: SparseAutoencoder, plan: Plan, look: dict[str, Any]) -> Any:
    from selection.encoders.sae.train import Trainer

    return Trainer(
        sae.model, look["layer"], plan.expansion, plan.k, plan.batches * plan.batch, plan.seed,
        batch=plan.batch, model_identity=look["model_identity"],
    )  # fmt: skip


def _train(sae: SparseAutoencoder, step: Step, beat: Beat) -> dict[str, Any]:
    """One chunk, from the checkpoint before it to the next."""
    plan, given = Plan.of(sae), step.payload
    trainer = _trainer(sae, plan, jobs.results(step.job, "look")[0])
    states = training.States([one["states"] for one in jobs.results(step.job, "read")])
    if before := _before(step):
        trainer.restore(training.load_checkpoint(before["state"]))
    points, seconds = training.run_chunk(trainer, training.batches(states, plan, given["start"], given["stop"]), beat)
    return {
        "start": given["start"], "stop": given["stop"], "trained": (given["stop"] - given["start"]) * plan.batch,
        "tokens": given["stop"] * plan.batch, "points": points, "seconds": seconds,
        "state": training.save_checkpoint(sae.pk, trainer.state()),
    }  # fmt: skip


def _check(sae: SparseAutoencoder, step: Step, beat: Beat) -> dict[str, Any]:
    """What it is worth on rows that it has not seen, and its files."""
    from selection.encoders.sae import files

    plan, look = Plan.of(sae), jobs.results(step.job, "look")[0]
    trainer = _trainer(sae, plan, look)
    trainer.restore(training.load_checkpoint(jobs.results(step.job, step.payload["after"])[0]["state"]))
    held_out = training.States([look["states"]])
    beat.check()
    report = trainer.finish(held_out.first(MEASURED))
    with saes.scratch() as folder:
        trainer.save(folder)
        beat.check()
        made = files.read(folder)
        row = _row(sae, made, folder) | {
            "fvu": report.fvu, "dead": report.dead, "verdict": "passed" if report.passed else "refused",
            "why": report.why, "tokens": plan.batches * plan.batch,
        }  # fmt: skip
    return {"row": row}


def _row(sae: SparseAutoencoder, made: Any, folder: Any) -> dict[str, Any]:
    """What the table says of files that are made, which are kept."""
    return {
        "files": saes.keep(sae.pk, folder), "identity": made.identity, "layer": made.layer, "d_in": made.d_in,
        "latents": made.latents, "k": made.k, "model_identity": made.model_identity,
    }  # fmt: skip


# --- loading ---


def _load(sae: SparseAutoencoder, step: Step, beat: Beat) -> dict[str, Any]:
    """Fetch, measure at two layers, keep. What does not fit is refused; what cannot be fetched is a fault."""
    from selection.encoders import causal
    from selection.encoders.sae import files
    from selection.encoders.sae import fit as fitting

    plan, source = Plan.of(sae), sae.options["source"]
    texts = _measured_texts(plan, training.pinned(plan))
    with saes.scratch() as folder:
        place = files.folder_of(source["hub"]) if "hub" in source else saes.received(source, folder)
        found = files.read(place)
        beat.progress(0, note="files are here")
        lm = causal.load(sae.model)
        facts = {"d_in": found.d_in, "latents": found.latents, "k": found.k, "model_identity": lm.identity}
        shown = lm.templated(texts) if plan.view == "messages" else texts
        try:
            fit = fitting.fit(found, lm, plan.layer, shown)
        except EncoderError as error:
            return {"row": facts | {"files": [], "verdict": "refused", "why": f"{error.what} {error.mend}"}}
        states = _states(lm, fit.layer, plan, texts, beat)[:MEASURED]
        fvu = found.fvu(states)
        facts |= {"layer": fit.layer, "fvu": fvu}
        if not fvu <= fitting.WORST:
            why = (
                f"On rows of the pool it leaves {fvu:.0%} of the variance of layer {fit.layer} unexplained, and "
                f"{fitting.WORST:.0%} is the most. It was trained on other text, or not for long enough."
            )
            return {"row": facts | {"files": [], "verdict": "refused", "why": why}}
        out = folder / "made"
        named = replace(found, model=sae.model, model_identity=lm.identity, layer=fit.layer)
        files.save(named, out, {"fvu": fvu})
        return {"row": facts | _row(sae, files.read(out), out) | {"verdict": "passed", "why": ""}}


def _measured_texts(plan: Plan, shards: Sequence[Shard]) -> list[str]:
    return training.rows_of(plan, shards, 0, min(plan.rows, max(1, MEASURED // plan.length)))
