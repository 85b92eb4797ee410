"""Reading and writing answer forms."""

from typing import Any

from curation.answers.kinds import KINDS
from curation.answers.kinds.base import words
from curation.answers.model import MAX_FIELDS, NAME, ROLES, Field, Form, FormError

_PARTS = {"name", "kind", "title", "role", "help", "required", "options"}


def load_form(raw: list[dict[str, Any]]) -> Form:
    """The form of a task. Raises `FormError` (place, why). What is left out has its default; a role too."""
    if not isinstance(raw, list):
        raise FormError("form", "must be a list of fields")
    if len(raw) > MAX_FIELDS:
        raise FormError("form", f"has {len(raw):,} fields; {MAX_FIELDS} are the most")
    fields = tuple(_field(one, f"fields[{number}]") for number, one in enumerate(raw))
    names: set[str] = set()
    for number, field in enumerate(fields):
        if field.name in names:
            raise FormError(f"fields[{number}].name", f"({field.name}) is there twice")
        names.add(field.name)
    _check_together(fields)
    return Form(fields)


def dump_form(form: Form) -> list[dict[str, Any]]:
    """JSON that `load_form` reads back as an equal form."""
    return [
        {
            "name": one.name, "kind": one.kind, "title": one.title, "role": one.role,
            "help": one.help, "required": one.required, "options": one.options,
        }
        for one in form.fields
    ]  # fmt: skip


def reads_outputs(field: Field) -> bool:
    """Whether the outputs of an example are the candidates of this field."""
    return field.kind == "pair" or (field.kind == "ranking" and field.options["of"] == "outputs")


def _field(raw: Any, place: str) -> Field:
    if not isinstance(raw, dict):
        raise FormError(place, "must be an object with name and kind")
    for key in raw:
        if key not in _PARTS:
            raise FormError(f"{place}.{key}", f"is not a part of a field; the parts are {', '.join(sorted(_PARTS))}")
    name = words(raw, "name", place, most=40)
    if not NAME.fullmatch(name):
        raise FormError(f"{place}.name", "must begin with a small letter and hold only small letters, digits and _")
    kind = KINDS.get(raw["kind"]) if isinstance(raw.get("kind"), str) else None
    if kind is None:
        raise FormError(f"{place}.kind", f"must be one of {', '.join(KINDS)}")
    role = raw.get("role", kind.roles[0])
    if role not in ROLES or role not in kind.roles:
        raise FormError(f"{place}.role", f"of a field of the kind {kind.name} must be one of {', '.join(kind.roles)}")
    required = raw.get("required", True)
    if not isinstance(required, bool):
        raise FormError(f"{place}.required", "must be true or false")
    options = raw.get("options", {})
    if not isinstance(options, dict):
        raise FormError(f"{place}.options", "must be an object")
    return Field(
        name=name, kind=kind.name, title=words(raw, "title", place).strip() or name.replace("_", " ").capitalize(),
        role=role, help=words(raw, "help", place, most=2000), required=required,
        options=kind.options(options, f"{place}.options"),
    )  # fmt: skip


def _check_together(fields: tuple[Field, ...]) -> None:
    """What one field writes must not be what another one reads: numbers of candidates would then point elsewhere."""
    candidates = next((one for one in fields if reads_outputs(one)), None)
    for number, field in enumerate(fields):
        if candidates is not None and field.role == "output":
            raise FormError(
                f"fields[{number}].role",
                f"must not be output, because {candidates.title} compares the outputs that came; keep it beside (meta)",
            )
        if field.kind == "spans" and field.options["of"] == "output" and any(one.role == "output" for one in fields):
            raise FormError(
                f"fields[{number}].options.of",
                "must not be output in a form that writes the output: the marked text would change under the marks",
            )
