"""Generations: started, cancelled, resumed; what failed asked for again."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction

from config import storage
from config.faults import Fault
from curation.audit import audit
from curation.generators import GENERATORS, PromptError, Sources, Spec, Template, missing
from curation.generators.base import Generator
from curation.models import Endpoint, Generation, ModelRequest, Task, User
from curation.params import ParamsError, params_dict, parse_params
from curation.synthesis import inputs, screening
from jobs import actions as jobs
from jobs.models import Job

KIND = "generation.run"
PREVIEW = 3  # candidates
PREVIEW_CEILING = 20  # requests
MOST_WANTED = 1_000_000


@transaction.atomic
def start(
    *, task: Task, by: User | None, endpoint: Endpoint, generator: str, spec: Spec, sources: Sources, wanted: int,
    ceiling: int | None = None, seed: int = 0, params: Mapping[str, Any] | None = None,
    templates: Mapping[str, Mapping[str, str]] | None = None, filters: Mapping[str, Any] | None = None,
    money: Decimal | None = None, preview: bool = False,
) -> Generation:  # fmt: skip
    """Store a run with everything that decides its requests, and start its job.

    `templates`: edited prompt templates by name, each {section: text}. `ceiling`: most requests; ten a wanted candidate
    unless given. Raises `Fault` generation.unknown, .params, .missing, .template, .limits, endpoint.archived.
    """
    if endpoint.archived_at is not None:
        raise Fault("endpoint.archived", name=endpoint.name)
    used = generator_named(generator)
    try:
        parsed: Any = parse_params(used.Params, params or {})
        chosen = screening.parse(used, filters or {})
    except ParamsError as error:
        raise Fault("generation.params", field=error.field, why=error.why) from None
    lacking = missing(used, spec, sources)
    if lacking:
        raise Fault("generation.missing", name=used.title, what=", ".join(lacking))
    ceiling = _limits(wanted, ceiling, money, preview)
    path, sha = inputs.save(spec, sources)
    made = Generation.objects.create(
        task=task, endpoint=endpoint, generator=generator, preview=preview, params=params_dict(parsed),
        templates=templates_of(used, templates or {}), filters=chosen, inputs=path, inputs_sha=sha, seed=seed,
        wanted=PREVIEW if preview else wanted, ceiling=ceiling, batch=max(256, 16 * endpoint.concurrency), money=money,
        created_by=by,
    )  # fmt: skip
    made.job = jobs.start(kind=KIND, params={"generation": made.pk}, lane=task.team.lane, interactive=preview)
    Generation.objects.filter(pk=made.pk).update(job=made.job)
    audit(
        "generation.started", actor=by, team=task.team, target=made, generator=generator, endpoint=endpoint.name,
        model=endpoint.model, wanted=made.wanted, preview=preview,
    )  # fmt: skip
    return made


def start_previewed(
    *, preview: Generation, by: User, wanted: int, ceiling: int | None = None, money: Decimal | None = None
) -> Generation:
    """The whole run with everything as in its preview. What the preview was answered is not asked again.

    Raises `Fault` as `start`, and generation.gone.
    """
    spec, sources = inputs.read(preview)
    return start(
        task=preview.task, by=by, endpoint=preview.endpoint, generator=preview.generator, spec=spec, sources=sources,
        wanted=wanted, ceiling=ceiling, seed=preview.seed, params=preview.params, money=money, filters=preview.filters,
        templates={name: one["sections"] for name, one in preview.templates.items()},
    )  # fmt: skip


def generator_named(name: str) -> Generator:
    try:
        return GENERATORS[name]
    except KeyError:
        raise Fault("generation.unknown", name=name, names=", ".join(GENERATORS)) from None


def templates_of(generator: Generator, edited: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Every template that the run uses, edited or not, with its version. Raises `Fault` generation.template."""
    used: dict[str, Template] = dict(generator.templates)
    for name, sections in edited.items():
        if name not in used:
            raise Fault("generation.template", name=name, why="is not one of this generator")
        try:
            used[name] = Template.from_dict(sections)
        except PromptError as error:
            raise Fault("generation.template", name=name, why=f"{error.section} {error.why}") from None
    parts = ("system", "exemplars", "control", "data", "action")
    return {
        name: {"sections": {part: getattr(one, part) for part in parts}, "sha": one.sha} for name, one in used.items()
    }


