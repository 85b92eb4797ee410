"""Three sample tasks to annotate: a text with a suggestion to mend, labels that two people give, and spans."""

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from curation.sample import FAMILIES, Row, _rows

REPORTS = 40
MESSAGES = 40
NOTES = 30


@dataclass(frozen=True, slots=True)
class SampleTask:
    """A task as data: `examples` are rows of the sample families; `suggest` maps a row's id to a suggested answer."""

    name: str
    definition: str
    guidelines: str
    avoid: str
    categories: tuple[str, ...]
    form: list[dict[str, Any]]
    demonstrations: tuple[tuple[str, str, str, str], ...]  # kind, input, output, explanation
    examples: list[Row]
    suggest: dict[str, dict[str, Any]] = field(default_factory=dict)
    gold: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def tasks() -> list[SampleTask]:
    """The same on every machine."""
    return [_reports(), _intents(), _entities()]


def _family(name: str, count: int) -> list[Row]:
    """Rows that are neither in the sample pool nor in a sample target's first rows."""
    family = next(one for one in FAMILIES if one.name == name)
    return list(islice(_rows(family, count, held_out=True), count))


def _reports() -> SampleTask:
    rows = _family("summaries", REPORTS)
    # What a hasty writer would do: the first sentence, as it stands.
    suggest = {row["id"]: {"summary": re.split(r"(?<=\.)\s", row["input"], maxsplit=1)[0]} for row in rows}
    return SampleTask(
        name="Reports in one sentence",
        definition="Summarise the report in one sentence: what changed, by how much or why, and what remains a problem.",
        guidelines=(
            "Write for somebody who will not read the report.\n\n"
            "1. Say **what changed** and in which direction.\n"
            "2. Give the **reason** that the report gives, if it gives one.\n"
            "3. End with what **remains a problem**, if the report names one.\n\n"
            "The suggestion is only the first sentence of the report: it is rarely enough."
        ),
        avoid="Numbers that the report does not give, names of people, opinions.",
        categories=("Summarization",),
        form=[
            {"name": "summary", "kind": "text", "title": "Summary", "role": "output", "required": True, "options": {}},
            {
                "name": "clarity", "kind": "rating", "title": "How clear is the report?", "role": "meta", "required": False,
                "options": {},
            },
        ],
        demonstrations=(
            (
                "positive",
                ("The swimming pool in Ghent counted 5,100 visits in June, compared with 4,600 a year earlier. The council "
                "puts the increase down to longer opening hours, but the showers are often cold."),
                "Visits to the swimming pool in Ghent grew, mainly thanks to longer opening hours, but the showers are often cold.",
                "What changed, why, and what remains, in one sentence.",
            ),
            (
                "negative",
                ("The swimming pool in Ghent counted 5,100 visits in June, compared with 4,600 a year earlier. The council "
                "puts the increase down to longer opening hours, but the showers are often cold."),
                "There were 5,100 visits.",
                "A number without what it means: neither the change nor the reason nor the problem is there.",
            ),
        ),
        examples=rows,
        suggest=suggest,
    )  # fmt: skip


def _intents() -> SampleTask:
    rows = _family("bank-intents", MESSAGES)
    labels = sorted({row["output"] for row in rows})
    gold = {row["id"]: {"intent": row["output"]} for row in rows[:6]}
    return SampleTask(
        name="What does the customer want?",
        definition="A customer of a bank wrote the message. Choose the support intent that it belongs to.",
        guidelines=(
            "Choose by what the customer **wants to be done**, not by the words that occur.\n\n"
            "- If two intents fit, take the one that the bank would have to act on first.\n"
            "- Skip a message that is not about the bank, and say so."
        ),
        avoid="",
        categories=("Classification",),
        form=[
            {
                "name": "intent", "kind": "labels", "title": "Intent", "role": "output", "required": True,
                "options": {"labels": [{"value": label, "title": label.replace("_", " ")} for label in labels]},
            }
        ],
        demonstrations=(
            (
                "positive", "The machine at the station gave me 20 instead of 50.", "cash_wrong_amount",
                "The amount that came out is wrong, wherever it happened.",
            ),
        ),
        examples=rows,
        gold=gold,
        settings={"shared_share": 0.5, "shared_wanted": 2, "gold_every": 8, "accept": "agreement"},
    )  # fmt: skip


def _entities() -> SampleTask:
    rows = _family("named-entities", NOTES)
    kinds = ["Person", "Organisation", "Place", "Date"]
    return SampleTask(
        name="People, places and dates in notes",
        definition="Mark every person, organisation, place and date in the note.",
        guidelines=(
            "- Mark the **shortest** stretch that names it: no articles, no titles.\n"
            "- Mark each mention, also the second one.\n"
            "- A weekday with a date is one date."
        ),
        avoid="Marking times of day, amounts or things.",
        categories=("Named Entity Recognition",),
        form=[
            {
                "name": "entities", "kind": "spans", "title": "Entities", "role": "output", "required": True,
                "options": {"of": "input", "labels": kinds},
            }
        ],
        demonstrations=(
            (
                "positive", "Ana Costa called from Porto on 3 May 2025.", "Person: Ana Costa\nPlace: Porto\nDate: 3 May 2025",
                "Each is marked once, without the words around it.",
            ),
        ),
        examples=rows,
    )  # fmt: skip
