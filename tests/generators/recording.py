"""Recorded replies of a run, as files: what was asked, what was said, and what must come of it.

    recorded/<generator>.json = {"spec", "sources", "params", "filters", "seed", "wanted", "batch",
        "replies": {request key: text | [samples] | {"text", "finish_reason", …}},
        "stages": [in the order in which they are first asked], "kept": [candidate keys], "dropped": {candidate key: filter}}

To record anew: `record(name, told, answer)` with a function from a request to its samples, as a test or a model gives them.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from curation.generators import GENERATORS, Demo, Job, Node, Reply, Request, Source, Sources, Spec, drive, plan
from curation.generators.base import Batch, Replies
from curation.generators.filters import Options, chain, defaults
from curation.params import params_dict, parse_params

FOLDER = Path(__file__).parent / "recorded"


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def spec_of(told: Mapping[str, Any]) -> Spec:
    held = dict(told)
    held["demonstrations"] = tuple(Demo(**one) for one in held.get("demonstrations", ()))
    return Spec(**held | {"labels": tuple(held.get("labels", ()))})


def sources_of(told: Mapping[str, Any]) -> Sources:
    kinds = {"passages": Source, "inputs": Source, "examples": Demo, "taxonomy": Node, "existing": Source, "tests": str}
    held = {
        name: tuple(kinds[name](**one) if isinstance(one, dict) else one for one in rows) for name, rows in told.items()
    }
    return Sources(**held)


def job_of(name: str, told: Mapping[str, Any], **more: Any) -> Job:
    generator = GENERATORS[name]
    spec, sources = spec_of(told["spec"]), sources_of(told["sources"])
    options = parse_params(Options, params_dict(defaults(generator)) | told.get("filters", {}))
    given = {"seed": told["seed"], "wanted": told["wanted"], "batch": told.get("batch", 128)} | more
    return Job(
        spec=spec,
        sources=sources,
        params=parse_params(generator.Params, told["params"]),
        filters=chain(generator, spec, sources, options, told["seed"]),
        **given,
    )


def replying(told: Mapping[str, Any], asked: list[Request] | None = None) -> Callable[[Batch], Replies]:
    """Raises `KeyError` for a request that was not recorded."""

    def answer(batch: Batch) -> Replies:
        if asked is not None:
            asked.extend(batch)
        return [[_reply(one) for one in _samples(told["replies"][request.key])] for request in batch]

    return answer


def run(name: str, told: Mapping[str, Any], **more: Any) -> tuple[Job, list[Request]]:
    job, asked = job_of(name, told, **more), []
    drive(plan(GENERATORS[name], job), replying(told, asked))
    return job, asked


def record(
    name: str, told: Mapping[str, Any], answer: Callable[[Request], list[Any]], file: str = ""
) -> dict[str, Any]:
    """Runs a generator and writes down what was said and what came of it, in `file` if not under its own name."""
    held: dict[str, Any] = dict(told) | {"replies": {}}

    def kept(batch: Batch) -> Replies:
        for request in batch:
            samples = answer(request)
            held["replies"][request.key] = samples[0] if len(samples) == 1 else samples
        return replying(held)(batch)

    job = job_of(name, told)
    drive(plan(GENERATORS[name], job), kept)
    _, asked = run(name, held)
    held["stages"] = list(dict.fromkeys(request.stage for request in asked))
    held["kept"] = [one.key for one in job.candidates if one.kept]
    held["dropped"] = {
        one.key: next(verdict.filter for verdict in one.verdicts if verdict.drops)
        for one in job.candidates
        if not one.kept
    }
    (FOLDER / f"{file or name}.json").write_text(json.dumps(held, ensure_ascii=False, indent=1) + "\n")
    return held


def _samples(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said]


def _reply(said: Any) -> Reply:
    return Reply(said, model="recorded") if isinstance(said, str) else Reply(**{"model": "recorded"} | said)
