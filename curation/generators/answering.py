"""Answers to inputs of the task: the prompt, the reading, and what becomes of an input that got none."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from curation.content import jsontext
from curation.generators import parsing
from curation.generators.base import Job
from curation.generators.model import Candidate, Demo, Reply, Request, Sampling, Spec, Verdict
from curation.generators.prompts import Template

TASK = (
    "Task: {{ task.instruction }}\n"
    "{% if task.guidelines %}Guidelines: {{ task.guidelines }}\n{% endif %}"
    "{% if task.labels %}Labels: {{ task.labels | join(', ') }}\n{% endif %}"
    "{% if task.language %}Language: {{ task.language }}\n{% endif %}"
)
_LEAD = re.compile(r"\A(?:output|answer):\s*", re.IGNORECASE)
DEMOS = "{% for demo in demos %}Input: {{ demo.input }}\nOutput: {{ demo.output }}\n\n{% endfor %}"

ANSWER = Template(
    system="You do one task for one input.\n"
    "- Answer in the form of the examples.\n"
    "- Give the answer alone: no greeting, no repetition of the input, no explanation.\n"
    "{% if task.labels %}- The answer is one of the labels, spelled as listed.\n{% endif %}"
    "{% if task.schema %}- The answer is one JSON value that fits this schema: {{ task.schema | tojson }}\n{% endif %}"
    "\n" + TASK,
    exemplars=DEMOS,
    data="Input: {{ input }}",
    action="Write the answer to this input only.",
)


def shown(demos: Sequence[Demo]) -> list[dict[str, str]]:
    """Demonstrations as data of a template."""
    return [{"input": demo.input, "output": demo.output, "explanation": demo.explanation} for demo in demos]


def bare(text: str) -> str:
    """An answer as plain text, without the word that stands before the answers shown. Raises `Unreadable`."""
    return _LEAD.sub("", parsing.plain(text), count=1).strip() or parsing.plain(text)


def reading(spec: Spec) -> Callable[[Request, Reply], str]:
    """How an answer of the task is read: a label, JSON by the schema, or plain text."""

    def read(request: Request, reply: Reply) -> str:
        if spec.labels:
            return parsing.label(reply.text, spec.labels)
        if spec.schema:
            found = parsing.value(reply.text)
            parsing.check(found, spec.schema)
            return jsontext.dumps(found)
        return bare(reply.text)

    return read


def request(job: Job, stage: str, key: str, text: str, sampling: Sampling, *, samples: int = 1) -> Request:
    """The request for the answer to one input."""
    data: dict[str, Any] = {"input": text, "demos": shown(job.spec.demos)}
    schema = job.spec.schema if job.spec.schema and job.spec.schema.get("type") == "object" else None
    return job.request(stage, key, data=data, sampling=sampling, samples=samples, schema=schema)


def unanswered(why: str, filter_: str = "answer") -> Verdict:
    """The verdict on a candidate for which no answer could be had."""
    return Verdict(filter_, 1, False, why[:1].upper() + why[1:] + ("" if why.endswith(".") else "."))


def single(job: Job, text: str, outputs: tuple[str, ...] = (), **more: Any) -> Candidate:
    """A candidate under the task's own instruction."""
    return Candidate(instruction=job.spec.instruction, input=text, outputs=outputs, **more)
