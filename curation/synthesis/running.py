"""A generation as the generators see it, and the words about how far it is."""

from curation.generators import GENERATORS, Job, Template
from curation.models import Endpoint, Generation
from curation.params import parse_params
from curation.synthesis import inputs, screening
from curation.synthesis.store import RELEASE


def job_of(generation: Generation) -> Job:
    """The run as it was started. Raises `Fault` generation.gone."""
    generator = GENERATORS[generation.generator]
    spec, sources = inputs.read(generation)
    templates = {name: Template.from_dict(one["sections"]) for name, one in generation.templates.items()}
    return Job(
        spec=spec, sources=sources, params=parse_params(generator.Params, generation.params), seed=generation.seed,
        wanted=generation.wanted, ceiling=generation.ceiling, batch=generation.batch, templates=templates,
        filters=screening.filters_of(generation.generator, generation.filters, spec, sources, generation.seed),
    )  # fmt: skip


def note(row: Generation, endpoint: Endpoint) -> str:
    """`1,203 requests, 45,120 tokens, 0.0123 USD, 61 % kept`."""
    parts = [f"{row.answered + row.failed:,} requests", f"{row.prompt_tokens + row.completion_tokens:,} tokens"]
    if row.spent:
        parts.append(f"{row.spent:.4f} {endpoint.currency}")
    if row.accept_rate is not None:
        parts.append(f"{100 * row.accept_rate:.0f} % kept")
    if row.failed:
        parts.append(f"{row.failed:,} failed")
    return ", ".join(parts)


__all__ = ["RELEASE", "job_of", "note"]
