"""Dialogue: turns of a conversation, written by one person as user, assistant and system."""

from typing import Any

from curation.answers.kinds.base import Kind, Wrong, flag, known, one_of, whole, wrong_text
from curation.answers.model import MAX_CHARS, RAW, Field, FormError, Posted, is_raw, raw
from curation.content import Content, jsontext

ROLES = ("user", "assistant", "system")
SPARE = 2  # empty turns at the end of the form
# Above this many turns, the fields would be more than a form may post: one box with JSON takes their place.
MANY = 200


class Dialogue(Kind):
    """Value: a list of {"role", "text"}; "from" is the number of the turn that it was, so that tool calls stay with it.

    A system turn stands first. `start` begins with the turns of the example (of a single one: its instruction and
    input as the user, its output as the assistant).
    """

    name, title, note = "dialogue", "Dialogue", "A conversation of several turns, written as user and assistant"
    textlike = True
    look = "dialogue"

    def options(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        known(given, {"start", "system", "ends", "least", "most"}, place)
        made: dict[str, Any] = {
            "start": flag(given, "start", True, place),
            "system": flag(given, "system", True, place),
            "ends": one_of(given, "ends", ("assistant", "any"), place),
            "least": whole(given, "least", 2, place, least=1, most=1000),
            "most": whole(given, "most", 100, place, least=1, most=10_000),
        }
        if made["least"] > made["most"]:
            raise FormError(f"{place}.least", "is more than the most")
        return made

    def parse(self, field: Field, posted: Posted) -> Any:
        whole_text = posted.one()
        if whole_text is not None:
            return _from_json(whole_text)
        turns = []
        for key in posted.below("."):
            number, _, what = key.partition(".")
            if what != "text" or not number.isdecimal() or posted.one(f".{number}.drop"):
                continue
            role, text = posted.one(f".{number}.role") or "user", posted.one(f".{number}.text") or ""
            came = posted.one(f".{number}.from") or ""
            origin = {"from": int(came)} if came.isdecimal() and len(came) < 6 else {}
            if not text.strip() and not posted.one(f".{number}.keep"):
                continue
            place = posted.one(f".{number}.place") or ""
            at = float(place) if place.isdecimal() and len(place) < 6 else float("inf")
            turns.append((at, int(number[:9]), {"role": role, "text": text} | origin))
        return [turn for _, _, turn in sorted(turns, key=lambda one: one[:2])] or None

    def clean(self, field: Field, value: Any) -> Any:
        if not isinstance(value, list) or not all(_is_turn(one) for one in value):
            return value or None
        return [{name: one[name] for name in ("role", "text", "from") if name in one} for one in value] or None

    def check(self, field: Field, value: Any, content: Content) -> list[Wrong]:
        if is_raw(value):
            do = 'Write a list of turns: [{"role": "user", "text": "…"}].'
            return [(_why_json(value[RAW]), do)]
        if not isinstance(value, list) or not all(_is_turn(one) for one in value):
            return [("This is not a list of turns.", "Send a list of objects with role and text.")]
        said = [turn for turn in value if turn["role"] != "system"]
        least, most = field.options["least"], field.options["most"]
        if not least <= len(said) <= most:
            return [(f"There are {len(said):,} turns; {least:,} to {most:,} are asked for.", "Add or remove turns.")]
        for number, turn in enumerate(value, 1):
            if found := self._wrong_turn(field, number, turn, content):
                return [found]
        if sum(len(turn["text"]) for turn in value) > 2 * MAX_CHARS:
            return [(f"The turns together have more than {2 * MAX_CHARS:,} characters.", "Shorten them.")]
        if field.options["ends"] == "assistant" and said and said[-1]["role"] != "assistant":
            return [(f"The last turn is one of the {said[-1]['role']}.", "End with an answer of the assistant.")]
        return []

    def _wrong_turn(self, field: Field, number: int, turn: dict[str, Any], content: Content) -> Wrong | None:
        old = _came_from(turn, content)
        if turn["role"] not in ROLES and not (old is not None and old.role == turn["role"]):
            return f"Turn {number} has the role {turn['role'][:40]!r}.", f"Use one of {', '.join(ROLES)}."
        if turn["role"] == "system" and (number > 1 or not field.options["system"]):
            do = "Move it to the top." if field.options["system"] else "Remove it: this form has no system turn."
            return f"Turn {number} is a system turn.", do
        if not turn["text"].strip() and not (old is not None and old.extra):
            return f"Turn {number} is empty.", "Write it or remove it."
        return next(((f"Turn {number}: {why}", do) for why, do in wrong_text(turn["text"])), None)

    def text(self, field: Field, value: Any) -> str:
        if not isinstance(value, list) or not all(_is_turn(one) for one in value):
            return value[RAW] if is_raw(value) else super().text(field, value)
        return "\n\n".join(f"{turn['role']}: {turn['text']}" for turn in value)

    def start(self, field: Field, content: Content) -> Any:
        return turns_of(content) or None if field.options["start"] else None

    def widget(self, field: Field, value: Any, content: Content, name: str) -> dict[str, Any]:
        listed = isinstance(value, list) and all(_is_turn(one) for one in value)
        if value is not None and (not listed or len(value) > MANY):
            return {"json": value[RAW] if is_raw(value) else jsontext.dumps(value)}
        turns = list(value or ())
        following = {"user": "assistant", "assistant": "user"}
        rows = [_row(name, number, turn, _came_from(turn, content)) for number, turn in enumerate(turns)]
        role = following.get(turns[-1]["role"], "user") if turns else "user"
        for number in range(len(rows), len(rows) + SPARE):
            rows.append(_row(name, number, {"role": role, "text": ""}, None) | {"spare": True})
            role = following[role]
        roles = [one for one in ROLES if one != "system" or field.options["system"]]
        return {"rows": rows, "roles": roles}

    def shown(self, field: Field, value: Any, content: Content) -> dict[str, Any]:
        if not isinstance(value, list) or not all(_is_turn(one) for one in value):
            return {"look": "text"}
        return {"look": self.look, "turns": value}


def turns_of(content: Content) -> list[dict[str, Any]]:
    """The example as turns; those of a chat say which turn they were."""
    system = [{"role": "system", "text": content.system}] if content.system else []
    if content.kind == "chat":
        return system + [{"role": one.role, "text": one.text, "from": n} for n, one in enumerate(content.messages)]
    asked = "\n\n".join(part for part in (content.instruction, content.input) if part)
    turns = [("user", asked), ("assistant", content.outputs[0] if content.outputs else "")]
    return system + [{"role": role, "text": text} for role, text in turns if text]


def _came_from(turn: dict[str, Any], content: Content) -> Any:
    number = turn.get("from")
    return content.messages[number] if type(number) is int and 0 <= number < len(content.messages) else None


def _row(name: str, number: int, turn: dict[str, Any], old: Any) -> dict[str, Any]:
    other = turn["role"] if turn["role"] not in ROLES else ""
    extra = jsontext.dumps(dict(old.extra)) if old is not None and old.extra else ""
    return turn | {
        "name": f"{name}.{number}", "number": number + 1, "other_role": other, "came": turn.get("from"), "extra": extra,
    }  # fmt: skip


def _is_turn(one: Any) -> bool:
    return (
        isinstance(one, dict) and isinstance(one.get("role"), str) and isinstance(one.get("text"), str)
        and (one.get("from") is None or (type(one["from"]) is int and one["from"] >= 0))
    )  # fmt: skip


def _from_json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        value = jsontext.loads(text)
    except (ValueError, RecursionError):
        return raw(text)
    return value if isinstance(value, list) and all(_is_turn(one) for one in value) else raw(text)


def _why_json(text: str) -> str:
    try:
        jsontext.loads(text)
    except ValueError as error:
        return f"The box does not hold JSON: {error}."
    return "The box does not hold a list of turns."
