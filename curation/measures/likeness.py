"""Likeness of two values, 0 to 1: words and characters of texts, labels, spans, orders, JSON."""

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

# A word, or one character of a script that is written without spaces (CJK, kana, Thai, Lao, Khmer, Myanmar).
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+")
CHRF_CHARS = 20_000  # of each text; beyond, the time would be felt


def tokens(text: str) -> list[str]:
    """Words in lower case without punctuation; scripts without spaces go by character."""
    return _TOKEN.findall(text.lower())


def token_f1(a: str, b: str) -> float:
    """F1 of the bags of words, as SQuAD scores answers (Rajpurkar and others 2016), articles kept. Two empty texts: 1."""
    one, other = Counter(tokens(a)), Counter(tokens(b))
    if not one or not other:
        return float(one == other)
    both = (one & other).total()
    return 2 * both / (one.total() + other.total())


@lru_cache(maxsize=1)
def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


def chrf(a: str, b: str) -> float:
    """chrF (Popović 2015; sacrebleu's, character 1-6-grams, β 2) over 100, mean of both directions, so that it is symmetric."""
    a, b = a[:CHRF_CHARS], b[:CHRF_CHARS]
    if a == b:
        return 1.0
    if not a.strip() or not b.strip():
        return 0.0
    measure = _chrf()
    return float(measure.sentence_score(a, [b]).score + measure.sentence_score(b, [a]).score) / 200


def jaccard(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Shared over all. Two empty sets: 1."""
    one, other = set(a), set(b)
    return len(one & other) / len(one | other) if one or other else 1.0


def span_f1(a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]], *, overlap: bool = False) -> float:
    """F1 of spans {start, end, label}: the same stretch and label, or with `overlap` any shared character of one label.

    With `overlap`, precision and recall count the spans that meet one of the other side. No span on either side: 1.
    """
    if not a or not b:
        return float(not a and not b)
    if not overlap:
        one = Counter((span["start"], span["end"], span["label"]) for span in a)
        other = Counter((span["start"], span["end"], span["label"]) for span in b)
        return 2 * (one & other).total() / (one.total() + other.total())

    def met(spans: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> int:
        return sum(
            any(
                span["label"] == one["label"] and span["start"] < one["end"] and one["start"] < span["end"]
                for one in others
            )
            for span in spans
        )

    precision, recall = met(a, b) / len(a), met(b, a) / len(b)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def kendall(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Kendall's tau of two orders of the same items, from -1 (reversed) to 1. Items of one side alone are left out."""
    place = {item: rank for rank, item in enumerate(b)}
    common = [item for item in a if item in place]
    pairs = list(combinations(common, 2))
    if not pairs:
        return 1.0 if list(a) == list(b) else 0.0
    agreed = sum(1 if place[x] < place[y] else -1 for x, y in pairs)
    return agreed / len(pairs)


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """The simple values of a JSON value by their path; an empty object or list is a leaf too."""
    if isinstance(value, Mapping) and value:
        return {key: leaf for name, one in value.items() for key, leaf in leaves(one, f"{path}.{name}").items()}
    if isinstance(value, list | tuple) and value:
        return {key: leaf for at, one in enumerate(value) for key, leaf in leaves(one, f"{path}[{at}]").items()}
    return {path: value}


def _json(a: Any, b: Any) -> float:
    one, other = leaves(a), leaves(b)
    same = sum(1 for path, leaf in one.items() if path in other and other[path] == leaf)
    return same / len(one.keys() | other.keys())


def _dialogue(a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]) -> float:
    """Mean chrF turn by turn; a turn that the other side lacks, or that another role says, counts as 0."""
    turns = max(len(a), len(b))
    if not turns:
        return 1.0
    return sum(
        chrf(str(x.get("text", "")), str(y.get("text", ""))) for x, y in zip(a, b, strict=False) if x.get("role") == y.get("role")
    ) / turns  # fmt: skip


def _pair(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """The same choice. An edited text does not change whose words were preferred."""
    return float((bool(a.get("tie")), a.get("chosen")) == (bool(b.get("tie")), b.get("chosen")))


def score(kind: str, a: Any, b: Any, options: Mapping[str, Any] | None = None) -> float:
    """Likeness of two values of one kind of field, 0 to 1, symmetric; 1 for equal values. Nothing against something: 0.

    text: chrF; labels: equal, or Jaccard where several are allowed; spans: exact F1; rating: 1 - distance over the
    scale; ranking: (1 + Kendall's tau) / 2; json: share of equal leaves; dialogue: chrF by turns; pair: same choice.
    """
    if a == b:
        return 1.0
    if a in (None, "", [], {}) or b in (None, "", [], {}):
        return 0.0
    options = options or {}
    try:
        return _score(kind, a, b, options)
    except (TypeError, KeyError, AttributeError):  # values of an older form: another shape is another answer
        return 0.0


def _score(kind: str, a: Any, b: Any, options: Mapping[str, Any]) -> float:
    if kind == "text":
        return chrf(a, b)
    if kind == "labels":
        return jaccard(_as_list(a), _as_list(b))
    if kind == "spans":
        return span_f1(a, b)
    if kind == "rating":
        width = abs(options.get("max", 5) - options.get("min", 1)) or 1
        return max(0.0, 1 - abs(a - b) / width)
    if kind == "ranking":
        return (1 + kendall(a, b)) / 2 if len(set(a) & set(b)) > 1 else 0.0
    if kind == "dialogue":
        return _dialogue(a, b)
    if kind == "pair":
        return _pair(a, b)
    return _json(a, b)


def _as_list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)
