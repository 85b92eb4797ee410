"""The choice of a sparse autoencoder in the form of a new run: the team's own, or another by its name."""

from typing import TYPE_CHECKING, Any

from django import forms

from config.faults import Fault
from selection.actions import saes as actions
from selection.encoders.sae.files import NAMED
from selection.queries.saes import choices

if TYPE_CHECKING:
    from selection.forms.runs import RunForm

FIELD, OTHER, ELSE = "m_sae", "m_sae_other", "other"


def offer(form: "RunForm") -> None:
    """A list in place of the text in which the method keeps its autoencoder; what is not listed has a field of its own."""
    if FIELD not in form.fields:
        return
    asked, own = form.fields[FIELD], choices(form.team)
    wanted = str(form.initial.get(FIELD) or "")
    form.fields[FIELD] = forms.ChoiceField(
        choices=[*own, (ELSE, "Another one, named under finer settings" if own else "None of the team yet")],
        label=asked.label, initial=own[0][0] if own else ELSE,
        help_text="Those of the team that passed their check.",
    )  # fmt: skip
    form.fields[OTHER] = forms.CharField(
        required=False, max_length=300, label="Another sparse autoencoder",
        help_text="owner/repository:hookpoint of the hub, or a folder that the workers can read. It counts only where "
        "none of the team is chosen.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )  # fmt: skip
    if wanted and wanted not in dict(own):
        form.initial.update({FIELD: ELSE, OTHER: wanted})
    form.extra_fields.append(OTHER)


def merge(form: "RunForm", data: dict[str, Any]) -> None:
    """One value of the two fields, checked to be the team's where it names one of a team."""
    if FIELD not in form.fields:
        return
    other, chosen = data.pop(OTHER, "") or "", data.get(FIELD) or ""
    named = data[FIELD] = other if chosen in {"", ELSE} else chosen
    if not named and FIELD not in form.errors:
        form.add_error(FIELD, "Choose one of the team, or name another under finer settings.")
    elif NAMED.fullmatch(named):
        try:
            actions.usable(form.team, named)
        except Fault as fault:
            form.add_error(FIELD, f"{fault.what} {fault.advice}")


def missing(form: "RunForm") -> bool:
    """Whether the method wants an autoencoder and the team has none."""
    return FIELD in form.fields and not any(value != ELSE for value, _ in form.fields[FIELD].choices)  # type: ignore[attr-defined]
