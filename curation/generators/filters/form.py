"""Filters of one candidate by its form: schema, length, terms, refusals, language."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from statistics import fmean, pstdev

from curation.generators import parsing
from curation.generators.filters.texts import answers, asked
from curation.generators.model import Candidate, Spec, Verdict

LOOKED_AT = 200  # characters of an answer in which a refusal stands
LEAST_SLACK = 20  # characters

# Greetings and fillers of assistants that get into texts that were to be written plainly.
BOILERPLATE = (
    "sure, here", "sure! here", "certainly! here", "of course! here", "here is a new", "here's a new", "here is another",
    "here's another", "i hope this helps", "let me know if", "as requested", "new input:", "happy to help", "great question",
)  # fmt: skip

_VERBS = (
    r"(?:help|assist|answer|provide|do that|fulfil|comply|generate|create|write|complete|discuss|engage|continue|produce|"
    r"give|share)"
)
_REFUSALS = (
    r"\b(?:i['’]?m|i am|we are|we['’]re) (?:very |so |really |truly )?sorry,? but",
    r"^\W*sorry,? (?:but )?i",
    r"\bi (?:cannot|can ?not|can['’]t|am unable to|am not able to|won['’]t|will not) " + _VERBS,
    r"\bi['’]m (?:not able|unable) to",
    r"\bas an? (?:ai|artificial intelligence|language model|large language model)\b",
    r"\bi(?:['’]m| am) (?:just |only )?an? (?:ai|language model|large language model)\b",
    r"\bmy programming\b",
    r"\b(?:against|violates?) (?:my|our|the) (?:content |usage |use )?(?:policy|policies|guidelines)",
)
_REFUSAL = re.compile("|".join(rf"(?:{one})" for one in _REFUSALS))


def schema(candidate: Candidate, spec: Spec) -> Verdict:
    """Whether every answer is JSON that fits the task's schema. Tasks without one pass."""
    try:
        for text in answers(candidate) if spec.schema else ():
            parsing.check(parsing.value(text), spec.schema or {})
    except parsing.Unreadable as error:
        return Verdict("schema", 1, False, f"The answer does not fit the schema: {error}.")
    return Verdict("schema", 1, True)


def empty(candidate: Candidate, spec: Spec) -> Verdict:
    """Whether it asks and answers something, and not the same."""
    said = ""
    texts = answers(candidate)
    if not asked(candidate, spec).strip():
        said = "It asks nothing."
    elif texts and not all(text.strip() for text in texts):
        said = "An answer is empty."
    elif candidate.meta.get("unchanged"):  # a text with nothing to correct is an answer to "correct it"
        said = ""
    elif candidate.outputs and any(text.strip() == candidate.input.strip() for text in candidate.outputs):
        said = "The answer is the input."
    return Verdict("empty", 1, not said, said)


def bounds(texts: Iterable[str]) -> tuple[int, int]:
    """(least, most) characters, both included: mean -/+ two population standard deviations of the texts' lengths, and
    at least half the mean or 20 (Zhao and others 2024, with slack so that texts of one length do not rule out all).
    """
    lengths = [len(text) for text in texts]
    if not lengths:
        return 0, parsing.MAX_CHARS
    mean = fmean(lengths)
    slack = max(2 * pstdev(lengths), 0.5 * mean, LEAST_SLACK)
    return max(0, int(mean - slack)), int(mean + slack)


def length(text: str, least: int, most: int, what: str = "It") -> Verdict:
    held = len(text)
    said = "" if least <= held <= most else f"{what} has {held} characters; {least} to {most} are wanted."
    return Verdict("length", 1, not said, said, held, f"{least}-{most}")


def terms_of(listed: Iterable[str], exempt: Iterable[str]) -> tuple[str, ...]:
    """The terms, without those that stand in a text that is known to be good."""
    good = [text.casefold() for text in exempt]
    return tuple(term for term in listed if term.strip() and not any(_term(term).search(text) for text in good))


def noise(texts: Iterable[str], terms: Sequence[str]) -> Verdict:
    """Whether a term stands in a text, as whole words and whatever the case."""
    for text in texts:
        folded = text.casefold()
        for term in terms:
            if _term(term).search(folded):
                return Verdict("noise", 1, False, f"It says “{term}”.", term)
    return Verdict("noise", 1, True)


@lru_cache(maxsize=1024)
def _term(term: str) -> re.Pattern[str]:
    folded = term.strip().casefold()
    before = r"(?<!\w)" if folded[:1].isalnum() else ""
    after = r"(?!\w)" if folded[-1:].isalnum() else ""
    return re.compile(f"{before}{re.escape(folded)}{after}")


def refuses(text: str) -> str:
    """The words of a refusal at the beginning of an answer; empty where there is none."""
    found = _REFUSAL.search(text[:LOOKED_AT].casefold())
    return found[0].strip() if found else ""


def about_refusals(spec: Spec) -> bool:
    """Whether the task itself is about refusing, so that refusals are what is wanted."""
    told = f"{spec.instruction} {spec.guidelines} {' '.join(spec.labels)}".casefold()
    return bool(re.search(r"\brefus", told)) or any(refuses(demo.output) for demo in spec.demos)


def refusal(candidate: Candidate) -> Verdict:
    """A flag, not a drop: what looks like a refusal may be the right answer."""
    words = next((said for text in answers(candidate) if (said := refuses(text))), "")
    reason = f"The answer looks like a refusal: “{words}”." if words else ""
    return Verdict("refusal", 1, not words, reason, words or None, flag=True)


def language(candidate: Candidate, wanted: str, spec: Spec) -> Verdict:
    """Whether answer and question are in the language wanted; texts too short to tell pass."""
    from selection.kernels.language import language as told

    code = wanted.partition("-")[0].casefold()
    for text in (*answers(candidate), asked(candidate, spec)):
        found = told(text)
        if found and found != code:
            return Verdict("language", 1, False, f"It is in {found}, not {code}.", found, code)
    return Verdict("language", 1, True, threshold=code)
