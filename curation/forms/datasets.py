"""The recipe as a form: sources in a table, the rest in fields. From fields to a recipe and back."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from curation.datasets.recipe import BALANCE_BY, RecipeError
from curation.datasets.splits import GROUPS
from curation.forms.tasks import ListField

BALANCE = [("", "Nothing"), *((name, name.capitalize()) for name in BALANCE_BY)]
MIXES = [("all", "Everything that is left"), ("share", "By share of each source"), ("temperature", "By temperature")]
_SOURCE = re.compile(r"sources\[(\d+)\](?:\.(\w+))?")
GROUP_WORDS = {
    "prompt": "The same prompt", "row": "Nothing: each row for itself", "source": "The same source",
    "tag": "A tag that begins with …", "lineage": "A field of the lineage",
}  # fmt: skip


def _whole(label: str, least: int = 1, **kwargs: Any) -> forms.IntegerField:
    said = {"min_value": "Use %(limit_value)s or more.", "invalid": "Use a whole number."}
    return forms.IntegerField(
        label=label, required=False, min_value=least, max_value=10**12, error_messages=said, **kwargs
    )


class RecipeForm(forms.Form):
    """Everything of a recipe but its sources, which `sources_in` reads from the same post."""

    name = forms.CharField(label="Name", max_length=120)
    description = forms.CharField(
        label="What it is for", required=False, max_length=20_000, widget=forms.Textarea(attrs={"rows": 2})
    )
    mix = forms.ChoiceField(label="How sources are mixed", choices=MIXES, initial="all")
    temperature = forms.FloatField(
        label="Temperature", required=False, min_value=0.1, max_value=100, initial=2.0,
        help_text="1 keeps the sizes; more makes small sources larger in the whole.",
    )  # fmt: skip
    rows = _whole("Most rows")
    tokens = _whole("Most tokens", help_text="Four characters count as one.")
    balance_by = forms.ChoiceField(label="Balance by", choices=BALANCE, required=False)
    balance_counts = forms.CharField(
        label="How many of each", required=False, max_length=20_000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line, as in “letters: 200”.",
    )  # fmt: skip
    balance_each = _whole("How many of each other", 0)
    balance_rest = forms.ChoiceField(
        label="Rows that count for none", choices=[("drop", "Left out"), ("keep", "Kept")], required=False
    )
    licences = ListField(
        label="Only these licences", longest=200, help_text="Separated by commas. “none” is no licence."
    )
    tags_any = ListField(label="With one of these tags", longest=60)
    tags_none = ListField(label="With none of these tags", longest=60)
    only_sources = ListField(label="Only these sources", longest=255, help_text="As rows name them.")
    no_sources = ListField(label="None of these sources", longest=255)
    languages = ListField(label="Only these languages", longest=20, help_text="Codes, as in “en, de”.")
    min_chars = _whole("At least so many characters", 0)
    max_chars = _whole("At most so many characters", 0)
    from_day = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    to_day = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    min_agreement = forms.FloatField(
        label="Least agreement", required=False, min_value=0, max_value=1, help_text="0 to 1, where several answered."
    )
    cap_source = _whole("Most rows of one source")
    cap_task = _whole("Most rows of one task or collection")
    cap_tag = _whole("Most rows of one tag")
    duplicates = forms.ChoiceField(
        label="Equal texts", choices=[("drop", "Once"), ("keep", "As often as they come")], initial="drop"
    )
    seed = _whole("Seed", 0, initial=0)
    shares = forms.CharField(
        label="Splits, in percent", max_length=400, initial="train 90, validation 5, test 5",
        help_text="The first is the one to train on. Fixed with the first version.",
    )  # fmt: skip
    group = forms.ChoiceField(label="What stays together", choices=[(one, GROUP_WORDS[one]) for one in GROUPS])
    group_name = forms.CharField(label="Its beginning or name", required=False, max_length=60)

    SPLITS = ("shares", "group", "group_name")
    FILTERS = (
        "licences", "tags_any", "tags_none", "only_sources", "no_sources", "languages", "min_chars", "max_chars",
        "from_day", "to_day", "min_agreement",
    )  # fmt: skip
    CAPS = ("cap_source", "cap_task", "cap_tag")
    BALANCES = ("balance_by", "balance_counts", "balance_each", "balance_rest")
    MIXING = ("mix", "temperature", "rows", "tokens", "duplicates", "seed")

    def __init__(self, *args: Any, fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if fixed:
            for name in self.SPLITS:
                del self.fields[name]

    def group_of(self, names: tuple[str, ...]) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    def clean_balance_counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for number, line in enumerate(self.cleaned_data["balance_counts"].splitlines(), 1):
            if not line.strip():
                continue
            name, _, count = line.rpartition(":")
            if not name.strip() or not count.strip().replace(",", "").isdecimal() or len(count) > 15:
                raise forms.ValidationError(f"Line {number} is no name and number. Write it as “letters: 200”.")
            found[name.strip()] = int(count.strip().replace(",", ""))
        return found

    def clean_shares(self) -> list[list[Any]]:
        pairs = []
        for part in self.cleaned_data["shares"].replace("%", "").split(","):
            name, _, share = part.strip().rpartition(" ")
            try:
                pairs.append([name.strip().lower(), round(float(share) / 100, 6)])
            except ValueError:
                raise forms.ValidationError(f"“{part.strip()[:40]}” is no split. Write “train 90, test 10”.") from None
        return pairs

    def recipe(self, sources: list[dict[str, Any]]) -> dict[str, Any]:
        """The recipe as JSON; whether it can be followed is for `curation.datasets.recipe` to say."""
        data = self.cleaned_data
        filters = {
            name: data.get(name)
            for name in ("tags_any", "tags_none", "languages", "min_chars", "max_chars", "min_agreement")
        }
        filters |= {"sources": data["only_sources"], "sources_not": data["no_sources"]}
        filters["licences"] = ["" if one.lower() == "none" else one for one in data["licences"]]
        filters |= {name: data[name].isoformat() if data.get(name) else "" for name in ("from_day", "to_day")}
        balance: dict[str, Any] = {}
        if data.get("balance_by"):
            balance = {
                "by": data["balance_by"], "counts": data["balance_counts"], "each": data["balance_each"],
                "rest": data["balance_rest"] or "drop",
            }  # fmt: skip
        return {
            "sources": sources, "filters": filters, "balance": balance, "mix": data["mix"], "rows": data["rows"],
            "temperature": data["temperature"] or 2.0, "tokens": data["tokens"], "duplicates": data["duplicates"],
            "caps": {name.removeprefix("cap_"): data[name] for name in self.CAPS if data.get(name)}, "seed": data["seed"] or 0,
        }  # fmt: skip

    def splits(self) -> dict[str, Any] | None:
        if "shares" not in self.fields:
            return None
        data = self.cleaned_data
        return {"shares": data["shares"], "group": data["group"], "name": data["group_name"]}


def initial_of(recipe: Mapping[str, Any], splits: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the form of a saved recipe."""
    filters, balance, caps = (recipe.get(name) or {} for name in ("filters", "balance", "caps"))
    made: dict[str, Any] = {name: recipe.get(name) for name in RecipeForm.MIXING if recipe.get(name) is not None}
    made |= {name: filters.get(name) for name in RecipeForm.FILTERS if filters.get(name) not in (None, "", [])}
    made |= {"only_sources": filters.get("sources") or [], "no_sources": filters.get("sources_not") or []}
    made["licences"] = [one or "none" for one in filters.get("licences") or []]
    made |= {f"cap_{name}": count for name, count in caps.items()}
    if balance.get("by"):
        lines = "\n".join(f"{name}: {count}" for name, count in (balance.get("counts") or {}).items())
        made |= {"balance_by": balance["by"], "balance_counts": lines, "balance_each": balance.get("each")}
        made["balance_rest"] = balance.get("rest")
    if splits.get("shares"):
        made["shares"] = ", ".join(f"{name} {100 * share:g}" for name, share in splits["shares"])
        made |= {"group": splits.get("group"), "group_name": splits.get("name")}
    return made


