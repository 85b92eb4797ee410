"""Prompts of a task: the templates of each generator, edited with their real text in view, in versions."""

from dataclasses import asdict, fields
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from curation import access, queries_prompts
from curation.actions import prompts as actions
from curation.generators import GENERATORS, PromptError, Template
from curation.models import Task
from curation.synthesis import trying
from curation.views.shared import frame

SECTIONS = {
    "system": ("Who the model is", "The rules, and the form of the answer. Task and parameters only."),
    "exemplars": ("Fixed examples", "Fenced off as data."),
    "control": ("What is drawn for each request", "Lines such as “length: short”."),
    "data": ("The text it is about", "Fenced off as data."),
    "action": ("The one thing wanted", "In one line. Task and parameters only."),
}
MOST = 20_000


@reads
def task_prompts(request: HttpRequest, task_id: int) -> HttpResponse:
    task = access.task(request.user, task_id)  # type: ignore[arg-type]
    known = queries_prompts.latest(task)
    groups = [
        (name, one.title, [(template, known.get((name, template))) for template in one.templates])
        for name, one in GENERATORS.items()
    ]
    return page(request, "curation/synthesis/prompts.html", frame(task) | {"groups": groups, "edited": len(known)})


@members
def task_prompt(request: HttpRequest, task_id: int, generator: str, template: str) -> HttpResponse:
    """`do`: render (show the text, keep nothing), save, or restore version `restore`."""
    do = request.POST.get("do", "render")
    writes = request.method == "POST" and do != "render"
    need = access.CURATE if request.method == "POST" else access.VIEW
    task = access.task(request.user, task_id, need)  # type: ignore[arg-type]
    if generator not in GENERATORS or template not in GENERATORS[generator].templates:
        raise Http404
    own = actions.own(generator, template)
    versions = queries_prompts.versions(task, generator, template)
    texts = {0: asdict(own)} | {row.number: row.sections for row in versions}
    number = versions[0].number if versions else 0
    typed = dict(texts[number])
    if request.method == "POST":
        typed = {name: request.POST.get(name, "").replace("\r\n", "\n")[: MOST + 1] for name in SECTIONS}
    context: dict[str, Any] = {"from_number": number}
    status = 200
    if writes:
        seen = _number(request.POST.get("number", ""))
        if do == "restore":
            typed = texts.get(_number(request.POST.get("restore", "")), typed)
        elif do != "save":
            raise Http404
        try:
            made = actions.write(
                task=task, by=request.user, generator=generator, name=template, number=seen, sections=typed  # type: ignore[arg-type]
            )  # fmt: skip
        except Fault as fault:
            status = 422 if fault.code == "generation.template" else fault.status
            if status == 409:
                context |= {"conflict": True, "changed": _changed(texts[number], typed)}
            elif fault.code != "generation.template":
                raise
        else:
            messages.info(request, f"Saved as version {made.number}." if made else "The text is the same as before.")
            return see_other(request.path)
    context |= frame(task) | {
        "generator": GENERATORS[generator], "template": template, "versions": versions, "number": number,
        "fields": [(name, title, said, typed.get(name, "")) for name, (title, said) in SECTIONS.items()],
        "differs": number and texts[number] != texts[0], **_rendered(task, generator, template, typed),
        **_compared(request, texts, number),
    }  # fmt: skip
    return page(request, "curation/synthesis/prompt.html", context, part="rendered", status=status)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _changed(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, str, str]]:
    """(title, before, after) of each section that differs."""
    return [
        (SECTIONS[one.name][0], before.get(one.name, ""), after.get(one.name, ""))
        for one in fields(Template)
        if before.get(one.name, "") != after.get(one.name, "")
    ]


def _compared(request: HttpRequest, texts: dict[int, dict[str, str]], number: int) -> dict[str, Any]:
    """Two versions side by side, by default the newest and the one before it."""
    if len(texts) < 2:
        return {}
    ends = [_number(value) if (value := request.GET.get(name, "")).isdecimal() else None for name in ("from", "to")]
    new = ends[1] if ends[1] in texts else number
    old = ends[0] if ends[0] in texts else max((one for one in texts if one < new), default=0)
    return {
        "old": old,
        "new": new,
        "compared": _changed(texts[old], texts[new]),
        "numbers": sorted(texts, reverse=True),
    }


def _rendered(task: Task, generator: str, name: str, sections: dict[str, str]) -> dict[str, Any]:
    """The turns as they would be sent, or the error with its section, line and the line itself."""
    values = trying.values_of(task, generator).get(name)
    try:
        turns = trying.filled(Template.from_dict(sections), values)
    except PromptError as error:
        lines = sections.get(error.section, "").split("\n")
        at = lines[error.line - 1] if error.line and error.line <= len(lines) else ""
        return {
            "error": error, "error_title": SECTIONS.get(error.section, (error.section, ""))[0], "error_line": at[:300],
        }  # fmt: skip
    return {"turns": turns, "origin": values.origin if values else "", "names": _names(values)}


def _names(values: trying.Values | None) -> list[str]:
    """What a template may use: the task's, the parameters', and this stage's own."""
    if values is None:
        return []
    found = []
    for name, value in (values.trusted | values.data).items():
        found += [f"{name}.{inner}" for inner in value] if isinstance(value, dict) else [name]
    return found