def _limits(wanted: int, ceiling: int | None, money: Decimal | None, preview: bool) -> int:
    if not 1 <= wanted <= MOST_WANTED:
        raise Fault("generation.limits", why=f"Between 1 and {MOST_WANTED:,} candidates can be wanted.")
    if ceiling is not None and ceiling < 1:
        raise Fault("generation.limits", why="At least one request must be allowed.")
    if money is not None and money <= 0:
        raise Fault("generation.limits", why="The most that it may cost must be more than nothing.")
    return min(ceiling or PREVIEW_CEILING, PREVIEW_CEILING) if preview else ceiling or 10 * wanted


@transaction.atomic
def cancel(*, generation: Generation, by: User | None) -> None:
    """Nothing more is asked; what is on its way is waited for a few seconds, and kept."""
    if generation.job is not None and not generation.job.is_final:
        jobs.cancel(job=generation.job)
        audit("generation.cancelled", actor=by, team=generation.task.team, target=generation)
    generation.refresh_from_db()


@transaction.atomic
def resume(
    *, generation: Generation, by: User | None, ceiling: int | None = None, money: Decimal | None = None
) -> None:
    """Go on where it was left, perhaps with other limits. What was answered is not asked again.

    Raises `Fault` generation.running, generation.gone.
    """
    row = _ended(generation)
    changes: dict[str, Any] = {"state": Generation.State.WAITING, "why": "", "ended_at": None, "cancelled": 0}
    if ceiling is not None:
        changes["ceiling"] = _limits(row.wanted, ceiling, money, False)
    if money is not None:
        changes["money"] = money
    _go_on(row, changes)
    audit("generation.resumed", actor=by, team=row.task.team, target=row)
    generation.refresh_from_db()


@transaction.atomic
def retry_failed(*, generation: Generation, by: User | None) -> int:
    """Ask again what failed, and nothing else. Returns how many. Raises `Fault` generation.running, .nothing_failed."""
    row = _ended(generation)
    failed = ModelRequest.objects.filter(uses__generation=row, state=ModelRequest.State.FAILED)
    count = ModelRequest.objects.filter(pk__in=list(failed.values_list("pk", flat=True))).update(
        state=ModelRequest.State.READY, ended_at=None
    )
    if not count:
        raise Fault("generation.nothing_failed")
    _go_on(row, {"state": Generation.State.WAITING, "why": "", "ended_at": None, "cancelled": 0, "lost": 0})
    audit("generation.retried", actor=by, team=row.task.team, target=row, requests=count)
    generation.refresh_from_db()
    return count


def _ended(generation: Generation) -> Generation:
    row = Generation.objects.select_for_update(no_key=True, of=("self",)).select_related("job", "task__team").get(
        pk=generation.pk
    )  # fmt: skip
    if row.job is not None and not row.job.is_final:
        raise Fault("generation.running", state=row.get_state_display().lower())
    if not storage.exists(row.inputs):
        raise Fault("generation.gone")
    return row


def _go_on(row: Generation, changes: dict[str, Any]) -> None:
    """Play the run again; a job that succeeded is replaced, for it cannot be resumed."""
    before = row.job
    if before is not None and before.state != Job.State.SUCCEEDED:
        Generation.objects.filter(pk=row.pk).update(**changes)
        jobs.resume(job=before)
        return
    job = jobs.start(kind=KIND, params={"generation": row.pk}, lane=row.task.team.lane)
    Generation.objects.filter(pk=row.pk).update(job=job, **changes)
    if before is not None:
        jobs.discard(job=before)