def sources_in(posted: QueryDict) -> tuple[list[dict[str, Any]], list[str]]:
    """The ticked sources in the order of the table, and what cannot be read of them."""
    found, wrong = [], []
    for ticked in posted.getlist("use"):
        kind, _, number = ticked.partition("-")
        if not number.isdecimal() or len(number) > 18:
            continue
        one: dict[str, Any] = {"kind": kind, "id": int(number)}
        if kind == "repaired":
            one |= {"kind": "task", "state": "repaired"}
        for name, read in (("weight", float), ("share", float), ("cap", int)):
            if name == "share" and posted.get("mix") != "share":
                continue  # the page does not show it
            text = posted.get(f"{name}-{ticked}", "").strip().replace("%", "")
            if not text:
                continue
            try:
                one[name] = read(text)
            except ValueError:
                wrong.append(f"The {name} of a source is no number: “{text[:40]}”.")
        if "share" in one:
            one["share"] = round(one["share"] / 100, 6)
        both = bool(posted.get(f"rejected-{ticked}"))
        if both and "share" in one:
            one["share"] /= 2  # of one share that is asked for
        found += [one, one | {"state": "rejected"}] if both else [one]
    return found, wrong


def value_of(source: Mapping[str, Any]) -> str:
    """The line of the table that a source of a recipe stands in; that of a task with its rejected rows is one."""
    kind = "repaired" if source.get("state") == "repaired" else source["kind"]
    return f"{kind}-{source['id']}"


def said(error: RecipeError, form: RecipeForm, names: Sequence[str]) -> str:
    """The error in the words of the page: the place by the name of the source or the label of the field.

    `names`: of the recipe's sources, in its order.
    """
    if (source := _SOURCE.fullmatch(error.place)) and int(source[1]) < len(names):
        name = f"{names[int(source[1])]}: its {source[2]}" if source[2] else names[int(source[1])]
    elif (field := _field_of(error.place)) in form.fields:
        name = f"“{form[field].label}”"
    else:
        name = f"The {error.place.replace('splits.', 'split ')}"
    return f"{name} {error.why} {error.mend}"


def _field_of(place: str) -> str:
    """The field that a place of a recipe comes from."""
    head, _, name = place.partition(".")
    special = {"filters.sources": "only_sources", "filters.sources_not": "no_sources"}
    if head in ("caps", "balance"):
        return f"{head.removesuffix('s')}_{name.split('.')[0]}"
    return special.get(place, name or head)


class CollectionForm(forms.Form):
    name = forms.CharField(label="Name of the collection", max_length=120)
    licence = forms.CharField(
        label="Licence", required=False, max_length=200, help_text="Of rows without a column “licence” or “license”."
    )
    file = forms.FileField(label="File", help_text="JSONL, JSON, CSV, TSV or Parquet, also packed as .gz or .zst.")


class VersionForm(forms.Form):
    changelog = forms.CharField(
        label="What changed", required=False, max_length=20_000, widget=forms.Textarea(attrs={"rows": 2})
    )
    tags = ListField(label="Tags", longest=40, help_text="Such as “v1-paper”. A tag names one version of a dataset.")
