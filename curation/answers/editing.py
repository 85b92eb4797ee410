"""The settings of a form as texts in inputs, and the form read back from them. What a form editor works with.

Rows keep what was typed, also where it is wrong, so that it can be mended.
"""

import json
from collections import abc
from dataclasses import dataclass, field, replace
from typing import Any

from curation.answers.forms import load_form
from curation.answers.kinds import KINDS
from curation.answers.model import MAX_FIELDS, Field, Form, FormError, Posted

PREFIX = "f-"
_LABEL_PARTS = ("value", "title", "key", "hue", "help")


@dataclass(frozen=True, slots=True)
class Setting:
    """One option of a kind as an input: number, place (a number from 1), line, lines, labels, flag, choice or json."""

    name: str
    title: str
    shape: str
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()


_LABELS = Setting(
    "labels", "Labels", "labels",
    "One a line. Behind bars may follow: how it is shown | a key | a colour from 1 to 8 | an explanation.",
)  # fmt: skip
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "text": (
        Setting("start", "Begin with the output that came", "flag"),
        Setting("rows", "Lines of the box", "number"),
        Setting("placeholder", "Words in the empty box", "line"),
        Setting("least", "At least characters", "number"),
        Setting("most", "At most characters", "number"),
    ),
    "labels": (
        _LABELS,
        Setting("multiple", "Several may be chosen", "flag"),
        Setting("least", "At least, where several may be chosen", "number"),
        Setting("most", "At most", "number"),
    ),
    "spans": (
        Setting("of", "Text to mark", "choice", "", (("input", "Input"), ("instruction", "Instruction"), ("output", "Output"))),
        _LABELS,
        Setting("nested", "Marks may stand in each other", "flag"),
    ),
    "rating": (
        Setting("min", "From", "number"),
        Setting("max", "To", "number"),
        Setting("low", "Word at the low end", "line"),
        Setting("high", "Word at the high end", "line"),
    ),
    "ranking": (
        Setting("of", "What to rank", "choice", "", (("outputs", "The outputs of the example"), ("items", "The items below"))),
        Setting("items", "Items", "lines", "One a line; only where items are ranked."),
    ),
    "json": (Setting("schema", "JSON Schema", "json", "Draft 2020-12. References lead only into the schema itself."),),
    "dialogue": (
        Setting("start", "Begin with the turns that came", "flag"),
        Setting("system", "A system turn may stand first", "flag"),
        Setting("ends", "Ends with", "choice", "", (("assistant", "An answer of the assistant"), ("any", "Any turn"))),
        Setting("least", "At least turns", "number"),
        Setting("most", "At most turns", "number"),
    ),
    "pair": (
        Setting("first", "First output", "place"),
        Setting("second", "Second output", "place"),
        Setting("tie", "Both may be equally good", "flag"),
        Setting("edit", "The better one may be corrected", "flag"),
    ),
}  # fmt: skip
# What a new field of a kind begins with, where the defaults alone are no form.
_BEGIN: dict[str, dict[str, Any]] = {"labels": {"labels": ["yes", "no"]}, "spans": {"labels": ["NAME", "DATE"]}}


@dataclass(frozen=True, slots=True)
class Row:
    """One field as it stands in the inputs."""

    number: int
    name: str
    kind: str
    title: str
    role: str
    help: str
    required: bool
    texts: dict[str, str] = field(default_factory=dict)
    error: str = ""
    error_at: str = ""  # name, title, role … or the name of a setting

    @property
    def prefix(self) -> str:
        return f"{PREFIX}{self.number}"

    @property
    def settings(self) -> list[tuple[Setting, str]]:
        return [(one, self.texts.get(one.name, "")) for one in SETTINGS.get(self.kind, ())]

    @property
    def roles(self) -> tuple[str, ...]:
        return KINDS[self.kind].roles if self.kind in KINDS else ()

    @property
    def kind_title(self) -> str:
        return KINDS[self.kind].title if self.kind in KINDS else self.kind


def rows_of(form: Form) -> list[Row]:
    return [_row(number, one) for number, one in enumerate(form.fields)]


def posted_rows(posted: abc.Mapping[str, Any]) -> list[Row]:
    """The rows as they were sent, in their order. Never raises."""
    numbers = sorted({int(key.partition(".")[0]) for key in Posted(posted, "").below(PREFIX) if _numbered(key)})[
        : 2 * MAX_FIELDS
    ]
    rows = []
    for at, number in enumerate(numbers):
        sent = Posted(posted, f"{PREFIX}{number}")
        kind = sent.one(".kind") or ""
        texts = {one.name: sent.one(f".o.{one.name}") or "" for one in SETTINGS.get(kind, ())}
        said = {name: (sent.one(f".{name}") or "").strip() for name in ("name", "title", "role", "help")}
        rows.append(Row(at, kind=kind, required=sent.one(".required") is not None, texts=texts, **said))
    return rows


def form_of(rows: list[Row]) -> Form:
    """The form that the rows say. Raises `FormError`; its place begins with `fields[<number>]`, or is `form`."""
    if not rows:
        raise FormError("form", "has no field yet; add one, or begin with a ready form")
    return load_form([_raw(row) for row in rows])


def marked(rows: list[Row], error: FormError) -> list[Row]:
    """The rows with the error at the one that it is about."""
    start, _, rest = error.place.partition("]")
    number = start.removeprefix("fields[")
    at = rest.lstrip(".").removeprefix("options.").split(".")[0].split("[")[0].split("/")[0]
    said = f"{error.place.rsplit('.', 1)[-1]} {error.why}."
    return [replace(one, error=said, error_at=at) if str(one.number) == number else one for one in rows]


