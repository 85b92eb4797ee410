"""What a task made of a passage must fulfil, kind by kind; and the wire form of the Bonito model (Nayak and others 2024)."""

import re
from collections.abc import Iterator, Sequence

from curation.generators.filters.texts import grams, normal, words
from curation.generators.model import Verdict
from curation.generators.parsing import Unreadable, whole
from curation.generators.passage_types import Kind

PLACEHOLDER = "{{context}}"
PIPE = "<|pipe|>"
COPIED = 0.8  # share of the 4-grams of a summary that may stand in the passage
COPIED_WORDS = 4

_PLACE = re.compile(r"\{\{\s*context\s*\}\}")


def prompt(kind: Kind, passage: str) -> str:
    """The raw completion prompt of the Bonito model."""
    held = escaped(passage.strip())
    return f"<|tasktype|>\n{kind.name}\n<|context|>\n{held}\n<|task|>\n"


def escaped(passage: str) -> str:
    """The passage without what the model's own marks look like."""
    passage = re.sub(r"<\|(?=\w+\|>)", "< |", passage)
    return _PLACE.sub("{ {context} }", passage)


def split(text: str) -> tuple[str, str]:
    """(instruction, output) of the model's answer, the placeholder still in them. Raises `Unreadable`."""
    parts = text.split(PIPE)
    if len(parts) != 2:
        raise Unreadable(f"the answer has {len(parts) - 1} marks {PIPE}, not one")
    return parts[0].strip(), parts[1].strip()


def filled(text: str, passage: str) -> str:
    """Every placeholder replaced by the passage."""
    held = passage.strip()
    return _PLACE.sub(lambda _: held, text)


def places(text: str) -> int:
    return len(_PLACE.findall(text))


def verdicts(  # noqa: PLR0917
    kind: Kind, instruction: str, output: str, passage: str, options: Sequence[str] = (), evidence: str | None = None
) -> Iterator[Verdict]:
    """Up to the first that fails. `instruction` and `output` with the placeholder; `evidence` None: none was asked for."""
    for verdict in _verdicts(kind, instruction, output, passage, options, evidence):
        yield verdict
        if verdict.drops:
            return


def _verdicts(  # noqa: PLR0917
    kind: Kind, instruction: str, output: str, passage: str, options: Sequence[str], evidence: str | None
) -> Iterator[Verdict]:
    count = places(instruction)
    said = "" if count == 1 else f"The instruction speaks of the passage {count} times; once is wanted."
    yield Verdict("placeholder", 1, count == 1, said, count, 1)
    answer = filled(output, passage)
    said = ""
    if not answer.strip():
        said = "The answer is empty."
    elif normal(answer) == normal(filled(instruction, passage)):
        said = "The answer is the instruction."
    yield Verdict("output", 1, not said, said)
    said = _kind(kind, instruction, answer, passage, options)
    yield Verdict(f"kind_{kind.short}", 1, not said, said)
    if evidence is not None:
        there = normal(evidence) in normal(passage)
        yield Verdict("evidence", 1, there, "" if there else "The evidence does not stand in the passage.")


def _kind(kind: Kind, instruction: str, output: str, passage: str, options: Sequence[str]) -> str:
    """What is wrong for this kind; empty where nothing is."""
    if kind.span:
        return "" if output in passage else "The answer does not stand in the passage word for word."
    if kind.short == "ynqa":
        return "" if normal(output) in ("yes", "no") else "The answer is neither yes nor no."
    if kind.options:
        return _choice(kind, instruction, output, options)
    if kind.short == "qg":
        return _question(output, passage)
    if kind.short == "summarization":
        return _summary(output, passage)
    if kind.short == "paraphrase" and normal(output) == normal(passage):
        return "The paraphrase is the passage."
    return ""


def _choice(kind: Kind, instruction: str, output: str, options: Sequence[str]) -> str:
    named = [one for one in options if one.strip()]
    different = {normal(one) for one in named}
    if kind.short == "mcqa" and named and len(different) < 3:
        return f"It has {len(different)} different options; 3 are the least."
    if named:
        missing = [one for one in named if not _named(one, instruction)]
        if missing:
            return f"The option “{missing[0][:60]}” does not stand in the instruction."
        return "" if normal(output) in different else "The answer is none of the options."
    # Without a list of options the answer must be named in the instruction, or be one that the kind has.
    if normal(output) in {normal(label) for label in kind.labels}:
        return ""
    return "" if _named(output, instruction) else "The answer is not named in the instruction."


def _named(text: str, instruction: str) -> bool:
    return bool(re.search(whole(normal(text)), normal(instruction)))


def _question(output: str, passage: str) -> str:
    if not output.rstrip().endswith(("?", "？", "؟")):
        return "The question has no question mark at its end."
    telling = {word for word in words(output) if len(word) > 3}
    return "" if telling & set(words(passage)) else "The question shares no word with the passage."


def _summary(output: str, passage: str) -> str:
    if len(output) >= len(passage):
        return "The summary is no shorter than the passage."
    mine = grams(words(output), COPIED_WORDS)
    share = len(mine & grams(words(passage), COPIED_WORDS)) / len(mine) if mine else 0.0
    return "" if share < COPIED else f"{share:.0%} of its 4-grams are copied from the passage."
