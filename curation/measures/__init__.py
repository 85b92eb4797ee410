"""How far answers agree. Pure: numpy, no Django.

    score("text", "You are well.", "You are fine.")         # likeness of two values of one kind of field, 0 to 1
    alpha([["a", "a"], ["a", "b", None]], "nominal")        # Krippendorff's alpha
    bootstrap(units, statistic, rounds=1000, seed=0)        # percentile interval by resampling examples

Formulas and sources: docs/explanation/agreement.md.
"""

from curation.measures.agreement import Unit, agreement, code, given
from curation.measures.coefficients import alpha, cohen, confusion, fleiss, percent
from curation.measures.likeness import chrf, jaccard, kendall, leaves, score, span_f1, token_f1, tokens
from curation.measures.resampling import bootstrap, bootstrap_alpha, bootstrap_mean

__all__ = [
    "Unit",
    "agreement",
    "alpha",
    "bootstrap",
    "bootstrap_alpha",
    "bootstrap_mean",
    "chrf",
    "code",
    "cohen",
    "confusion",
    "fleiss",
    "given",
    "jaccard",
    "kendall",
    "leaves",
    "percent",
    "score",
    "span_f1",
    "token_f1",
    "tokens",
]
