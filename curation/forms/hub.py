"""A team's token of the hub, a push, and what people write for a card."""

from typing import Any

from django import forms

from curation.formats.training import TRAINING
from curation.hub.facts import TEXTS

VISIBLE = [("private", "Private: those whom the hub lets in"), ("public", "Public: everybody may read these rows")]
WAYS = [("branch", "A commit on the branch"), ("pull", "A pull request, which somebody merges on the hub")]


class HubTokenForm(forms.Form):
    token = forms.CharField(
        label="Token", max_length=500, strip=True,
        help_text="One that may write. Kept encrypted, never shown again, sent to this hub alone.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip


class PushForm(forms.Form):
    """`cleaned` has what `actions.pushes.push` takes."""

    repo = forms.CharField(
        label="Repository", max_length=120, help_text="As owner/name. It is made if it is not there.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )  # fmt: skip
    format = forms.ChoiceField(
        label="Format", choices=[(name, one.title) for name, one in TRAINING.items()], initial="parquet"
    )
    visible = forms.ChoiceField(label="Who may see it", choices=VISIBLE, initial="private", widget=forms.RadioSelect)
    way = forms.ChoiceField(label="How", choices=WAYS, initial="branch", widget=forms.RadioSelect)
    branch = forms.CharField(label="Branch", max_length=100, initial="main", required=False)
    message = forms.CharField(label="Commit message", max_length=200, required=False)
    existing = forms.BooleanField(
        label="Write to the repository also if others made it", required=False,
        help_text="Files of the same names are replaced; the hub keeps the old ones in its history.",
    )  # fmt: skip

    @property
    def cleaned(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "repo": data["repo"], "format": data["format"], "private": data["visible"] == "private",
            "pull_request": data["way"] == "pull", "branch": data["branch"], "message": data["message"],
            "existing": data["existing"],
        }  # fmt: skip


HELP = {
    "intended_use": "Whom and what it serves, and what it should not be used for.",
    "known_gaps": "What is missing, skewed or uncertain.",
    "notes": "Anything else, such as how to cite it.",
}


class CardForm(forms.Form):
    """A text for each section that people write."""

    def __init__(self, data: Any = None, *, texts: dict[str, str] | None = None) -> None:
        super().__init__(data, initial=texts or {})
        for name, title, _ in TEXTS:
            self.fields[name] = forms.CharField(
                label=title, required=False, max_length=20_000, help_text=HELP[name],
                widget=forms.Textarea(attrs={"rows": 5}),
            )  # fmt: skip
