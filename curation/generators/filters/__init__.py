"""Filters: what drops a candidate, in which order, and why.

Every filter is a function of the candidate, the task and its options: the same input, the same verdict. Cheap and
exact ones come first; the first that drops a candidate ends its way. Those that compare candidates with each other
come after the last reply (`Chain.settle`), a model's judgement last of all (`Chain.after`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.generators.base import Generator, Job, Plan
from curation.generators.chance import Chance
from curation.generators.filters import form, judge, likeness, votes
from curation.generators.filters.held_out import HeldOut
from curation.generators.filters.texts import answers, asked
from curation.generators.model import Candidate, Sources, Spec, Verdict
from curation.params import param

# In the order in which they are asked.
ORDER = (
    "empty", "schema", "length", "noise", "refusal", "copy", "exact_duplicate", "near_duplicate", "similarity",
    "contamination", "language", "balance", "judge",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """Thresholds of a run. A generator may have other defaults (`filter_defaults`)."""

    min_chars: int = param(1, label="Shortest answer (characters)", ge=0)
    max_chars: int = param(20_000, label="Longest answer (characters)", ge=1)
    like_demonstrations: bool = param(
        False, label="Length as the demonstrations", help="Inputs no shorter or longer than the demonstrations' vary."
    )
    noise: str = param("", label="Words to drop", help="Separated by commas. Whole words; drops what says one.")
    boilerplate: bool = param(True, label="Drop an assistant's greetings", help="Such as “Sure! Here is”.")
    refusals: bool = param(True, label="Flag refusals")
    copied: float = param(0.8, label="Copied from the prompt's examples", help="Largest share.", ge=0, le=1)
    near: float | None = param(0.8, label="Near duplicates", help="Jaccard of word 3-grams.", ge=0.1, le=1)
    similar: float | None = param(
        None, label="Similar (ROUGE-L)", help="Drops above this; 0.7 for instructions.", ge=0, le=1
    )
    language: bool = param(True, label="Hold to the task's language")
    balance: bool = param(False, label="As many of each label")
    judge: bool = param(False, label="Let the model judge", help="One more request for each candidate kept.")
    rubric: str = param("", label="Rubric", advanced=True)
    judge_least: float = param(4.0, label="Least score, of 5", ge=1, le=5, advanced=True)


class Chain:
    """The filters of one run. It remembers what was emitted, so it belongs to one `Job` and starts anew at a replay.

    novel: what of a candidate must be new: "asked"; "instruction", where many share an input; or "whole", where several
    answers to one question are wanted.
    """

    def __init__(
        self, spec: Spec, sources: Sources, options: Options | None = None, *, novel: str = "asked", seed: int = 0
    ) -> None:
        self.spec, self.options, self.novel = spec, options or Options(), novel
        self.chance = Chance(seed)
        self.known = self._repeats()
        likeness.existing(self.known, sources.existing, spec)
        self.seen = self._repeats()
        self.held_out = HeldOut(sources.tests) if sources.tests else None
        good = [text for demo in spec.demos for text in (demo.input, demo.output)]
        own = [term.strip() for term in self.options.noise.split(",")]
        self.terms = form.terms_of((*own, *(form.BOILERPLATE if self.options.boilerplate else ())), good)
        self.shown = [text for demo in spec.demos for text in (demo.input or demo.instruction,) if text]
        self.bounds = form.bounds(demo.input for demo in spec.demos if demo.input)
        self.flag_refusals = self.options.refusals and not form.about_refusals(spec)

    def one(self, candidate: Candidate) -> tuple[Verdict, ...]:
        """Verdicts of the filters that look at one candidate, up to the first that drops it."""
        found = []
        for verdict in self._one(candidate):
            found.append(verdict)
            if verdict.drops:
                break
        return tuple(found)

    def repeats(self, candidate: Candidate) -> bool:
        """Whether it repeats one that was kept before. Which of the two stays is for `settle` to say."""
        text = self.seen.text(candidate)
        before = not all(verdict.passed for verdict in self.seen.verdicts(text, "this run"))
        if not before:
            self.seen.add(text, candidate.key)
        return before

    def settle(self, candidates: Sequence[Candidate]) -> Mapping[str, tuple[Verdict, ...]]:
        found = dict(likeness.in_batch(candidates, self._repeats()))
        if self.options.balance and self.spec.labels:
            left = [one for one in candidates if not any(verdict.drops for verdict in found[one.key])]
            weighed = votes.balance(left, self.spec.labels, lambda one: one.output, self.chance)
            found |= {key: (*found[key], *verdicts) for key, verdicts in weighed.items()}
        return found

    def after(self, job: Job) -> Plan:
        """The judge, where it is asked for."""
        if not self.options.judge:
            return
        kept = [one for one in job.candidates if one.kept]
        said = yield from judge.judged(job, kept, self.options.rubric, self.options.judge_least)
        job.candidates = [one.judged(said[one.key]) if one.key in said else one for one in job.candidates]

    def _one(self, candidate: Candidate) -> Iterator[Verdict]:
        spec, options = self.spec, self.options
        yield form.empty(candidate, spec)
        yield form.schema(candidate, spec)
        for text in answers(candidate):
            yield form.length(text, options.min_chars, options.max_chars, "The answer")
        if options.like_demonstrations and candidate.input:
            yield form.length(candidate.input, *self.bounds, "The input")
        yield form.noise((asked(candidate, spec), *answers(candidate)), self.terms)
        if self.flag_refusals:
            yield form.refusal(candidate)
        if self.novel != "whole":
            yield likeness.copy_of_prompt(candidate, self.shown, spec, options.copied)
            # An open example that gets its answer here is no repetition of itself.
            if self.known.exact.get(likeness.squeezed(text := self.known.text(candidate))) not in candidate.parents:
                yield from self.known.verdicts(text, "the task")
        if self.held_out:
            yield self.held_out.verdict(candidate, spec)
        if options.language and spec.language:
            yield form.language(candidate, spec.language, spec)

    def _repeats(self) -> likeness.Repeats:
        return likeness.Repeats(self.spec, what=self.novel, near=self.options.near, similar=self.options.similar)


def chain(generator: Generator, spec: Spec, sources: Sources, options: Options | None = None, seed: int = 0) -> Chain:
    """The filters as a generator wants them: its `novel` and, without options, its `filter_defaults`."""
    options = options or defaults(generator)
    return Chain(spec, sources, options, novel=getattr(generator, "novel", "asked"), seed=seed)


def defaults(generator: Generator) -> Options:
    told: Mapping[str, Any] = getattr(generator, "filter_defaults", {})
    return Options(**told)


__all__ = ["ORDER", "Chain", "Options", "chain", "defaults"]
