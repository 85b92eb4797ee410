"""A model writes new inputs for a task from its instruction and a few demonstrations, then answers them itself
(Zhao and others 2024, "SELF-GUIDE").

With labels it is the classification flow: each new input must deserve a label that is drawn evenly, the answers are
brought to the labels and the labels to equal numbers. Without, the generation flow.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from curation.generators import parsing
from curation.generators.answering import ANSWER, TASK, bare, request, shown, single, unanswered
from curation.generators.base import Batch, Coroutine, Job, Need, Plan, Replies, ask, slices
from curation.generators.filters import form, votes
from curation.generators.filters.texts import squeezed
from curation.generators.model import Candidate, Reply, Request, Sampling, Verdict
from curation.generators.prompts import Template
from curation.params import param

PROMPT_CHARS = 12_000  # of exemplars in a prompt
MOST_ACCEPTED = 10
# Terms of the task's own frame, which a model repeats instead of writing.
NOISE = ("input", "output", "task", "\n\n", "\\_\\_", "therefore", "here is", "here's", "example:", "note:")

_LEAD = re.compile(r"\A(?:- |(?:new )?input:)\s*", re.IGNORECASE)

TEMPLATES = {
    "input": Template(
        system="You write inputs for a task that somebody else will do.\n"
        "- Write one input that is new: other subject, other words than those shown.\n"
        "- Its form and length are those of the trusted inputs; the others show what is taken already and may be wrong.\n"
        "- Write the input alone: no answer, no title, no remark.\n"
        "{% if task.labels %}- The right answer to it must be the label that is wanted.\n{% endif %}"
        "\n" + TASK,
        exemplars="Trusted inputs:\n{% for demo in demos %}- {{ demo.input }}\n"
        "{% if task.labels %}  (label: {{ demo.output }})\n{% endif %}{% endfor %}",
        control="{% if label %}label: {{ label }}{% endif %}",
        data="{% if accepted %}Inputs that are taken, less reliable:\n"
        "{% for text in accepted %}- {{ text }}\n{% endfor %}{% endif %}",
        action="Write one new input only.",
    ),
    "output": ANSWER,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Params:
    epochs: int = param(
        40, label="Epochs of inputs", help="Each asks for some inputs; those accepted feed the next.", ge=1, le=1000
    )
    prompts: int = param(10, label="Inputs asked for in an epoch", ge=1, le=200)
    temperature: float | None = param(
        None, label="Temperature of inputs", help="Empty: 0.7 with labels, else 0.9.", ge=0, le=2
    )
    input_tokens: int = param(500, label="Longest input (tokens)", ge=1, le=8192, advanced=True)
    samples: int = param(10, label="Answers for each input", ge=1, le=40)
    output_temperature: float = param(0.2, label="Temperature of answers", ge=0, le=2, advanced=True)
    output_tokens: int = param(500, label="Longest answer (tokens)", ge=1, le=8192, advanced=True)
    agreement: float = param(0.3, label="Least share of equal answers", ge=0, le=1)
    length: bool = param(True, label="Length as the demonstrations")
    noise: str = param("", label="Words to drop", help="Separated by commas, beside the method's own.")


class Taken(NamedTuple):
    """An input that passed; `label` is the one it was asked for."""

    key: str
    text: str
    label: str
    requests: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


class SelfGuide:
    name = "self_guide"
    title = "SELF-GUIDE"
    summary = "Writes inputs from the instruction and about three demonstrations, and answers them by vote."
    needs = (Need("instruction"), Need("demonstrations", 1))
    stages = ("input", "output")
    templates = TEMPLATES
    Params = Params
    filter_defaults = {"balance": True, "boilerplate": True}

    def estimate(self, job: Job) -> int:
        return 2 * job.wanted * (1 + job.params.samples)

    def run(self, job: Job) -> Plan:
        flow = _Flow(job)
        epoch = 0
        while epoch < job.params.epochs and not job.done:
            fresh: list[Taken] = []
            while epoch < job.params.epochs and len(fresh) < job.wanted - job.kept and not job.done:
                fresh += yield from flow.inputs(epoch)
                epoch += 1
            yield from flow.outputs(fresh)
        if epoch >= job.params.epochs and not job.done:
            job.stopped = f"all {epoch} epochs are done"


class _Flow:
    """The state of one run: inputs accepted so far, bounds and terms. Nothing of it outlives the run."""

    def __init__(self, job: Job) -> None:
        self.job, self.spec, self.params = job, job.spec, job.params
        self.accepted: list[str] = []
        self.seen = {squeezed(demo.input) for demo in job.spec.demos}
        good = [text for demo in job.spec.demos for text in (demo.input, demo.output)]
        own = [term for term in self.params.noise.split(",") if term.strip()]
        # "\n\n" is no word: it is looked for as it is, and spared like the rest where a demonstration has it.
        self.blank = "\n\n" in NOISE and not any("\n\n" in text for text in good)
        self.terms = form.terms_of((*NOISE, *form.BOILERPLATE, *own), good)
        self.inputs_in = form.bounds(demo.input for demo in job.spec.demos)
        self.outputs_in = form.bounds(demo.output for demo in job.spec.demos)

    def inputs(self, epoch: int) -> Coroutine[Batch, Replies, list[Taken]]:
        """One epoch: prompts drawn from what is accepted so far, filtered in the paper's order."""
        job = self.job
        heat = self.params.temperature
        if heat is None:
            heat = 0.7 if self.spec.labels else 0.9
        sampling = Sampling(temperature=heat, top_k=40, max_tokens=self.params.input_tokens)
        demos = shown(job.chance.shuffled(self.spec.demos, "demos", epoch))
        requests, labels = [], []
        for at in range(min(self.params.prompts, max(1, job.wanted))):
            label = job.chance.pick(self.spec.labels, "label", epoch, at) if self.spec.labels else ""
            labels.append(label)
            data = {"demos": demos, "accepted": self._some(epoch, at, demos), "label": label}
            requests.append(job.request("input", epoch, at, data=data, sampling=sampling))
        taken = []
        for label, found in zip(labels, (yield from ask(requests, _text, job)), strict=True):
            text = found.value or ""
            verdicts = self._of_input(text) if found.value else (unanswered(found.why, "input"),)
            if verdicts[-1].drops:
                told: dict[str, Any] = {"requests": found.requests, "verdicts": verdicts, "meta": self._meta(label)}
                job.emit(single(job, text, key=found.request.key, parents=self._parents(), **told))
                continue
            self.seen.add(squeezed(text))
            self.accepted.append(text)
            taken.append(Taken(found.request.key, text, label, found.requests, verdicts))
        return taken

    def outputs(self, taken: Sequence[Taken]) -> Plan:
        job = self.job
        sampling = Sampling(temperature=self.params.output_temperature, top_k=10, max_tokens=self.params.output_tokens)
        for stretch in slices(taken, max(1, job.batch // self.params.samples)):
            requests = [
                request(job, "output", one.key, one.text, sampling, samples=self.params.samples) for one in stretch
            ]
            for one, asked, replies in zip(stretch, requests, (yield requests), strict=True):
                job.emit(self._answered(one, asked, replies))

    def _answered(self, one: Taken, asked: Request, replies: Sequence[Reply]) -> Candidate:
        """Samples through length and noise, then the vote, then the label: the paper's order."""
        texts, whys = [], []
        for reply in replies:
            try:
                if reply.why:
                    raise parsing.Unreadable(reply.why)
                text = bare(reply.text)
            except parsing.Unreadable as error:
                whys.append(unanswered(str(error)))
                continue
            verdict = self._of_output(text)
            if verdict.passed:
                texts.append(text)
            else:
                whys.append(verdict)
        vote = votes.vote(texts)
        told: dict[str, Any] = {"requests": (*one.requests, asked.key), "parents": self._parents()}
        if vote is None:
            return single(
                self.job, one.text, key=one.key, **told, meta=self._meta(one.label), verdicts=(*one.verdicts, whys[0])
            )
        verdicts = [*one.verdicts, votes.consistency(vote, self.params.agreement)]
        output, meta = vote.text, {"agreement": round(vote.share, 4)} | self._meta(one.label)
        if self.spec.labels and verdicts[-1].passed:
            try:
                output = parsing.label(vote.text, self.spec.labels)
                verdicts.append(Verdict("label", 1, True, value=output))
                meta["as_wanted"] = output == one.label
            except parsing.Unreadable as error:
                verdicts.append(unanswered(str(error), "label"))
        return single(
            self.job, one.text, (output,), key=one.key, **told, meta=meta, verdicts=tuple(verdicts), score=vote.share
        )

    def _of_input(self, text: str) -> tuple[Verdict, ...]:
        found = []
        if self.params.length:
            found.append(form.length(text, *self.inputs_in, "The input"))
        if not found or found[-1].passed:
            found.append(self._noise(text))
        if found[-1].passed:
            new = squeezed(text) not in self.seen
            found.append(Verdict("repeated_input", 1, new, "" if new else "This input was written before."))
        return tuple(found)

    def _of_output(self, text: str) -> Verdict:
        # Labels vary in length by themselves: the length of answers is judged in the generation flow alone.
        if self.params.length and not self.spec.labels:
            verdict = form.length(text, *self.outputs_in, "The answer")
            if not verdict.passed:
                return verdict
        return self._noise(text)

    def _noise(self, text: str) -> Verdict:
        if self.blank and "\n\n" in text:
            return Verdict("noise", 1, False, "It has a blank line, and no demonstration has one.", "blank line")
        return form.noise((text,), self.terms)

    def _some(self, epoch: int, at: int, demos: Sequence[dict[str, str]]) -> list[str]:
        """1 to 10 accepted inputs, fewer where the prompt gets too long; demonstrations are never cut."""
        count = self.job.chance.between(1, MOST_ACCEPTED, "how many", epoch, at)
        drawn = self.job.chance.sample(self.accepted, count, "accepted", epoch, at)
        left = PROMPT_CHARS - sum(len(demo["input"]) for demo in demos)
        kept = []
        for text in drawn:
            left -= len(text)
            if left < 0:
                break
            kept.append(text)
        return kept

    def _meta(self, label: str) -> dict[str, Any]:
        return {"wanted_label": label} if label else {}

    def _parents(self) -> tuple[str, ...]:
        return tuple(demo.key for demo in self.spec.demos if demo.key)


def _text(asked: Request, reply: Reply) -> str:
    """The input without the mark or word that stands before the inputs shown."""
    return _LEAD.sub("", parsing.plain(reply.text), count=1).strip()
