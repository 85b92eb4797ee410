"""Damage done to clean text by rule, so that the clean text is the exact target of an edit. Chance comes as a generator."""

import re
from collections.abc import Callable
from random import Random

_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
_SENTENCE = re.compile(r"[^.!?]+[.!?]+[\"'”’)]*\s*|[^.!?]+$")

_CONFUSED = {
    "their": "there", "there": "their", "its": "it's", "it's": "its", "your": "you're", "you're": "your", "than": "then",
    "then": "than", "to": "too", "too": "to", "affect": "effect", "effect": "affect", "lose": "loose", "whose": "who's",
}  # fmt: skip
_AGREE = {
    "is": "are", "are": "is", "was": "were", "were": "was", "has": "have", "have": "has", "does": "do", "do": "does",
    "a": "an", "an": "a",
}  # fmt: skip
_SMALL = {"the", "a", "an", "of", "to", "in", "on", "at", "for", "with"}

CASUAL = (
    ("do not", "don't"), ("does not", "doesn't"), ("is not", "isn't"), ("are not", "aren't"), ("cannot", "can't"),
    ("will not", "won't"), ("it is", "it's"), ("we are", "we're"), ("they are", "they're"), ("i am", "i'm"),
    ("going to", "gonna"), ("want to", "wanna"), ("because", "cause"), ("very", "super"), ("children", "kids"),
    ("purchase", "buy"), ("obtain", "get"), ("require", "need"), ("requires", "needs"), ("assist", "help"),
    ("therefore", "so"), ("however", "but"), ("additionally", "plus"), ("approximately", "around"), ("many", "lots of"),
    ("please", "pls"), ("you", "u"), ("thank you", "thx"),
)  # fmt: skip

LINKS = (
    "however", "therefore", "thus", "moreover", "furthermore", "in addition", "as a result", "for example", "in contrast",
    "consequently", "nevertheless", "meanwhile", "afterwards", "then", "instead", "also", "finally", "for instance",
)  # fmt: skip

Word = Callable[[str, Random], str | None]


def _swapped(word: str, rng: Random) -> str | None:
    """Two neighbouring letters change places; neither the first nor the last."""
    pairs = [at for at in range(1, len(word) - 2) if word[at] != word[at + 1] and word[at : at + 2].isalpha()]
    if len(word) < 5 or not pairs:
        return None
    at = rng.choice(pairs)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _cased(new: str, old: str) -> str:
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _confused(word: str, rng: Random) -> str | None:
    found = _CONFUSED.get(word.lower())
    return _cased(found, word) if found else None


def _disagreed(word: str, rng: Random) -> str | None:
    found = _AGREE.get(word.lower())
    return _cased(found, word) if found else None


def _dropped(word: str, rng: Random) -> str | None:
    return "" if word.lower() in _SMALL else None


def _ending(word: str, rng: Random) -> str | None:
    """A plural or a past tense loses its ending."""
    if not word.islower() or len(word) < 5:
        return None
    if word.endswith("ed"):
        return word[:-1] if word.endswith("eed") else word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else None


_WAYS: tuple[Word, ...] = (_swapped, _confused, _disagreed, _dropped, _ending)


def grammar(text: str, rng: Random, share: float = 0.1) -> str:
    """Spelling, agreement, articles, endings and confused words: about `share` of the words, one at least.

    Numbers, names in capitals inside a sentence, and code are left alone. The text itself if nothing can be damaged.
    """
    words = list(_WORD.finditer(text))
    able = [
        (match, way) for match in words for way in _WAYS
        if not _name(text, match) and (made := way(match[0], Random(0))) is not None and made != match[0]  # noqa: S311
    ]  # fmt: skip
    if not able:
        return text
    rng.shuffle(able)
    wanted = max(1, round(share * len(words)))
    chosen: dict[int, tuple[re.Match[str], Word]] = {}
    for match, way in able:
        if len(chosen) == wanted:
            break
        chosen.setdefault(match.start(), (match, way))
    for _, (match, way) in sorted(chosen.items(), reverse=True):
        made = way(match[0], rng) or ""
        left, right = text[: match.start()], text[match.end() :]
        text = left + (made or "") + (right if made else right.removeprefix(" "))
    return text


def _name(text: str, match: "re.Match[str]") -> bool:
    """A word in capitals that does not begin a sentence, or one that is joined to digits or marks of code."""
    before = text[: match.start()].rstrip()
    beside = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
    if re.search(r"[\d_/\\@#<>{}=]", beside):
        return True
    return match[0][:1].isupper() and bool(before) and before[-1] not in ".!?\n"


def formality(text: str, rng: Random) -> str:
    """Formal words and forms become casual ones, and sentences begin small. The text itself if there are none."""
    made = text
    for formal, casual in CASUAL:
        if rng.random() < 0.85:
            made = re.sub(rf"\b{re.escape(formal)}\b", casual, made, flags=re.IGNORECASE)
    if made == text:
        return text
    made = re.sub(r"(^|[.!?]\s+)([A-Z])(?=[a-z])", lambda m: m[1] + m[2].lower(), made)
    return made.rstrip(".") if rng.random() < 0.5 else made


def sentences(text: str) -> list[str]:
    """The sentences of one paragraph, white space kept at their ends."""
    return _SENTENCE.findall(text)


def coherence(text: str, rng: Random) -> str:
    """Words that link sentences are taken out. The text itself if there are none.

    Sentences keep their order: with it lost, the one right target would be lost too.
    """
    pattern = rf"(^|[.!?]\s+|;\s+)({'|'.join(LINKS)}),?\s+(\w)"

    def cut(match: "re.Match[str]") -> str:
        lead = match[1]
        return lead + (match[3].upper() if not lead.startswith(";") else match[3])

    return re.sub(pattern, cut, text, flags=re.IGNORECASE)


RULES: dict[str, Callable[[str, Random], str]] = {"grammar": grammar, "formality": formality, "coherence": coherence}
