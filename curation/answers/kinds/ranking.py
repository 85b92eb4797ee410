"""Ranking: an order of candidates, best first."""

from typing import Any

from curation.answers.kinds.base import Kind, Wrong, known, one_of
from curation.answers.model import RAW, Field, FormError, Posted, is_raw, raw
from curation.content import Content

MAX_CANDIDATES = 50


class Ranking(Kind):
    """Value: every candidate once, best first. Outputs of the example by their number from 0, fixed items by their text."""

    name, title, note = "ranking", "Ranking", "Puts the outputs of an example, or fixed items, in order"
    roles = ("preference", "meta")
    look = "ranking"

    def options(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        known(given, {"of", "items"}, place)
        of = one_of(given, "of", ("outputs", "items"), place)
        items = given.get("items", [])
        if not isinstance(items, list) or not all(
            isinstance(one, str) and one.strip() and "\0" not in one for one in items
        ):
            raise FormError(f"{place}.items", "must be a list of texts")
        if len(set(items)) < len(items):
            raise FormError(f"{place}.items", "has an item twice")
        if of == "items" and not 2 <= len(items) <= MAX_CANDIDATES:
            raise FormError(f"{place}.items", f"must list 2 to {MAX_CANDIDATES} items")
        return {"of": of, "items": items if of == "items" else []}

    def parse(self, field: Field, posted: Posted) -> Any:
        ranks = {int(key): (posted.one(f".{key}") or "").strip() for key in posted.below(".") if _is_place(key)}
        if not any(ranks.values()):
            return None
        numbers = {place: int(rank) for place, rank in ranks.items() if rank.isdecimal() and len(rank) < 4}
        if len(numbers) < len(ranks) or sorted(numbers.values()) != list(range(1, len(ranks) + 1)):
            return raw(",".join(ranks.get(place, "") for place in range(max(ranks) + 1)))
        items = field.options["items"]
        ordered = sorted(numbers, key=lambda place: numbers[place])
        if not items:
            return ordered
        return [items[place] for place in ordered if place < len(items)]

    def clean(self, field: Field, value: Any) -> Any:
        return value or None

    def check(self, field: Field, value: Any, content: Content) -> list[Wrong]:
        these = candidates(field, content)
        do = f"Give each of the {len(these)} a place of its own, 1 for the best."
        if is_raw(value):
            given = [one for one in value[RAW].split(",") if one]
            twice = sorted({one for one in given if given.count(one) > 1})
            why = f"Place {twice[0][:20]} is given twice." if twice else "Some candidates have no place."
            return [(why, do)]
        if not isinstance(value, list) or any(isinstance(one, bool) or not isinstance(one, int | str) for one in value):
            return [("This is not an order of candidates.", "Send a list, best first.")]
        if len(set(value)) < len(value):
            return [("A candidate is there twice.", do)]
        if set(value) != {name for name, _ in these}:
            return [(f"The order names {len(value)} candidates that are not the {len(these)} of this example.", do)]
        return []

    def needed(self, field: Field, content: Content) -> bool:
        return len(candidates(field, content)) > 1

    def text(self, field: Field, value: Any) -> str:
        if is_raw(value) or not isinstance(value, list):
            return super().text(field, value)
        return " > ".join(one if isinstance(one, str) else f"candidate {one + 1}" for one in value)

    def widget(self, field: Field, value: Any, content: Content, name: str) -> dict[str, Any]:
        these = candidates(field, content)
        ranks: dict[Any, str] = {}
        if is_raw(value):
            given = value[RAW].split(",")
            ranks = {these[place][0]: given[place] for place in range(min(len(given), len(these)))}
        elif isinstance(value, list):
            ranks = {one: str(place) for place, one in enumerate(value, 1) if isinstance(one, int | str)}
        rows = [
            {
                "place": place,
                "name": f"{name}.{place}",
                "text": text,
                "rank": ranks.get(one, ""),
                "label": f"Candidate {place + 1}",
            }
            for place, (one, text) in enumerate(these)
        ]
        return {
            "rows": rows,
            "ranks": [str(n) for n in range(1, len(rows) + 1)],
            "items": field.options["of"] == "items",
        }

    def shown(self, field: Field, value: Any, content: Content) -> dict[str, Any]:
        if self.check(field, value, content):
            return {"look": "text"}
        texts = dict(candidates(field, content))
        return {"look": self.look, "rows": [{"one": one, "text": texts[one]} for one in value]}


def candidates(field: Field, content: Content) -> list[tuple[int | str, str]]:
    """(name, text) of what is to be ranked, in the order in which it came."""
    items = field.options["items"]
    return [(one, one) for one in items] if items else list(enumerate(content.outputs[:MAX_CANDIDATES]))


def _is_place(key: str) -> bool:
    return key.isdecimal() and key.isascii() and len(key) < 3
