"""What somebody looks for in the table: text, fields, filters, order. Pure: from an address and back to it.

    ask = read({"q": 'glucose tag:hard -source:old instruction:"in one line"', "sort": "oldest"})
    ask.text        # "glucose"
    ask.terms       # (Term("tag", "hard"), Term("source", "old", False), Term("instruction", "in one line", phrase=True))

Only the names below reach the database; any other `word:` is text like the rest.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

MAX_TEXT = 500  # characters of the search box that count
MAX_TERMS = 20

FIELDS = {
    "instruction": "words in the instruction",
    "input": "words in the input",
    "output": "words in the outputs",
    "turn": "words in the turns of a chat",
    "system": "words in the system text",
    "source": "its source, exactly; source:ward* begins with",
    "tag": "a tag, exactly; tag:* has any",
    "key": "its key, exactly; key:letter-1* begins with",
    "label": "a label or other choice of the accepted answer",
    "file": "the name of the file that it came in",
    "pool": "the name of the pool that it was selected from",
    "run": "the number of the run that selected it",
}
STATES = {
    "open": "Open",
    "in_work": "In work",
    "submitted": "Submitted",
    "returned": "Returned",
    "accepted": "Accepted",
    "rejected": "Rejected",
    "deleted": "Deleted",
}
MARKS = {
    "suggestion": "Has a suggestion",
    "gold": "Gold",
    "unchanged": "Suggestion taken unchanged",
    "disagreement": "Answers differ",
}
CURATORS_MARKS = frozenset({"gold", "unchanged", "disagreement"})
SORTS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "priority": "Highest priority first",
    "changed": "Most recently changed first",
}
SPANS = {"hour": "Last hour", "day": "Last 24 hours", "week": "Last 7 days", "month": "Last 30 days"}
ORIGINS = ("file", "hand", "run", "api", "generation")

_TERM = re.compile(rf'(?:^|(?<=\s))(-?)({"|".join(FIELDS)}):(?:"([^"]*)"|(\S+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Term:
    """One `field:value` of the search box; `wanted` is False for `-field:value`."""

    field: str
    value: str
    wanted: bool = True
    phrase: bool = False  # it stood in quotation marks

    @property
    def begins(self) -> str | None:
        """What the value begins with, where it ends in a star."""
        return self.value[:-1] if self.value.endswith("*") else None


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that chooses rows and their order. Empty = not asked."""

    q: str = ""
    text: str = ""
    terms: tuple[Term, ...] = ()
    state: str = ""
    tag: str = ""
    source: str = ""
    origin: str = ""  # file, hand, run, api, generation, or run-7 and file-12: one run, one import
    annotator: int = 0
    marks: tuple[str, ...] = ()
    added: str = ""
    changed: str = ""
    sort: str = "newest"

    @property
    def filters(self) -> bool:
        """Whether rows are chosen at all."""
        return bool(self.pairs(order=False))

    @property
    def folded(self) -> bool:
        """Whether one of the filters behind the fold is set."""
        return bool(
            self.tag or self.source or self.origin or self.annotator or self.marks or self.added or self.changed
        )

    def pairs(self, *, order: bool = True) -> list[tuple[str, str]]:
        found = [(name, str(getattr(self, name))) for name in NAMES if getattr(self, name)]
        found += [("has", mark) for mark in self.marks]
        return found + ([("sort", self.sort)] if order and self.sort != "newest" else [])

    @property
    def query(self) -> str:
        """For addresses; without a place."""
        return urlencode(self.pairs())

    def without(self, name: str, mark: str = "") -> str:
        """The query without one filter."""
        if name == "has":
            return replace(self, marks=tuple(one for one in self.marks if one != mark)).query
        if name == "annotator":
            return replace(self, annotator=0).query
        blank: dict[str, Any] = {name: ""}
        return replace(self, **blank).query

    def anywhere(self, fields: Collection[str]) -> "Asked":
        """The same with the words of these fields looked for in the whole text."""
        words = [
            f'"{one.value}"' if one.phrase else one.value for one in self.terms if one.wanted and one.field in fields
        ]
        terms = tuple(one for one in self.terms if one.field not in fields)
        return replace(self, text=" ".join([self.text, *words]).strip(), terms=terms)

    def sorted_by(self, sort: str) -> str:
        return replace(self, sort=sort).query


NAMES = ("q", "state", "tag", "source", "origin", "annotator", "added", "changed")


def read(query: Mapping[str, str], marks: list[str] | None = None, *, curator: bool = True) -> Asked:
    """What an address asks for. Unknown values count as not asked; so do the filters of curators for others."""

    def one(name: str, known: Mapping[str, str] | None = None) -> str:
        value = clean(query.get(name, ""))
        return value if known is None or value in known else ""

    q = clean(query.get("q", ""))
    text, terms = split(q)
    who = one("annotator")
    wanted = [mark for mark in dict.fromkeys(marks or []) if mark in MARKS and (curator or mark not in CURATORS_MARKS)]
    return Asked(
        q=q, text=text, terms=terms, state=one("state", STATES), tag=one("tag"), source=one("source"),
        origin=_origin(one("origin")), annotator=int(who) if curator and who.isdecimal() and len(who) < 18 else 0,
        marks=tuple(wanted), added=one("added", SPANS), changed=one("changed", SPANS),
        sort=one("sort", SORTS) or "newest",
    )  # fmt: skip


def clean(text: str) -> str:
    """As the database can take it: no NUL, no half characters, one line, not too long."""
    return " ".join(text.replace("\0", " ").encode("utf-8", "ignore").decode().split())[:MAX_TEXT]


def _origin(value: str) -> str:
    kind, mark, number = value.partition("-")
    if kind not in ORIGINS or (mark and (kind not in ("run", "file") or not number.isdecimal() or len(number) > 17)):
        return ""
    return value


def split(q: str) -> tuple[str, tuple[Term, ...]]:
    """The text of a search and its `field:value` terms."""
    terms: list[Term] = []

    def take(found: re.Match[str]) -> str:
        value = (found[3] if found[3] is not None else found[4]).strip()
        if not value or len(terms) == MAX_TERMS:
            return found[0]
        terms.append(Term(found[2].lower(), value, not found[1], found[3] is not None))
        return " "

    return " ".join(_TERM.sub(take, q).split()), tuple(terms)
