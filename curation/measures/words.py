"""What the figures of one field mean, in plain words. The marks 0.8 and 0.667 are Krippendorff's (2004)."""

from collections.abc import Mapping
from typing import Any

RELIABLE, TENTATIVE = 0.8, 0.667
WIDE = 0.3  # an interval of this width says little

HEADLINES = {
    "text": "Mean chrF",
    "labels": "Mean Jaccard overlap",
    "spans": "Mean span F1",
    "ranking": "Mean order agreement",
    "json": "Mean share of equal values",
    "dialogue": "Mean chrF by turns",
}
LIKE = {
    "text": "two answers to one example share about {share} of their sequences of characters",
    "labels": "of all labels that two people chose for one example, both chose {share}",
    "spans": "{share} of the spans that two people marked are the same stretch with the same label",
    "ranking": "two people put {share} of the pairs of candidates in the same order",
    "json": "{share} of the values that two people filled in are equal",
    "dialogue": "the turns that two people wrote share about {share} of their sequences of characters",
}
FURTHER = {
    "alpha_nominal": "Alpha, nominal",
    "alpha_ordinal": "Alpha, ordinal",
    "alpha_interval": "Alpha, interval",
    "fleiss": "Fleiss’ kappa",
    "token_f1": "Words in common (token F1)",
    "span_f1": "Same spans (F1)",
    "span_f1_overlap": "Overlapping spans (F1)",
    "kendall": "Kendall’s tau",
    "chrf_all": "chrF of the whole dialogue",
}


def headline(field: Mapping[str, Any]) -> str:
    """The name of the headline measure of one field's figures (`agreement`)."""
    if field["categorical"]:
        return f"Krippendorff’s alpha, {field['level']}"
    return HEADLINES.get(field["kind"], HEADLINES["json"])


def meaning(field: Mapping[str, Any]) -> str:
    """One or two sentences on the headline value."""
    value = field["value"]
    if not field["examples"]:
        return "No example has two answers to this question yet."
    if value is None:
        if field["one_value"]:
            return "Everybody gave the same answer throughout, so agreement cannot be told from chance."
        return "These answers cannot be judged yet."
    if not field["categorical"]:
        said = LIKE.get(field["kind"], LIKE["json"]).format(share=f"{100 * value:.0f} %")
        return f"On average, {said}. This is not corrected for chance.{_doubt(field)}"
    if value >= RELIABLE:
        said = "The answers can be relied on: 0.8 is the customary mark."
    elif value >= TENTATIVE:
        said = "Good enough for tentative conclusions; 0.8 is the customary mark for answers to rely on."
    elif value > 0:
        said = "Too low to rely on single answers. Look at the disagreements below, and make the guidelines clearer."
    else:
        said = "No better than chance. People may understand the question differently."
    return said + _doubt(field)


def _doubt(field: Mapping[str, Any]) -> str:
    if field["low"] is None:
        return " Too few examples for an interval."
    if field["high"] - field["low"] > WIDE:
        return " The interval is wide: more shared examples would tell more."
    return ""


def further(field: Mapping[str, Any]) -> list[tuple[str, float | None, str]]:
    """(name, value, note) of the figures beside the headline."""
    found = []
    for name, value in field["others"].items():
        if name not in FURTHER:
            continue
        note = ""
        if name == "fleiss" and field["others"].get("fleiss_left_out"):
            wanted, left = field["others"]["fleiss_answers"], field["others"]["fleiss_left_out"]
            note = f"examples with {wanted} answers; {left:,} with another number left out"
        found.append((FURTHER[name], value, note))
    return found
