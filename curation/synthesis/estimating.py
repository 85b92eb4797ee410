"""What a run would take, from what stands in its form."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from curation.generators import GENERATORS, Job, PromptError, Sources, Spec, Template, missing
from curation.models import Endpoint, Generation
from curation.params import parse_params
from curation.queries_generations import Estimate, estimate
from curation.synthesis import inputs


def estimated(
    generator: str, spec: Spec, sources: Sources, endpoint: Endpoint, *, params: Mapping[str, Any], wanted: int,
    ceiling: int | None = None, templates: Mapping[str, Mapping[str, str]] | None = None, judged: bool = False,
    pilot: Generation | None = None,
) -> tuple[Estimate | None, str]:  # fmt: skip
    """The estimate, or None and why there is none, as a sentence. `judged`: one more request for each that is wanted."""
    used = GENERATORS[generator]
    lacking = missing(used, spec, sources)
    if lacking:
        return None, f"{used.title} needs {', '.join(lacking)}."
    try:
        edited = {name: Template.from_dict(one) for name, one in (templates or {}).items()}
        job = Job(
            spec=spec, sources=sources, params=parse_params(used.Params, params), wanted=wanted,
            ceiling=ceiling or 10 * wanted, templates=edited,
        )  # fmt: skip
        found = estimate(used, job, endpoint, pilot)
    except PromptError as error:
        return None, f"A prompt cannot be filled in: the section {error}."
    except ValueError as error:
        return None, f"{str(error)[:1].upper()}{str(error)[1:]}."
    return _within(found, wanted if judged else 0, ceiling), ""


def _within(found: Estimate, more: int, ceiling: int | None) -> Estimate:
    """With `more` requests, and not past the ceiling; everything else in proportion."""
    requests = found.requests + more
    requests = min(requests, ceiling) if ceiling else requests
    share = requests / found.requests
    return replace(
        found, requests=requests, prompt_tokens=round(found.prompt_tokens * share),
        completion_tokens=round(found.completion_tokens * share), cost=found.cost * requests / found.requests,
        seconds=None if found.seconds is None else found.seconds * share,
    )  # fmt: skip


def of_preview(pilot: Generation, wanted: int, ceiling: int | None) -> tuple[Estimate | None, str]:
    """The whole run after its preview."""
    spec, sources = inputs.read(pilot)
    return estimated(
        pilot.generator, spec, sources, pilot.endpoint, params=pilot.params, wanted=wanted, ceiling=ceiling,
        templates={name: one["sections"] for name, one in pilot.templates.items()},
        judged=bool(pilot.filters.get("judge")), pilot=pilot,
    )  # fmt: skip
