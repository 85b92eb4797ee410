"""Form fields of parameters: one for each line of `curation.params.params_schema`."""

from typing import Any

from django import forms

LONG = {"rubric"}  # texts of several lines


class Defaulting:
    """A field that is not left empty: what is missing or cleared is its usual value."""

    def clean(self, value: Any) -> Any:
        return super().clean(self.initial if value in (None, "") else value)  # type: ignore[misc,attr-defined]


class DefaultingChoice(Defaulting, forms.ChoiceField):
    pass


class DefaultingInt(Defaulting, forms.IntegerField):
    pass


class DefaultingFloat(Defaulting, forms.FloatField):
    pass


class DefaultingText(Defaulting, forms.CharField):
    pass


KINDS: dict[str, tuple[type[forms.Field], type[forms.Field]]] = {
    "int": (forms.IntegerField, DefaultingInt),
    "float": (forms.FloatField, DefaultingFloat),
    "str": (forms.CharField, DefaultingText),
}


def field_for(entry: dict[str, Any]) -> forms.Field:
    """A form field for one line of `params_schema`: its type, help and bounds."""
    optional = entry["optional"]
    facts: dict[str, Any] = {"label": entry["label"], "help_text": entry["help"], "initial": entry["default"]}
    if entry["type"] == "bool":
        return forms.BooleanField(required=False, **facts)
    if entry["choices"]:
        return DefaultingChoice(choices=list(entry["choices"].items()), **facts)
    kind = KINDS[entry["type"]][0 if optional else 1]
    if entry["type"] == "str":
        if entry["name"] in LONG:
            facts["widget"] = forms.Textarea(attrs={"rows": 4})
        return kind(required=bool(entry["default"]) and not optional, **facts)
    step = 1 if entry["type"] == "int" else "any"
    facts |= {"min_value": entry["ge"], "max_value": entry["le"], "widget": forms.NumberInput(attrs={"step": step})}
    return kind(required=not optional, **facts)
