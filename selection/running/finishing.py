"""The end of a run, in the transaction that ends its job: facts, manifest, counts."""

import platform
import zlib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pyarrow as pa
from django.conf import settings
from django.db.models import F, Max, Min, Sum
from django.utils import timezone

from jobs.models import Job, Step
from selection import test_sets
from selection.evaluate.facts import Facts, warnings
from selection.methods import Budget
from selection.models import Run
from selection.running.inputs import Inputs

# Why `choose` passed rows over, by its own names.
WHY = {
    "source_cap": "the source cap",
    "exact_duplicates": "exact duplicates",
    "near_duplicates": "near duplicates",
    "same_meaning": "rows of the same meaning",
    "min_chars": "the smallest length",
    "max_chars": "the greatest length",
    "decontaminate": "rows of the test sets",
    "language": "other languages",
    "repetition": "rows that repeat themselves",
    "pii": "personal data",
    "perplexity": "their perplexity",
    "ifd": "their IFD",
    "judge": "the rows that the language model may read at most",
    "budget": "the tokens left",
}


def finish(inputs: Inputs, job: Job, chosen: dict[str, Any], collected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write what the result page shows. Returns the files that the run keeps."""
    run = inputs.run
    files = [{"shard": part["shard"], **part["file"]} for part in collected if part["file"]]
    facts = Facts.merge(part["facts"] for part in collected).to_dict()
    if chosen["scores"]:
        facts["scores"] = chosen["scores"]
    facts["workers"] = Step.objects.filter(job=job).values("worker").distinct().count()
    scored = inputs.score_parts(job)
    if any("reused" in part for part in scored):
        facts["reused"] = sum(part.get("reused", 0) for part in scored)  # rows whose scores an earlier run computed
    facts |= {key: chosen[key] for key in ("skipped", "read", "wanted", "tokens")}
    said = warnings(facts, picked=chosen["picks"], short=_short(run, chosen))
    if leaked := sum(part["leaked"] for part in collected):
        said.append(
            f"{leaked:,} of the picks {'is a row' if leaked == 1 else 'are rows'} of the target itself. To learn from the target "
            "as well is fine; to measure with it is not: then name it under What to hold back, as a test set."
        )
    facts["warnings"] = said + [note["text"] for note in chosen["notes"] if note["kind"] == "warning"]
    facts["notes"] = [note["text"] for note in chosen["notes"] if note["kind"] == "fact"]
    Run.objects.filter(pk=run.pk).update(
        picks_count=chosen["picks"], facts=facts, files=files, bytes=sum(file["bytes"] for file in files),
        manifest=manifest(inputs, job, chosen),
    )  # fmt: skip
    return files


def _short(run: Run, chosen: dict[str, Any]) -> str:
    """Why there are fewer picks than asked for; empty when there are enough."""
    budget = Budget.parse(run.budget)
    if budget.kind == "tokens" or chosen["picks"] >= chosen["wanted"]:
        return ""
    skipped = {name: count for name, count in chosen["skipped"].items() if count}
    if skipped:
        parts = [f"{WHY.get(name, name.replace('_', ' '))} ({count:,})" for name, count in skipped.items()]
        why = f"The pool was read to its end; held back were rows because of {', '.join(parts)}."
    else:
        why = "No other row of the pool has a score."
    return f"{chosen['picks']:,} of the {chosen['wanted']:,} rows asked for could be picked. {why}"


def manifest(inputs: Inputs, job: Job, chosen: dict[str, Any]) -> dict[str, Any]:
    """Everything that a repetition needs, and what it should find."""
    run, tested = inputs.run, test_sets.of_run(inputs.run)
    return {
        "winnow": settings.VERSION,
        "run": run.number,
        "method": {"name": run.method, "version": run.method_version, "params": run.params},
        "budget": run.budget,
        "options": run.options,
        "seed": run.seed,
        "pool": {
            "name": run.pool.name,
            "rows": run.rows,
            "shards": [{"sha256": s["sha256"], "mapping_sha": s["mapping_sha"], "rows": s["rows"]} for s in run.shards],
        },
        "target": run.target and {"name": run.target.name, "sha256": run.target_sha, "rows": len(inputs.target)},
        "test_sets": [{"name": one.name, "sha256": one.sha256, "rows": one.rows.count()} for one in tested],
        "libraries": libraries(),
        "counts": {key: chosen[key] for key in ("picks", "read", "skipped", "wanted", "tokens")},
        "timings": timings(job),
        "finished_at": timezone.now().isoformat(timespec="seconds"),
    }


def libraries() -> dict[str, str]:
    """Versions on which scores may depend. zlib's is that of the library in use, not of the headers."""
    found = {
        "python": platform.python_version(), "numpy": np.__version__, "pyarrow": pa.__version__,
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
    }  # fmt: skip
    for name in ("torch", "sentence-transformers", "transformers", "scikit-learn", "scipy", "faiss-cpu", "faiss-gpu"):
        with suppress(PackageNotFoundError):  # asked of the installed files, so nothing heavy is loaded
            found[name] = version(name)
    return found


def timings(job: Job) -> dict[str, Any]:
    """Seconds: of the whole run by the clock, and of each pass by the clock and in steps added up."""
    steps = Step.objects.filter(job=job, state=Step.State.DONE).order_by()
    spent = steps.values("pass_index").annotate(
        work=Sum(F("ended_at") - F("started_at")), first=Min("started_at"), last=Max("ended_at")
    )
    names = dict(job.passes.values_list("index", "name"))
    rows = {row["pass_index"]: row for row in spent}
    passes = [
        {
            "name": names[index],
            "seconds": round((row["last"] - row["first"]).total_seconds(), 3),
            "work_seconds": round(row["work"].total_seconds(), 3),
        }
        for index, row in sorted(rows.items())
    ]
    ends = [row["last"] for row in rows.values()]
    began = job.started_at
    return {"seconds": round((max(ends) - began).total_seconds(), 3) if ends and began else None, "passes": passes}
