"""Slow, obvious versions of dsir and classifier, from the formulas, for the tests alone."""

import hashlib
import math
from collections import Counter

import regex


def ngrams_of(text):
    """Unigrams and bigrams of WordPunct tokens of the lower-case text."""
    said = regex.findall(r"\w+|[^\w\s]+", text.lower())
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


def decision_values(pool, target, grams, bits, *, strength=10.0):
    """Decision values of scikit-learn's own counting, tf-idf and regression, where every pool row is a negative.

    `grams(text)` lists the bucket of each n-gram of a text, as `HashingVectorizer` would, with signs left out.
    """
    import numpy as np
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    def counted(texts):
        made = [Counter(grams(text)) for text in texts]
        entries = [(row, at, often) for row, counts in enumerate(made) for at, often in counts.items()]
        row, column, often = zip(*entries)  # noqa: B905
        return csr_matrix((np.array(often, float), (row, column)), shape=(len(texts), 1 << bits))

    transformer = TfidfTransformer(sublinear_tf=True)
    learned = transformer.fit_transform(counted([*target, *pool]))
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000, tol=1e-8)
    said = np.flatnonzero(learned.getnnz(axis=0))  # a column without an entry has weight 0
    with threadpool_limits(1):
        model.fit(learned[:, said], [1] * len(target) + [0] * len(pool))
    return model.decision_function(transformer.transform(counted(pool))[:, said])
