"""How far answers to one question are apart."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

_NOT_WORDS = re.compile(r"[^\w]+")


def normalised(answer: str) -> str:
    """An answer without what makes no difference: case, compatibility forms, punctuation, spacing."""
    return " ".join(_NOT_WORDS.split(unicodedata.normalize("NFKC", answer).casefold())).strip()


def vote_entropy(answers: Sequence[str]) -> float:
    """-sum over different answers a of (n_a / k) log(n_a / k), over log k: 0 where all say the same, 1 where none do.

    Dagan and Engelson 1995, "Committee-Based Sampling for Training Probabilistic Classifiers". 0 for fewer than two.
    """
    votes = Counter(map(normalised, answers))
    total = len(answers)
    if total < 2 or len(votes) == 1:
        return 0.0
    return min(1.0, -math.fsum(n / total * math.log(n / total) for n in votes.values()) / math.log(total))


def word_difference(answers: Sequence[str]) -> float:
    """The mean over pairs of 1 - 2 |shared words| / (words of both), words with repetition: 0 to 1; 0 for fewer than two."""
    held = [Counter(normalised(answer).split()) for answer in answers]
    apart = []
    for one, other in combinations(held, 2):
        words = one.total() + other.total()
        apart.append(1 - 2 * (one & other).total() / words if words else 0.0)
    return math.fsum(apart) / len(apart) if apart else 0.0


def most_frequent(answers: Sequence[str]) -> tuple[str, int]:
    """The answer that most give, as the first of them wrote it, and how many; of equals the first. Raises for none."""
    votes = Counter(map(normalised, answers))
    best, count = votes.most_common(1)[0]
    return next(answer for answer in answers if normalised(answer) == best), count
