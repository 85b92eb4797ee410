"""A model as judge of single candidates by a rubric: reasons first, then a number; what cannot be read is no verdict."""

from collections.abc import Sequence
from typing import Any

from curation.generators.base import Batch, Coroutine, Job, Replies, ask
from curation.generators.filters.texts import answers, asked
from curation.generators.model import Candidate, Reply, Request, Sampling, Verdict
from curation.generators.parsing import Unreadable, obj
from curation.generators.prompts import Template

LOWEST, HIGHEST = 1, 5
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "score": {"type": "integer", "minimum": LOWEST, "maximum": HIGHEST},
    },
    "required": ["reason", "score"],
    "additionalProperties": False,
}
TEMPLATE = Template(
    system="You grade one training example of the task below by its rubric.\n"
    "- Give your reason first, then the score: 1 is useless, 3 needs work, 5 can be used as it is.\n"
    "- A long answer is not a better answer.\n"
    'Answer with one JSON object: {"reason": text, "score": whole number from 1 to 5}.\n\n'
    "Task: {{ task.instruction }}\n"
    "{% if task.guidelines %}Guidelines: {{ task.guidelines }}\n{% endif %}"
    "Rubric: {{ rubric }}",
    data="Question:\n{{ asked }}\n\nAnswer:\n{{ answer }}",
    action="Grade this one example.",
)
TEMPLATES = {"judge": TEMPLATE}
RUBRIC = "The question fits the task and can be answered; the answer is right, complete and follows the guidelines."


def read(request: Request, reply: Reply) -> tuple[int, str]:
    """Raises `Unreadable`."""
    found = obj(reply.text)
    score = found.get("score")
    if isinstance(score, bool) or not isinstance(score, int) or not LOWEST <= score <= HIGHEST:
        raise Unreadable(f"the score is no whole number from {LOWEST} to {HIGHEST}")
    return score, str(found.get("reason", "")).strip()


def judged(
    job: Job, candidates: Sequence[Candidate], rubric: str, least: float
) -> Coroutine[Batch, Replies, dict[str, Verdict]]:
    """One verdict a candidate, by key. An abstention is a flag."""
    requests = [
        job.request(
            "judge",
            one.key,
            data={"asked": asked(one, job.spec), "answer": "\n\n".join(answers(one))},
            extra={"rubric": rubric or RUBRIC},
            sampling=Sampling(temperature=0.0, max_tokens=256),
            schema=SCHEMA,
        )
        for one in candidates
    ]
    found = {}
    for one, said in zip(candidates, (yield from ask(requests, read, job, retries=1)), strict=True):
        if said.value is None:
            reason = f"The judge abstained: {said.why}."
            found[one.key] = Verdict("judge", 1, False, reason, threshold=least, flag=True)
            continue
        score, why = said.value
        passed = score >= least
        found[one.key] = Verdict("judge", 1, passed, "" if passed else f"The judge: {why[:300]}", score, least)
    return found
