"""Slow, obvious versions of dsir and classifier, from the formulas, for the tests alone."""

import hashlib
import math
import re
from collections import Counter


def ngrams_of(text):
    """Unigrams and bigrams of WordPunct tokens of the lower-case text."""
    said = re.findall(r"\w+|[^\w\s]+", text.lower())
    return said + [f"{a} {b}" for a, b in zip(said, said[1:])]  # noqa: B905, RUF007


def bucket(ngram, buckets):
    return int.from_bytes(hashlib.sha256(ngram.encode()).digest(), "big") % buckets


def log_weights(pool, target, *, buckets=10_000, few_shot=False):
    """ln w of each pool row, one n-gram at a time, in plain Python floats."""

    def shares(texts):
        counts = Counter(bucket(ngram, buckets) for text in texts for ngram in ngrams_of(text))
        total = sum(counts.values())
        return {at: often / total for at, often in counts.items()}

    p, q = shares(target), shares(pool)

    def ratio(at):
        mine = 0.9 * p.get(at, 0.0) + 0.1 * q.get(at, 0.0) if few_shot else p.get(at, 0.0)
        return math.log(mine + 1e-8) - math.log(q.get(at, 0.0) + 1e-8)

    found = []
    for text in pool:
        ratios = [ratio(bucket(ngram, buckets)) for ngram in ngrams_of(text)]
        total = math.fsum(ratios)
        found.append(total / len(ratios) if few_shot and ratios else total)
    return found
