"""A generator played with replies that a test gives: by stage, or by a function."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from curation.generators import GENERATORS, Job, Reply, Request, Sources, Spec, drive, plan
from curation.generators.base import Batch, Replies

Said = Reply | str | Mapping[str, Any] | Sequence[Any]
Answer = Callable[[Request], Said]


def reply(said: Said) -> Reply:
    return said if isinstance(said, Reply) else Reply(said if isinstance(said, str) else json.dumps(said))


def play(
    name: str, answers: Answer | Mapping[str, Said | Answer], /, *, spec: Spec | None = None, sources: Sources | None = None,
    seed: int = 7, wanted: int = 100, batch: int = 128, ceiling: int = 10_000, cut: int = 0, **params: Any,
) -> tuple[Job, list[Request]]:  # fmt: skip
    """The job when it has ended, and all requests in order. `cut`: the run is broken off after so many requests."""
    generator = GENERATORS[name]
    job = Job(
        spec=spec or Spec(), sources=sources or Sources(), params=generator.Params(**params), seed=seed, wanted=wanted,
        batch=batch, ceiling=ceiling,
    )  # fmt: skip
    asked: list[Request] = []

    def one(request: Request) -> list[Reply]:
        asked.append(request)
        if cut and len(asked) > cut:
            raise KeyboardInterrupt
        said = answers if callable(answers) else answers[request.stage]
        return [reply(said(request) if callable(said) else said) for _ in range(request.samples)]

    def all_of(batch: Batch) -> Replies:
        return [one(request) for request in batch]

    drive(plan(generator, job), all_of)
    return job, asked


def stages(asked: list[Request]) -> list[str]:
    """Stages in the order in which they first come."""
    return list(dict.fromkeys(request.stage for request in asked))


def user(request: Request) -> str:
    return request.messages[-1].text


def system(request: Request) -> str:
    return request.messages[0].text
