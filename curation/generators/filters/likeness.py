"""Candidates that repeat: each other, the task, its examples, or the examples of the prompt.

In the batch the best-scored member of a group stays, of equal ones that with the lowest key, so the result does not
depend on the order in which replies came.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from curation.generators.filters.texts import asked, grams, natural, normal, squeezed, whole, words
from curation.generators.model import Candidate, Source, Spec, Verdict
from selection.kernels.shingles import NearDuplicates

COPIED_WORDS = 5  # words in a row that count as copied
LEAST_WORDS = 8  # of a candidate, for shares of copied words to mean anything


def rouge_l(one: Sequence[str], other: Sequence[str]) -> float:
    """F of the longest common subsequence of words (Lin 2004), with precision and recall of equal weight."""
    from rapidfuzz.distance import LCSseq

    if not one or not other:
        return 0.0
    return 2 * LCSseq.similarity(one, other) / (len(one) + len(other))


class Pool:
    """Texts by their words. `closest` is exact: a text that shares too few words cannot reach the threshold."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.rows: list[tuple[list[str], str]] = []
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def add(self, text: str, key: str = "") -> None:
        row = words(text)
        for word, often in Counter(row).items():
            self.postings[word].append((len(self.rows), often))
        self.rows.append((row, key))

    def closest(self, text: str) -> tuple[float, str] | None:
        """(ROUGE-L, key) of the likest text if that is more than the threshold (Wang and others 2023)."""
        held = words(text)
        shared: dict[int, int] = defaultdict(int)
        for word, mine in Counter(held).items():
            for at, often in self.postings.get(word, ()):
                shared[at] += min(mine, often)
        best, found = self.threshold, None
        for at in sorted(shared):
            row, key = self.rows[at]
            # The longest common subsequence has no more words than both have in common.
            if 2 * shared[at] / (len(row) + len(held)) > best and (score := rouge_l(held, row)) > best:
                best, found = score, (score, key)
        return found


class Repeats:
    """Texts that are there already. `text` chooses what of a candidate is compared: "asked", "instruction", "whole"."""

    def __init__(self, spec: Spec, *, what: str, near: float | None, similar: float | None) -> None:
        self.spec, self.what = spec, what
        self.exact: dict[str, str] = {}
        self.near = NearDuplicates(near) if near else None
        self.near_keys: list[str] = []
        self.pool = Pool(similar) if similar else None

    def text(self, candidate: Candidate) -> str:
        if self.what == "instruction":
            return candidate.instruction
        return asked(candidate, self.spec) if self.what == "asked" else whole(candidate, self.spec)

    def add(self, text: str, key: str) -> None:
        if not text.strip():
            return
        self.exact.setdefault(squeezed(text), key)
        if self.near:
            self.near.seen(text)
            self.near.keep()
            self.near_keys.append(key)
        if self.pool:
            self.pool.add(text, key)

    def verdicts(self, text: str, where: str) -> list[Verdict]:
        """Up to the first that fails: equal, near duplicate, similar."""
        found = []
        equal = self.exact.get(squeezed(text))
        found.append(_exact(equal, where))
        if equal is None and self.near:
            near = self.near.closest(text)
            found.append(_near(near and (near[0], self.near_keys[near[1]]), self.near.threshold, where))
        if found[-1].passed and self.pool:
            found.append(_similar(self.pool.closest(text), self.pool.threshold, where))
        return found


def _exact(key: str | None, where: str) -> Verdict:
    said = "" if key is None else f"It says the same as {key or 'a text'} in {where}."
    return Verdict("exact_duplicate", 1, key is None, said, key)


def _near(found: tuple[float, str] | None, threshold: float, where: str) -> Verdict:
    if not found:
        return Verdict("near_duplicate", 1, True, threshold=threshold)
    said = f"It shares {found[0]:.0%} of its word 3-grams with {found[1] or 'a text'} in {where}."
    return Verdict("near_duplicate", 1, False, said, round(found[0], 4), threshold)


def _similar(found: tuple[float, str] | None, threshold: float, where: str) -> Verdict:
    if not found:
        return Verdict("similarity", 1, True, threshold=threshold)
    said = f"Its ROUGE-L with {found[1] or 'a text'} in {where} is {found[0]:.2f}."
    return Verdict("similarity", 1, False, said, round(found[0], 4), threshold)


def existing(repeats: Repeats, sources: Sequence[Source], spec: Spec) -> None:
    """Fills in what the task and its examples say."""
    for at, demo in enumerate(spec.demonstrations):
        text = demo.input or demo.instruction
        repeats.add(text, demo.key or f"demonstration {at + 1}")
    for source in sources:
        repeats.add(source.text, source.key)


def in_batch(candidates: Sequence[Candidate], repeats: Repeats) -> Mapping[str, tuple[Verdict, ...]]:
    """Verdicts by key, best candidates first; `repeats` is empty and is filled with those that stay."""
    order = sorted(candidates, key=lambda one: (-(one.score if one.score is not None else 0.0), natural(one.key)))
    found: dict[str, tuple[Verdict, ...]] = {}
    for one in order:
        text = repeats.text(one)
        verdicts = tuple(repeats.verdicts(text, "this run"))
        if all(verdict.passed for verdict in verdicts):
            repeats.add(text, one.key)
        found[one.key] = verdicts
    return found


def copy_of_prompt(candidate: Candidate, shown: Sequence[str], spec: Spec, most: float) -> Verdict:
    """Whether what it asks was copied from the examples in its prompt: the same words, or more than a share of `most`
    of its 5-grams in one of them.
    """
    text = asked(candidate, spec)
    held, best = words(text), 0.0
    for one in shown:
        if normal(one) and normal(one) == normal(text):
            best = 1.0
        elif len(held) >= LEAST_WORDS:
            mine = grams(held, COPIED_WORDS)
            best = max(best, len(mine & grams(words(one), COPIED_WORDS)) / len(mine))
    said = f"{best:.0%} of it is copied from an example in the prompt." if best > most else ""
    return Verdict("copy", 1, best <= most, said, round(best, 4), most)
