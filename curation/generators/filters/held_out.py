"""Candidates that hold test data (Brown and others 2020, appendix C: stretches of 13 words; 8 for prompts)."""

from collections.abc import Iterable

from curation.generators.filters.texts import answers, asked, grams, words
from curation.generators.model import Candidate, Spec, Verdict

LONG = 13
PROMPT = 8


class HeldOut:
    """Held-out texts, indexed once."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.grams: dict[int, set[tuple[str, ...]]] = {LONG: set(), PROMPT: set()}
        self.short: set[tuple[str, ...]] = set()
        for text in texts:
            held = words(text)
            if not held:
                continue
            for size in self.grams:
                self.grams[size] |= grams(held, size)
            if len(held) < LONG:
                self.short.add(tuple(held))

    def shared(self, text: str, size: int) -> str:
        """The first stretch that the text shares with a held-out one, or the whole text where it is shorter than
        `size` words and equal to one; empty where nothing is shared.
        """
        held = words(text)
        if len(held) < size:
            return " ".join(held) if tuple(held) in self.short else ""
        for at in range(len(held) - size + 1):
            if tuple(held[at : at + size]) in self.grams[size]:
                return " ".join(held[at : at + size])
        return ""

    def verdict(self, candidate: Candidate, spec: Spec) -> Verdict:
        # The task's own instruction stands in its tests as well: only what is new is compared.
        found, size = self.shared(asked(candidate, spec), PROMPT), PROMPT
        for text in answers(candidate):
            if not found and len(words(text)) >= LONG:
                found, size = self.shared(text, LONG), LONG
        said = f"It shares “{found[:120]}” with a test set." if found else ""
        return Verdict("contamination", 1, not found, said, len(words(found)) or None, size)
