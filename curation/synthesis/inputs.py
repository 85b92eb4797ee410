"""What a run is given: the task and its sources as they were when it was started, kept as a file of the storage."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from config import storage
from config.faults import Fault
from curation import answers
from curation.answers import FormError
from curation.content import load, render
from curation.generators import Demo, Node, Source, Sources, Spec
from curation.models import Demonstration, Example, Generation, Task

FOLDER = "generations"
MOST = 20_000  # examples of the task that a run looks at


def spec_of(task: Task) -> Spec:
    """The task as generators see it."""
    guidelines = task.guidelines.order_by("-number").values_list("text", flat=True).first()
    demos = tuple(
        Demo(
            input=one.input, output=one.output, explanation=one.explanation,
            positive=one.kind == Demonstration.Kind.POSITIVE, key=f"demonstration-{one.pk}",
        )
        for one in task.demonstrations.all()
    )  # fmt: skip
    return Spec(
        name=task.name, instruction=task.definition, demonstrations=demos, labels=labels_of(task),
        guidelines=guidelines or "", language=language_of(task),
    )  # fmt: skip


def labels_of(task: Task) -> tuple[str, ...]:
    """The labels of a form whose only output is one label; else none."""
    try:
        outputs = [field for field in answers.load_form(task.form) if field.role == "output"]
    except FormError:
        return ()
    if len(outputs) == 1 and outputs[0].kind == "labels" and not outputs[0].options.get("multiple"):
        return tuple(str(label["value"]) for label in outputs[0].options["labels"])
    return ()


def language_of(task: Task) -> str:
    """ISO 639 code of the answers where the task names one by its code, and it is the only one."""
    named = [one.strip().lower() for one in task.output_languages]
    known = {"english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "dutch": "nl"}
    if len(named) != 1:
        return ""
    return known.get(named[0], named[0] if len(named[0]) == 2 else "")


def sources_of(
    task: Task, *, passages: Sequence[Source] = (), inputs: Sequence[Source] = (), taxonomy: Sequence[Node] = (),
    tests: Sequence[str] = (), open_as_inputs: bool = False, most: int = MOST,
) -> Sources:  # fmt: skip
    """What is given, and of the task its finished examples and what a candidate must not repeat.

    `open_as_inputs`: the task's open examples are inputs that want an output. `most`: examples that are looked at.
    """
    examples: list[Demo] = []
    existing: list[Source] = []
    wanting: list[Source] = list(inputs)
    rows = task.examples.alive().order_by("pk").values_list("key", "content", "state", "answer")[:most]
    for key, raw, state, answer in rows:
        content = load(raw)
        existing.append(Source(key, render(content, "text")))
        if state == Example.State.ACCEPTED and (output := _output(task, raw, answer)):
            examples.append(Demo(input=content.input, output=output, instruction=content.instruction, key=key))
        elif open_as_inputs and state == Example.State.OPEN and content.kind == "single":
            wanting.append(Source(key, content.input or content.instruction))
    return Sources(
        passages=tuple(passages), inputs=tuple(wanting), examples=tuple(examples), taxonomy=tuple(taxonomy),
        existing=tuple(existing), tests=tuple(tests),
    )  # fmt: skip


def _output(task: Task, raw: Mapping[str, Any], answer: Mapping[str, Any] | None) -> str:
    outputs = raw.get("outputs") or ()
    if outputs:
        return str(outputs[0])
    field = answers.main_output(answers.load_form(task.form))
    return answers.text_of(field, answer.get(field.name)) if answer and field is not None else ""


# --- the file ---


def save(spec: Spec, sources: Sources) -> tuple[str, str]:
    """Keep them; returns path and sha256."""
    raw = {"spec": dataclasses.asdict(spec), "sources": dataclasses.asdict(sources)}
    with storage.ByContent(FOLDER, "json") as out:
        out.write(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS))
    return out.path, out.sha256


def read(generation: Generation) -> tuple[Spec, Sources]:
    """Raises `Fault` generation.gone."""
    try:
        raw = orjson.loads(storage.read(generation.inputs, generation.inputs_sha))
    except Fault as fault:
        if fault.code == "store.missing":
            raise Fault("generation.gone") from None
        raise
    return _spec(raw["spec"]), _sources(raw["sources"])


def _spec(raw: dict[str, Any]) -> Spec:
    demos = tuple(Demo(**one) for one in raw.pop("demonstrations"))
    return Spec(demonstrations=demos, labels=tuple(raw.pop("labels")), **raw)


def _sources(raw: dict[str, Any]) -> Sources:
    made: dict[str, type] = {
        "passages": Source, "inputs": Source, "existing": Source, "examples": Demo, "taxonomy": Node,
    }  # fmt: skip
    parts = {name: tuple(kind(**one) for one in raw[name]) for name, kind in made.items()}
    return Sources(tests=tuple(raw["tests"]), **parts)
