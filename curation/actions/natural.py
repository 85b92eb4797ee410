"""Natural Instructions files as tasks of a team, and tasks as such files."""

from collections.abc import Iterator
from typing import Any

import orjson
from django.db import transaction

from config.faults import Fault
from curation import natural
from curation.actions.adding import NewExample, add_examples
from curation.actions.tasking import create_task
from curation.audit import audit
from curation.content import Content
from curation.models import Demonstration, Example, Task, Team, User

FORM = [{"name": "output", "kind": "text", "title": "Output", "role": "output", "required": True, "options": {}}]
CHUNK = 2_000
FILE_KEYS = ("keys", "rest", "definition", "licence")


@transaction.atomic
def import_natural(*, team: Team, by: User, raw: bytes, name: str, outputs_as: str = "accepted") -> Task:
    """A task with its demonstrations and examples, all or nothing.

    `outputs_as`: accepted (exported again as they are), suggestion or gold. Raises `Fault` natural.file.
    """
    from curation.answers import dump_form, load_form

    try:
        found = natural.read(raw, name)
    except natural.NaturalError as error:
        raise Fault("natural.file", file=name, place=error.place, why=error.why, mend=error.mend) from None
    task = create_task(
        team=team, by=by, name=free_name(team, found.name), definition=found.definition, licence=found.licence[:200],
        form=dump_form(load_form(FORM)), extra={"natural": found.extra}, **found.lists,
    )  # fmt: skip
    Demonstration.objects.bulk_create(
        Demonstration(
            task=task, kind=one.kind, position=position, input=one.input, output=one.output, explanation=one.explanation,
            extra=one.extra,
        )
        for position, one in enumerate(found.demonstrations)
    )  # fmt: skip
    rows = (_row(one, outputs_as) for one in found.instances)
    added = add_examples(task=task, rows=rows, by=by, origin=Example.Origin.FILE)
    audit("task.imported", actor=by, team=team, target=task, name=task.name, examples=added.good)
    return task


def free_name(team: Team, name: str) -> str:
    base = name[:110] or "Task"
    taken = {one.lower() for one in Task.objects.of(team).filter(name__istartswith=base).values_list("name", flat=True)}
    return next(
        new for n in range(1, len(taken) + 2) if (new := base if n == 1 else f"{base} ({n})").lower() not in taken
    )


def _row(one: natural.NaturalInstance, outputs_as: str) -> NewExample:
    # All outputs of an instance are right; the first stands for them in the form, the content keeps every one.
    answer = {"output": one.outputs[0]} if one.outputs else None
    accepted = outputs_as == "accepted" and answer is not None
    kept = {"id": one.id, "shape": one.shape, "extra": one.extra} | ({} if accepted else {"outputs": list(one.outputs)})
    return NewExample(
        Content("single", input=one.input, outputs=one.outputs if accepted else ()), key=one.id or "",
        lineage={"natural": kept}, answer=answer if accepted else None,
        suggestion={"answer": answer, "by": "the file"} if outputs_as == "suggestion" and answer else None,
        gold=answer if outputs_as == "gold" else None,
    )  # fmt: skip


def export_natural(task: Task) -> Iterator[bytes]:
    """The file in pieces: everything of the task, and its accepted examples in the order in which they came."""
    extra = {name: value for name, value in task.extra.get("natural", {}).items() if name in FILE_KEYS}
    lists = {ours: getattr(task, ours) for ours in natural.LISTS.values()}
    demonstrations = tuple(
        natural.NaturalDemonstration(one.kind, one.input, one.output, one.explanation, one.extra)
        for one in task.demonstrations.all()
    )
    whole = natural.NaturalTask(task.name, task.definition, demonstrations, (), lists, task.licence, extra)
    head = orjson.dumps(natural.head(whole), option=orjson.OPT_INDENT_2)
    yield head[:-2] + b',\n  "Instances": ['
    last, first = 0, True
    while True:
        rows = list(
            Example.objects.alive()
            .filter(task=task, state="accepted", pk__gt=last)
            .order_by("pk")
            .values_list("pk", "key", "content", "lineage")[:CHUNK]
        )
        if not rows:
            break
        lines = [orjson.dumps(natural.instance(_instance(key, content, lineage))) for _, key, content, lineage in rows]
        yield (b"" if first else b",") + b"\n    " + b",\n    ".join(lines)
        last, first = rows[-1][0], False
    yield b"\n  ]\n}\n"


def _instance(key: str, content: dict[str, Any], lineage: dict[str, Any]) -> natural.NaturalInstance:
    kept = lineage.get("natural", {})
    asked = "\n\n".join(part for part in (content.get("instruction", ""), content.get("input", "")) if part)
    if content.get("messages"):
        turns = content["messages"]
        cut = max((at for at, turn in enumerate(turns) if turn["role"] == "assistant"), default=len(turns))
        asked = "\n".join(f"{turn['role']}: {turn['text']}" for turn in turns[:cut])
        outputs = tuple(turn["text"] for turn in turns[cut : cut + 1])
    else:
        outputs = tuple(content.get("outputs", ()))
    number = kept.get("id", None) if kept else key
    return natural.NaturalInstance(number, asked, outputs, kept.get("shape", "list"), kept.get("extra", {}))
