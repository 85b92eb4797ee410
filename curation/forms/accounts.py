"""Accounts and teams."""

from typing import Any

from django import forms

from curation.models import Role, User


class SignupNameForm(forms.Form):
    """The field that Winnow adds to allauth's sign-up form."""

    name = forms.CharField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ("name", "email", "password1")

    def signup(self, request: Any, user: Any) -> None:
        """Required by allauth; the adapter has saved the name already."""


class TeamForm(forms.Form):
    name = forms.CharField(label="Team name", max_length=80, strip=True)


class InviteForm(forms.Form):
    role = forms.ChoiceField(
        label="Role",
        choices=[(role.value, f"{role.label}: {role.says}") for role in Role],
        initial=Role.ANNOTATOR,
        widget=forms.RadioSelect,
    )
    email = forms.EmailField(
        label="E-mail address",
        required=False,
        help_text="Only this person can then use the link. Leave it empty for a link that anybody can use once.",
    )


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("name", "shortcuts")
        labels = {"name": "Your name", "shortcuts": "Keyboard shortcuts"}
        help_texts = {"shortcuts": "Single keys act on pages when no field has the focus. ? lists them."}
