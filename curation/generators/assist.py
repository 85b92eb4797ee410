"""Help while a person annotates: one request about one answer. It is asked from the annotation page alone.

repair writes the answer anew where a person says in words what is wrong with it; suggest writes one; critique holds it
against the guidelines; shorter and clearer say the same in other words.
"""

from dataclasses import dataclass

from curation.generators import parsing
from curation.generators.answering import TASK, bare, shown, unanswered
from curation.generators.base import Job, Need, Plan, ask
from curation.generators.model import Candidate, Reply, Request, Sampling
from curation.generators.prompts import Template
from curation.params import param

KINDS = {
    "repair": "Repair", "suggest": "Suggest", "critique": "Check against the guidelines", "shorter": "Make shorter",
    "clearer": "Make clearer",
}  # fmt: skip
_ALONE = "- Give the {} alone: no greeting, no remark, no explanation.\n"
_LABEL = "{% if task.labels %}- The answer is one of the labels, spelled as listed.\n{% endif %}"
_ABOUT = (
    "{% if instruction %}Instruction: {{ instruction }}\n\n{% endif %}{% if input %}Input: {{ input }}\n\n{% endif %}"
    "{% if answer %}Answer:\n{{ answer }}\n{% endif %}"
)
_SHOWN = "{% for demo in demos %}Input: {{ demo.input }}\nAnswer: {{ demo.output }}\n\n{% endfor %}"
TEMPLATES = {
    "repair": Template(
        system="You mend an answer to a task. A person says what is wrong with it.\n"
        "- Change what is wrong and leave the rest as it is, word for word.\n"
        "- Add nothing that the input does not say.\n" + _ALONE.format("whole mended answer") + _LABEL + "\n" + TASK,
        data=_ABOUT + "\nWhat is wrong with the answer:\n{{ words }}",
        action="Write the mended answer only.",
    ),
    "suggest": Template(
        system="You do one task for one input.\n- Answer in the form of the examples.\n"
        + _ALONE.format("answer") + _LABEL + "\n" + TASK,
        exemplars=_SHOWN,
        data=_ABOUT,
        action="Write the answer to this input only.",
    ),
    "critique": Template(
        system="You hold an answer to a task against its guidelines, for the person who wrote it.\n"
        "- Name each place where it goes against the task or the guidelines: quote the words, then say in one sentence "
        "what is wrong.\n"
        "- Name what the input says and the answer leaves out or gets wrong.\n"
        "- At most five points, the worst first. If nothing is wrong, say so in one sentence.\n"
        "- Do not write the answer anew.\n\n" + TASK,
        data=_ABOUT,
        action="Write the points only.",
    ),
    "shorter": Template(
        system="You shorten an answer to a task.\n- Keep every fact and the language; leave out what says nothing.\n"
        + _ALONE.format("shorter answer") + "\n" + TASK,
        data=_ABOUT,
        action="Write the shorter answer only.",
    ),
    "clearer": Template(
        system="You make an answer to a task easier to read.\n"
        "- Plain words, short sentences, the same facts, the same language, about the same length.\n"
        + _ALONE.format("clearer answer") + "\n" + TASK,
        data=_ABOUT,
        action="Write the clearer answer only.",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Params:
    what: str = param("suggest", label="What", choices=KINDS)
    max_tokens: int = param(1024, label="Longest answer (tokens)", ge=1, le=8192)


class Assist:
    """The answer is the text of the only input; instruction, input and words come as its `meta`."""

    name = "assist"
    title = "Help while annotating"
    summary = "Repairs, suggests, checks or rewrites one answer for the person who writes it."
    needs = (Need("inputs"),)
    stages = tuple(KINDS)
    templates = TEMPLATES
    Params = Params

    def estimate(self, job: Job) -> int:
        return 1

    def run(self, job: Job) -> Plan:
        source, what = job.sources.inputs[0], job.params.what
        told = {name: str(source.meta.get(name) or "") for name in ("instruction", "input", "words")}
        data = told | {"answer": source.text, "demos": shown(job.spec.demos[:3])}
        sampling = Sampling(temperature=0.7 if what == "suggest" else 0.3, max_tokens=job.params.max_tokens)
        request = job.request(what, source.key, data=data, sampling=sampling)
        labels = () if what == "critique" else job.spec.labels

        def read(_: Request, reply: Reply) -> str:
            if labels:
                return parsing.label(reply.text, labels)
            return parsing.plain(reply.text) if what == "critique" else bare(reply.text)

        [found] = yield from ask([request], read, job, retries=1)
        verdicts = (unanswered(found.why),) if found.why else ()
        outputs = (found.value,) if found.value else ()
        job.emit(
            Candidate(
                input=told["input"], outputs=outputs, parents=(source.key,), requests=found.requests, verdicts=verdicts,
                meta={"what": what},
            )
        )  # fmt: skip
