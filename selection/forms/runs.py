"""What is accepted from a person about runs. The fields of a method and of choose are made from their dataclasses."""

from typing import Any

from django import forms

from curation.forms.params import field_for
from curation.models import Team
from selection import test_sets
from selection.forms import featured
from selection.methods import METHODS, Budget, Options, ParamsError, params_dict, params_schema, parse_params
from selection.models import Pool, Run, Target
from selection.running import earlier

UNITS = [("rows", "rows"), ("percent", "% of the pool"), ("tokens", "tokens")]
METHOD_PREFIX, OPTION_PREFIX = "m_", "o_"


class RunForm(forms.Form):
    """Pool, target, how much, method; then what the method and choose take. `method` decides which fields there are.

    `cleaned_data` has what `actions.runs.start` takes: pool, target, method, params, budget, options, seed.
    """

    pool = forms.ModelChoiceField(Pool.objects.none(), empty_label=None, label="Pool")
    target = forms.ModelChoiceField(Target.objects.none(), required=False, empty_label="None", label="Target")
    amount = forms.DecimalField(
        min_value=0, initial=1000, label="Amount", widget=forms.NumberInput(attrs={"step": "any"})
    )
    unit = forms.ChoiceField(choices=UNITS, initial="rows", label="Counted in")
    method = forms.ChoiceField(widget=forms.RadioSelect, label="Method")
    seed = forms.IntegerField(
        initial=0, min_value=0, max_value=2**62, label="Seed",
        help_text="The same seed, settings and rows give the same picks.",
    )  # fmt: skip

    def __init__(self, data: Any = None, *, team: Team, method: str, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.team = team
        self.chosen = METHODS[method if method in METHODS else next(iter(METHODS))]
        self.fields["pool"].queryset = Pool.objects.visible().filter(team=team, rows__gt=0).order_by("-created_at")  # type: ignore[attr-defined]
        self.fields["target"].queryset = Target.objects.filter(team=team).order_by("-created_at")  # type: ignore[attr-defined]
        self.fields["method"].choices = [(name, METHODS[name].title) for name in METHODS]  # type: ignore[attr-defined]
        self.fields["method"].initial = self.chosen.name
        self.method_fields = self._add(self.chosen.Params, METHOD_PREFIX)
        self.option_fields = self._add(Options, OPTION_PREFIX)
        self.extra_fields: list[str] = []
        self._offer_test_sets()
        featured.offer(self)

    def _add(self, cls: type, prefix: str) -> list[dict[str, Any]]:
        schema = params_schema(cls)
        for entry in schema:
            self.fields[prefix + entry["name"]] = field_for(entry)
        return schema

    def _offer_test_sets(self) -> None:
        """A choice among the team's targets in place of the text in which the option keeps them."""
        there = self.fields["target"].queryset  # type: ignore[attr-defined]
        field = self.fields[OPTION_PREFIX + test_sets.OPTION]
        self.fields[OPTION_PREFIX + test_sets.OPTION] = forms.ModelMultipleChoiceField(
            there, required=False, label=field.label, help_text=field.help_text,
            widget=forms.CheckboxSelectMultiple,
        )  # fmt: skip
        if not there.exists():
            del self.fields[OPTION_PREFIX + test_sets.OPTION]
            self.option_fields = [entry for entry in self.option_fields if entry["name"] != test_sets.OPTION]

    def group(self, prefix: str, *, advanced: bool | None = None) -> list[Any]:
        """The bound fields of the method or of choose; of them, the advanced ones or the others."""
        schema = self.method_fields if prefix == METHOD_PREFIX else self.option_fields
        names = [prefix + entry["name"] for entry in schema if advanced is None or entry["advanced"] == advanced]
        if prefix == METHOD_PREFIX and advanced is not False:
            names += self.extra_fields
        return [self[name] for name in names]

    @property
    def folded_error(self) -> bool:
        """Whether an error lies in a folded part, which then has to be open."""
        return any(name.startswith((METHOD_PREFIX, OPTION_PREFIX)) or name == "seed" for name in self.errors)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        featured.merge(self, data)
        data["params"] = self._parsed(self.chosen.Params, self.method_fields, METHOD_PREFIX)
        self._planned(data["params"], data.get("pool"))
        chosen = OPTION_PREFIX + test_sets.OPTION
        if chosen in data:
            data[chosen] = test_sets.as_option(data[chosen])
        data["options"] = self._parsed(Options, self.option_fields, OPTION_PREFIX)
        if data.get("amount") is not None and data.get("unit"):
            suffix = {"rows": "", "percent": "%", "tokens": "tok"}[data["unit"]]
            text = f"{data['amount']:f}"
            plain = text.rstrip("0").rstrip(".") if "." in text else text
            try:
                data["budget"] = str(Budget.parse(f"{plain}{suffix}"))
            except ParamsError as error:
                self.add_error("amount", f"{self._said(data['unit'])} {error.why}.")
        if self.chosen.needs_target and "target" in data and not data["target"]:
            self.add_error(
                "target", f"{self.chosen.title} looks for rows like a target. Choose one, or the method random."
            )
        options = data["options"]
        if options and options.get("max_chars") is not None and (options.get("min_chars") or 0) > options["max_chars"]:
            self.add_error(
                f"{OPTION_PREFIX}max_chars", "This is less than the smallest length, so no row would be left."
            )
        return data

    def _said(self, unit: str) -> str:
        return {"rows": "The number of rows", "percent": "The share", "tokens": "The number of tokens"}[unit]

    def _parsed(self, cls: type, schema: list[dict[str, Any]], prefix: str) -> dict[str, Any] | None:
        names = [entry["name"] for entry in schema if prefix + entry["name"] in self.cleaned_data]
        try:
            return params_dict(parse_params(cls, {name: self.cleaned_data[prefix + name] for name in names}))
        except ParamsError as error:
            self.add_error(prefix + error.field, f"{error.why[0].upper()}{error.why[1:]}.")
            return None

    def _planned(self, params: dict[str, Any] | None, pool: Pool | None) -> None:
        """What single settings do not show: methods or runs inside the method, settings that do not go together."""
        if params is None:
            return
        try:
            self.chosen.passes(parse_params(self.chosen.Params, params))
            if pool:
                earlier.check(self.chosen.name, params, pool)
        except ParamsError as error:
            self.add_error(METHOD_PREFIX + error.field, f"{error.why[0].upper()}{error.why[1:]}.")


def initial_of(run: Run) -> dict[str, Any]:
    """The form as it was filled for a run, for "Run again with changes"."""
    budget = Budget.parse(run.budget)
    unit = {"rows": "rows", "share": "percent", "tokens": "tokens"}[budget.kind]
    amount = budget.amount * 100 if budget.kind == "share" else int(budget.amount)
    filled = {
        "pool": run.pool_id, "target": run.target_id, "amount": f"{amount:.10g}" if unit == "percent" else amount,
        "unit": unit, "method": run.method, "seed": run.seed,
    }  # fmt: skip
    filled |= {METHOD_PREFIX + name: value for name, value in run.params.items()}
    filled |= {OPTION_PREFIX + name: value for name, value in run.options.items()}
    return filled | {OPTION_PREFIX + test_sets.OPTION: test_sets.ids_in(run.options.get(test_sets.OPTION))}


class FilterForm(forms.Form):
    """What narrows the picks on a run's page. Everything is optional; what makes no sense is left out."""

    source = forms.ChoiceField(required=False, label="Source")
    text = forms.CharField(
        required=False, max_length=200, label="Contains", widget=forms.TextInput(attrs={"type": "search"})
    )
    low = forms.FloatField(required=False, label="Score from", widget=forms.NumberInput(attrs={"step": "any"}))
    high = forms.FloatField(required=False, label="to", widget=forms.NumberInput(attrs={"step": "any"}))
    after = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    ALL = "*"  # a source may be the empty text

    def __init__(self, data: Any, *, sources: list[str], scored: bool) -> None:
        super().__init__(data)
        choices = [(self.ALL, "All sources")] + [(f"={name}", name or "no source") for name in sources]
        self.fields["source"].choices = choices  # type: ignore[attr-defined]
        if not scored:
            del self.fields["low"], self.fields["high"]
        if len(sources) < 2:
            del self.fields["source"]

    def filters(self) -> dict[str, Any]:
        """Arguments of `queries.runs.Filters`."""
        self.is_valid()
        data = self.cleaned_data
        source = data.get("source") or self.ALL
        return {
            "source": None if source == self.ALL else source[1:],
            "text": data.get("text", ""), "low": data.get("low"), "high": data.get("high"),
            "after": data.get("after") or 0,
        }  # fmt: skip
