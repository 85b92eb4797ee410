"""Whether a model that did not write an answer holds it to be true, as a probability (after Genixer, Zhao and others 2023).

p = P(yes) / (P(yes) + P(no)) of the first token of one short answer at temperature 0. Where a server gives no
probabilities, the word itself counts as 1 or 0.
"""

import math
from collections.abc import Mapping
from typing import Any

from curation.generators import parsing
from curation.generators.base import Read
from curation.generators.model import Reply, Request, Sampling, Verdict
from curation.generators.prompts import Template
from curation.generators.reading import verdict

SAMPLING = Sampling(temperature=0, max_tokens=8, logprobs=True)
BANDS = ((0.0, "rejected"), (0.5, "middle"), (0.7, "high"))

TEMPLATE = Template(
    system=(
        "You check answers of others. Judge only whether the answer is right and follows from what is known.\n"
        "Answer with one word: yes or no."
    ),
    data="Question:\n{{ question }}\n\nAnswer:\n{{ answer }}",
    action="Is this answer right? One word: yes or no.",
)


def probability(logprobs: Mapping[str, float]) -> float | None:
    """P(yes) over P(yes) + P(no), each over its spellings. None where neither is among the tokens."""
    mass = {"yes": 0.0, "no": 0.0}
    for token, value in logprobs.items():
        word = token.strip().strip("▁Ġ.\"'").casefold()
        if word in mass:
            mass[word] += math.exp(value)
    total = mass["yes"] + mass["no"]
    return mass["yes"] / total if total else None


def read(request: Request, reply: Reply) -> float:
    """The probability that the answer is true. Raises `parsing.Unreadable` for a reply that says neither."""
    found = probability(reply.logprobs) if reply.logprobs else None
    return found if found is not None else float(parsing.yes_no(reply.text))


def band(p: float) -> str:
    """rejected below 0.5, middle below 0.7, else high: the middle ones were found to help training most."""
    return [name for low, name in BANDS if p >= low][-1]


def told(check: Read[float] | None) -> dict[str, Any]:
    """What a candidate keeps of its check: the probability and its band; nothing where there is none."""
    return {} if check is None or check.value is None else {"truth": round(check.value, 4), "band": band(check.value)}


def judged(p: float, least: float) -> Verdict:
    return verdict("truth", p >= least, "A second look does not hold the answer to be right.", round(p, 3), least)