def changed(rows: list[Row], do: str, number: int) -> list[Row]:
    """The rows after `remove`, `up` or `down` of one of them; numbered anew."""
    rows = list(rows)
    if do == "remove" and 0 <= number < len(rows):
        del rows[number]
    other = number + {"up": -1, "down": 1}.get(do, 0)
    if do in ("up", "down") and 0 <= number < len(rows) and 0 <= other < len(rows):
        rows[number], rows[other] = rows[other], rows[number]
    return [replace(one, number=at) for at, one in enumerate(rows)]


def added(rows: list[Row], kind: str) -> list[Row]:
    """The rows and a new one of that kind at the end, with a name of its own."""
    if kind not in KINDS:
        return rows
    names = {one.name for one in rows}
    name = next(one for n in range(1, len(rows) + 2) if (one := kind if n == 1 else f"{kind}_{n}") not in names)
    role = KINDS[kind].roles[0]
    if role == "output" and any(one.role in ("output", "preference") for one in rows):
        role = "meta"  # the output is written already, or what came is compared
    raw = {"name": name, "kind": kind, "role": role, "options": _BEGIN.get(kind, {})}
    return [*rows, _row(len(rows), load_form([raw]).fields[0])]


def fits(old: Form, new: Form) -> bool:
    """Whether every answer that suits the old form surely suits the new one, and nothing of it is lost."""
    after = {one.name: one for one in new.fields}
    for one in old.fields:
        other = after.pop(one.name, None)
        if other is None or other.kind != one.kind or (other.required and not one.required):
            return False
        if not _options_fit(one.options, other.options):
            return False
    return not any(one.required for one in after.values())


def _options_fit(old: dict[str, Any], new: dict[str, Any]) -> bool:
    labels = {one["value"] for one in old.get("labels", ())} <= {one["value"] for one in new.get("labels", ())}
    free = {"labels", "rows", "placeholder", "start", "low", "high", "tie", "edit", "nested", "most", "least"}
    wider = all(new.get(name, False) >= old.get(name, False) for name in ("tie", "edit", "nested"))
    bounds = new.get("most", 0) >= old.get("most", 0) and new.get("least", 0) <= old.get("least", 0)
    rest = {name for name in {*old, *new} - free if old.get(name) != new.get(name)}
    return labels and wider and bounds and not rest


def _row(number: int, one: Field) -> Row:
    texts = {setting.name: _text(setting, one.options.get(setting.name)) for setting in SETTINGS[one.kind]}
    return Row(number, one.name, one.kind, one.title, one.role, one.help, one.required, texts)


def _raw(row: Row) -> dict[str, Any]:
    place = f"fields[{row.number}].options"
    options = {}
    for setting, text in row.settings:
        value = _value(setting, text, f"{place}.{setting.name}")
        if value is not None:
            options[setting.name] = value
    said = {"name": row.name, "kind": row.kind, "title": row.title, "help": row.help, "required": row.required}
    return said | ({"role": row.role} if row.role else {}) | {"options": options}


def _text(setting: Setting, value: Any) -> str:
    if setting.shape == "flag":
        return "1" if value else ""
    if setting.shape == "place":
        return str(value + 1)
    if setting.shape == "json":
        return json.dumps(value, ensure_ascii=False, indent=2)
    if setting.shape == "lines":
        return "\n".join(value or ())
    if setting.shape == "labels":
        return "\n".join(_label_text(one, number) for number, one in enumerate(value or ()))
    return "" if value is None else str(value)


def _value(setting: Setting, text: str, place: str) -> Any:
    """None where the default is meant; a number that is none stays text, for the kind to refuse."""
    if setting.shape == "flag":
        return bool(text)
    if setting.shape == "line":
        return text
    if not text.strip():
        return None
    if setting.shape in ("number", "place"):
        number = text.strip().replace(",", "")
        good = number.removeprefix("-").isdecimal() and len(number) < 12
        return int(number) - (setting.shape == "place") if good else text
    if setting.shape == "json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FormError(place, f"is not JSON: {error}") from None
    if setting.shape == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if setting.shape == "labels":
        return [_label(line.strip(), place) for line in text.splitlines() if line.strip()]
    return text


def _label_text(one: dict[str, Any], number: int) -> str:
    """`value | title | key | hue | help` up to the last part that is not as it would be anyway."""
    parts = [one["value"], one["title"], one["key"], str(one["hue"]), one["help"]]
    plain = [one["value"], one["value"], "", str(number % 8 + 1), ""]
    given = ["" if part == usual else part for part, usual in zip(parts[1:], plain[1:], strict=True)]
    if any("|" in part or "\n" in part or part != part.strip() for part in (*parts[1:4], one["help"].replace("|", ""))):
        return json.dumps({name: one[name] for name in _LABEL_PARTS}, ensure_ascii=False)
    while given and not given[-1]:
        given.pop()
    return " | ".join([one["value"], *given])


def _label(line: str, place: str) -> dict[str, Any]:
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FormError(place, f"has a line that is not JSON: {error}") from None
        return found if isinstance(found, dict) else {}
    parts = dict(zip(_LABEL_PARTS, (part.strip() for part in line.split("|", 4)), strict=False))
    made: dict[str, Any] = {name: text for name, text in parts.items() if text}
    if made.get("hue", "").isdecimal():
        made["hue"] = int(made["hue"])
    return made


def _numbered(key: str) -> bool:
    number = key.partition(".")[0]
    return number.isascii() and number.isdecimal() and len(number) < 4
