"""What the pages of sparse autoencoders show."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from config.plots_curve import curve
from curation.models import Team
from jobs import queries as jobs
from jobs.models import Job, Step
from selection.models import Run, SparseAutoencoder
from selection.queries.home import current
from selection.running.training import Plan

FVU_GATE, DEAD_GATE = 0.3, 0.2  # Gao and others 2024 (arXiv 2406.04093) report far less of both for a good one
# One core of a usual machine, SmolLM2-135M cut at two thirds of its depth, 576 numbers a token: tokens a second.
READ_RATE, TRAIN_RATE, TRAIN_SIZE = 1_000.0, 5_000.0, 576 * 4_608


def saes_page(team: Team) -> dict[str, Any]:
    """All of the team, the archived ones last; the progress of open ones in one query."""
    rows = list(SparseAutoencoder.objects.filter(team=team).select_related("pool", "job", "created_by"))
    rows.sort(key=lambda sae: (sae.archived_at is not None, -sae.created_at.timestamp()))
    open_ = current([sae.job_id for sae in rows if sae.job and not sae.job.is_final])  # type: ignore[misc]
    return {
        "entries": [{"sae": sae, "progress": open_.get(sae.job_id or 0)} for sae in rows],
        "any_open": bool(open_),
    }


def progress(sae: SparseAutoencoder) -> dict[str, Any]:
    """The strip on top: the chunks of training are one bar."""
    job = sae.job
    assert job is not None, "one without a job is seen only by the transaction that starts it"  # noqa: S101
    found = jobs.progress(job) if job.state != Job.State.SUCCEEDED else []
    return {"job": job, "passes": merged(found, sae), "upcoming": _upcoming(found, sae)}


def merged(found: list[jobs.PassProgress], sae: SparseAutoencoder) -> list[jobs.PassProgress]:
    """The passes with all chunks of training as one, which goes on until all tokens are seen."""
    chunks = [one for one in found if one.name.startswith("train-")]
    others = [one for one in found if not one.name.startswith("train-")]
    if not chunks:
        return others
    last, plan = chunks[-1], Plan.of(sae)
    done, total = sum(one.done for one in chunks), plan.batches * plan.batch
    state = last.state if last.state != "done" else "done" if done >= total else "running"
    rate = last.rate or (chunks[-2].rate if len(chunks) > 1 else 0.0)
    whole = replace(
        last, title="Train", state=state, done=min(done, total), total=total, rate=rate,
        eta=(total - done) / rate if rate else None,
    )  # fmt: skip
    after = [one for one in others if one.index > last.index]
    return [*(one for one in others if one.index < last.index), whole, *after]


def _upcoming(found: list[jobs.PassProgress], sae: SparseAutoencoder) -> list[str]:
    if sae.how == SparseAutoencoder.How.LOADED:
        return [] if found else ["Load and measure"]
    there = {one.name.partition("-")[0] for one in found}
    whole = [("look", "Look at the model"), ("read", "Read hidden states"), ("train", "Train"), ("check", "Measure")]
    return [title for name, title in whole if name not in there]


def measures(sae: SparseAutoencoder) -> dict[str, Any]:
    """The three plots over tokens, and one line for each checkpoint."""
    steps = Step.objects.filter(job=sae.job_id, payload__stage="train", state=Step.State.DONE).order_by("pass_index")
    chunks = [one | {"result": one["result"] or {}} for one in steps.values("result", "worker", "ended_at")]
    points = [point for chunk in chunks for point in chunk["result"]["points"]]
    places = [point[1] for point in points]

    def plot(title: str, column: int, **facts: Any) -> Any:
        return curve(title, list(zip(places, (point[column] for point in points), strict=True)), over="tokens", **facts)

    trained = sae.how == SparseAutoencoder.How.TRAINED
    return {
        "gate_note": "on rows that training did not see" if trained else "on rows of the pool",
        "fvu_note": "less than 30 % to pass" if trained else "at most 50 % to pass",
        "plots": [
            plot("Loss", 2),
            plot("Variance unexplained (FVU)", 3, share=True, gate=FVU_GATE),
            plot("Latents that never fire", 4, share=True, gate=DEAD_GATE),
        ],
        "checkpoints": [
            {
                "tokens": chunk["result"]["tokens"], "seconds": chunk["result"]["seconds"], "worker": chunk["worker"],
                "at": chunk["ended_at"], "fvu": (chunk["result"]["points"] or [[None] * 5])[-1][3],
                "rate": chunk["result"]["trained"] / max(chunk["result"]["seconds"], 1e-3),
            }
            for chunk in chunks
        ],
    }  # fmt: skip


def said(sae: SparseAutoencoder) -> list[tuple[str, str]]:
    """Settings in words."""
    options = sae.options
    wanted = [
        ("Tokens asked for", options.get("tokens") and f"{options['tokens']:,}"),
        ("Tokens of a row", options.get("length") and f"{options['length']:,}"),
        ("Expansion", options.get("expansion") and f"{options['expansion']} times the model's width"),
        ("Seed", str(options["seed"]) if sae.how == SparseAutoencoder.How.TRAINED else None),
        ("From", _source(options.get("source"))),
    ]
    return [(label, value) for label, value in wanted if value]


def _source(source: dict[str, Any] | None) -> str | None:
    return None if source is None else source.get("hub") or "files that were sent"


@dataclass(frozen=True)
class Estimate:
    """Seconds by the clock, and how many of the last trainings here it rests on."""

    seconds: float
    rows: int
    measured: int


def estimate(team: Team, *, model: str, rows: int, tokens: int, length: int, expansion: int) -> Estimate | None:
    """None for a model that has not been read here and is not the packaged one: nobody knows how fast it is."""
    rates = [rate for sae in _measured(model) if (rate := _rates(sae)) is not None]
    if not rates and model != "smollm2":
        return None
    read, train, size = np.median(rates, axis=0).tolist() if rates else (READ_RATE, TRAIN_RATE, TRAIN_SIZE)
    wanted = min(rows, max(1, 4 * tokens // max(length, 1)))
    dims = size_of(rates, model)
    reads = min(wanted * length, 4 * tokens) * 0.8 / read
    return Estimate(reads + tokens / (train * size / (dims * dims * expansion)), wanted, len(rates))


def size_of(rates: list[tuple[float, float, float]], model: str) -> float:
    """Width of the model: of the last one trained here, else that of the packaged one."""
    found = SparseAutoencoder.objects.filter(model=model).exclude(d_in=None).values_list("d_in", flat=True).first()
    return float(found or 576)


def _measured(model: str) -> list[SparseAutoencoder]:
    found = SparseAutoencoder.objects.filter(model=model, how="trained", job__state=Job.State.SUCCEEDED)
    return list(found.exclude(latents=None).exclude(d_in=None).order_by("-pk")[:3])


def _rates(sae: SparseAutoencoder) -> tuple[float, float, float] | None:
    """(tokens read a second, tokens trained a second, numbers of the encoder) of a training that has ended."""
    steps = Step.objects.filter(job=sae.job_id, state=Step.State.DONE)
    found = [result for result in steps.values_list("result", flat=True) if result and "seconds" in result]
    read = [one for one in found if "states" in one]
    train = [one for one in found if "points" in one]
    seconds = [max(sum(one["seconds"] for one in part), 1e-3) for part in (read, train)]
    if not read or not train or sae.latents is None or sae.d_in is None:
        return None
    tokens = sum(one["states"]["tokens"] for one in read), sum(one["trained"] for one in train)
    return tokens[0] / seconds[0], tokens[1] / seconds[1], float(sae.latents * sae.d_in)


def choices(team: Team) -> list[tuple[str, str]]:
    """What a selection may use: identity, and its name with what it was made of."""
    found: dict[str, str] = {}
    for sae in SparseAutoencoder.objects.passed().filter(team=team).order_by("-created_at"):
        found.setdefault(sae.identity, f"{sae.name} ({sae.model}, layer {sae.layer}, {sae.latents:,} features)")
    return list(found.items())


def name_of(run: Run) -> str:
    """The autoencoder that a run names, as the team calls it; its identity where it is none of theirs."""
    named = str(run.params.get("sae", ""))
    found = (
        SparseAutoencoder.objects.filter(team=run.team_id, identity=named or "-").order_by("archived_at", "pk").first()
    )
    return found.name if found else named
