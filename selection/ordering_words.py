"""Why an example stands where it does in its queue, in few words. Pure."""

from typing import Any

MOST = 200  # characters that an example keeps


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st, 1,112th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def place(rank: int, why: str) -> str:
    """`7th: stands for 143 similar examples, 12 of which are already represented`."""
    return f"{ordinal(rank)}: {why}"[:MOST]


def because(reasons: list[dict[str, Any]]) -> str:
    """The first reason of a pick, said of examples of a task."""
    for reason in reasons:
        data = reason.get("data") or {}
        if reason["kind"] == "stands" and "stands_for" in data:
            return _stands(data["stands_for"], data["represented"])
        if reason["kind"] == "reaches" and "gain" in data:
            return f"from one to the next it reaches {data['reach']:.0f} examples, {data['gain']:.0f} of them not reached before"
        if reason["kind"] == "unsure" and "kinds" in data:
            return _unsure(data)
    text = str(reasons[0]["text"]).rstrip(".") if reasons else "put in order by a method"
    return text[:1].lower() + text[1:]


def _stands(stands: int, known: int) -> str:
    if not stands:
        return "stands for itself alone"
    examples = "1 similar example" if stands == 1 else f"{stands:,} similar examples"
    if not known:
        return f"stands for {examples}, none of which is represented yet" if stands > 1 else f"stands for {examples}"
    if stands == 1:
        return f"stands for {examples}, which is already represented"
    return f"stands for {examples}, {known:,} of which {'is' if known == 1 else 'are'} already represented"


def _unsure(data: dict[str, Any]) -> str:
    samples = data["samples"]
    if data["kinds"] == 1:
        return f"the model gave the same answer {samples} times"
    if data["most"] == 1:
        return f"the model gave {samples} answers, all of them different"
    return f"the model gave {data['kinds']} different answers in {samples}"


def of_answers(count: int, kinds: int, most: int) -> str:
    """What the answers say that people and suggestions gave."""
    if count < 2:
        return "fewer than two answers to compare so far"
    if kinds == 1:
        return f"all {count} answers so far are the same"
    if most == 1:
        return f"{count} answers so far, all of them different"
    return f"{count} answers so far, {kinds} of them different"
