"""Help of a language model for a person who annotates: asked, taken, left. Nothing changes her answer but her own hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.faults import Fault
from curation import answers
from curation.actions import generations, prompts
from curation.content import Content, load, render
from curation.generators import GENERATORS, Source, Sources
from curation.models import Annotation, Assist, Endpoint, ExampleEvent, Generation, PreferencePair, Task, User
from curation.params import params_dict, parse_params
from curation.synthesis import inputs, screening
from jobs import actions as jobs

GENERATOR = "assist"
MOST_WORDS = 2_000
MOST_TEXT = 40_000  # characters of the answer, and of the example, that the model reads
What = Assist.What
OPEN = (Annotation.State.DRAFT, Annotation.State.RETURNED)
# The one answer is judged by the person.
FILTERS = {"near": None, "similar": None, "language": False, "copied": 1.0, "boilerplate": False, "max_chars": 200_000}


def main_field(task: Task) -> answers.Field | None:
    """The field that help is about; None where the form has no output."""
    return answers.main_output(answers.load_form(task.form))


def offered(task: Task) -> list[str]:
    """What a model can be asked for in this form."""
    field = main_field(task)
    if field is None:
        return []
    if field.kind == "text":
        return [What.REPAIR, What.SUGGEST, What.CRITIQUE, What.SHORTER, What.CLEARER]
    return [What.SUGGEST, What.CRITIQUE] if inputs.labels_of(task) else [What.CRITIQUE]


def default_endpoint(task: Task, by: User) -> Endpoint | None:
    """Where she asked last in this team, else the first by name; None where the team has none."""
    mine = Endpoint.objects.open().filter(team_id=task.team_id)
    last = (
        Assist.objects.filter(by=by, generation__endpoint__in=mine).order_by("-pk")
        .values_list("generation__endpoint", flat=True).first()
    )  # fmt: skip
    remembered = mine.filter(pk=last).first() if last is not None else None
    return remembered or mine.order_by("name", "pk").first()


@transaction.atomic
def ask(
    *, annotation: Annotation, by: User, what: str, answer: Mapping[str, Any], words: str = "",
    endpoint: Endpoint | None = None,
) -> Assist:  # fmt: skip
    """One question about her answer as it stands now, in a job of its own.

    Raises `Fault` assist.closed, .not_here, .nothing, .words, .busy, .no_endpoint, generation.template.
    """
    task = annotation.task
    field = main_field(task)
    locked = Annotation.objects.select_for_update(no_key=True).get(pk=annotation.pk)
    if locked.state not in OPEN:
        raise Fault("assist.closed")
    if field is None or what not in offered(task):
        raise Fault("assist.not_here")
    before = answers.text_of(field, answer.get(field.name))[:MOST_TEXT]
    words = words.replace("\0", "").strip()[:MOST_WORDS]
    if what != What.SUGGEST and not before.strip():
        raise Fault("assist.nothing")
    if what == What.REPAIR and not words:
        raise Fault("assist.words")
    earlier = Assist.objects.filter(annotation=locked)
    if earlier.filter(generation__state__in=[Generation.State.WAITING, Generation.State.RUNNING]).exists():
        raise Fault("assist.busy")
    endpoint = endpoint or default_endpoint(task, by)
    if endpoint is None or endpoint.archived_at is not None or endpoint.team_id != task.team_id:
        raise Fault("assist.no_endpoint")
    asked_before = earlier.filter(what=what).count()
    run = _generation(
        annotation, endpoint, by, what=what, before=before, words=words, seed=asked_before
    )  # fmt: skip
    made = Assist.objects.create(
        annotation=locked, generation=run, what=what, field=field.name, words=words, before=before, by=by
    )
    _event(made, annotation, "assisted", by, endpoint)
    return made


def _generation(
    annotation: Annotation, endpoint: Endpoint, by: User, *, what: str, before: str, words: str, seed: int
) -> Generation:
    """The run that asks: its request is stored, paid once and bounded like any other."""
    task, generator = annotation.task, GENERATORS[GENERATOR]
    content = load(annotation.example.content)
    meta = {"words": words, "instruction": content.instruction[:MOST_TEXT], "input": _input(content)}
    source = Source(f"example-{annotation.example_id}", "" if what == What.SUGGEST else before, meta)
    path, sha = inputs.save(inputs.spec_of(task), Sources(inputs=(source,)))
    made = Generation.objects.create(
        task=task, endpoint=endpoint, generator=GENERATOR, preview=True,
        params=params_dict(parse_params(generator.Params, {"what": what})),
        templates=generations.templates_of(generator, prompts.edited(task, GENERATOR)),
        filters=screening.parse(generator, FILTERS), inputs=path, inputs_sha=sha, seed=seed, wanted=1, ceiling=3,
        created_by=by,
    )  # fmt: skip
    made.job = jobs.start(kind=generations.KIND, params={"generation": made.pk}, lane=task.team.lane)
    Generation.objects.filter(pk=made.pk).update(job=made.job)
    return made


def _input(content: Content) -> str:
    text = content.input if content.kind == "single" else render(content, "prompt")
    return text[:MOST_TEXT]


@transaction.atomic
def take(*, assist: Assist, by: User) -> str:
    """She takes the model's text: noted in the history, of a repair with the old text as a pair. Returns the text.

    Raises `Fault` assist.no_text. Taking it twice notes it once.
    """
    locked = Assist.objects.select_for_update(no_key=True, of=("self",)).get(pk=assist.pk)
    told = result(assist)
    if not told.text or assist.what == What.CRITIQUE:
        raise Fault("assist.no_text")
    if locked.taken_at is None:
        Assist.objects.filter(pk=assist.pk).update(taken_at=timezone.now(), left_at=None, after=told.text)
        annotation = assist.annotation
        endpoint = assist.generation.endpoint if assist.generation else None
        _event(assist, annotation, "assist_taken", by, endpoint)
        if assist.what == What.REPAIR and told.text != assist.before:
            PreferencePair.objects.create(
                task_id=annotation.task_id, example_id=annotation.example_id, assist=assist,
                revision=annotation.revision, field=assist.field, old=assist.before, new=told.text, why=assist.words,
                model=endpoint.model if endpoint else "", by=by,
            )  # fmt: skip
    return told.text


@transaction.atomic
def leave(*, assist: Assist, by: User) -> None:
    """She does not want it; what still runs is cancelled. Her answer is as it was."""
    if assist.generation is not None and not (assist.generation.job is None or assist.generation.job.is_final):
        jobs.cancel(job=assist.generation.job)
    Assist.objects.filter(pk=assist.pk, taken_at=None, left_at=None).update(left_at=timezone.now())


def _event(assist: Assist, annotation: Annotation, kind: str, by: User, endpoint: Endpoint | None) -> None:
    facts = {
        "what": assist.what, "field": assist.field, "model": endpoint.model if endpoint else "",
        "endpoint": endpoint.name if endpoint else "", "generation": assist.generation_id, "assist": assist.pk,
    }  # fmt: skip
    ExampleEvent.objects.create(
        example_id=annotation.example_id, task_id=annotation.task_id, actor_id=by.pk, kind=kind,
        annotation_id=annotation.pk, facts=facts,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it: still `waiting`, a `text`, or `why` there is none, in words."""

    waiting: bool
    text: str = ""
    why: str = ""


def result(assist: Assist) -> Result:
    run = assist.generation
    if run is None:
        return Result(False, assist.after, "" if assist.after else "What was asked is no longer there.")
    if run.state in (Generation.State.WAITING, Generation.State.RUNNING):
        return Result(True, why=run.why)
    found = run.candidates.order_by("pk").first()
    outputs = (found.content.get("outputs") or []) if found is not None else []
    if outputs and str(outputs[0]).strip():
        return Result(False, str(outputs[0]))
    return Result(False, why=(found.why if found is not None else "") or run.why or "The model gave no answer.")
