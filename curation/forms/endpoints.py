"""What an owner sets of a model endpoint, and how much a team may spend."""

from typing import Any

from django import forms

from curation.models import Endpoint

SMALL, LARGE = 512, 1_000_000_000
KEPT = "A key that ends in {end} is kept. Leave this empty to keep it; what you write takes its place."
NUMBERS = ("requests_per_minute", "tokens_per_minute", "concurrency", "timeout")
PRICES = ("price_in", "price_cached", "price_out", "currency")


def price(label: str, text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label, help_text=text, min_value=0, max_digits=12, decimal_places=6, initial=0, required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip


def number(label: str, text: str, least: int, most: int, initial: int) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=text, min_value=least, max_value=most, initial=initial)


class EndpointForm(forms.Form):
    """`cleaned` has what `actions.endpoints` takes; `key` what it takes as key (None: leave it)."""

    name = forms.CharField(label="Name", max_length=80, help_text="What your team will call it.")
    kind = forms.ChoiceField(
        label="Where it runs", choices=Endpoint.Kind.choices, initial=Endpoint.Kind.OPENAI, widget=forms.RadioSelect
    )
    base_url = forms.CharField(
        label="Address", max_length=500, required=False,
        help_text="Of a server: up to and with /v1, such as https://api.example.org/v1. Not for a model on our workers.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    model = forms.CharField(
        label="Model", max_length=200,
        help_text="As the server calls it. On our workers: smollm2, which comes with Winnow, or a model of the hub.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    key = forms.CharField(
        label="Key", max_length=2_000, required=False, help_text="Kept encrypted and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )  # fmt: skip
    forget_key = forms.BooleanField(label="Forget the key that is kept", required=False)
    dialect = forms.ChoiceField(
        label="What kind of server", initial=Endpoint.Dialect.OPENAI,
        choices=[one for one in Endpoint.Dialect.choices if one[0] != Endpoint.Dialect.LOCAL],
        help_text="Decides how an answer in a fixed form (JSON schema) is asked for.",
    )  # fmt: skip
    price_in = price("Prompt tokens", "Money for a million.")
    price_cached = price("Prompt tokens from the server's cache")
    price_out = price("Answer tokens")
    currency = forms.RegexField(
        r"^[A-Za-z]{3}$", label="Currency", initial="USD", max_length=3,
        error_messages={"invalid": "Three letters, such as USD or EUR."},
    )  # fmt: skip
    requests_per_minute = number("Requests a minute", "0: no limit.", 0, LARGE, 0)
    tokens_per_minute = number("Tokens a minute", "0: no limit.", 0, LARGE, 0)
    concurrency = number("Requests at once", "In flight at the same time, over all workers.", 1, SMALL, 16)
    timeout = number("Longest wait for an answer", "In seconds.", 1, 3600, 120)

    def __init__(self, data: Any = None, *, endpoint: Endpoint | None = None) -> None:
        initial = {name: getattr(endpoint, name) for name in self.base_fields if hasattr(endpoint, name)}
        super().__init__(data, initial=initial)
        if endpoint is not None and endpoint.key_sealed:
            self.fields["key"].help_text = KEPT.format(end=endpoint.key_shown or "characters not shown")
        else:
            del self.fields["forget_key"]
        self.order_fields(list(self.base_fields))

    @property
    def main_fields(self) -> list[Any]:
        names = ("name", "kind", "base_url", "model", "key", "forget_key", "dialect")
        return [self[name] for name in names if name in self.fields]

    @property
    def price_fields(self) -> list[Any]:
        return [self[name] for name in PRICES]

    @property
    def limit_fields(self) -> list[Any]:
        return [self[name] for name in NUMBERS]

    @property
    def folded_error(self) -> bool:
        return any(name in self.errors for name in (*PRICES, *NUMBERS))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == Endpoint.Kind.OPENAI and not data.get("base_url"):
            self.add_error("base_url", "A server needs an address, up to and with /v1.")
        if data.get("key") and data.get("forget_key"):
            self.add_error("forget_key", "Either write a new key or forget the one that is kept.")
        return data

    @property
    def key_given(self) -> str | None:
        if self.cleaned_data.get("forget_key"):
            return ""
        return self.cleaned_data["key"].strip() or None

    @property
    def cleaned(self) -> dict[str, Any]:
        data = {name: value for name, value in self.cleaned_data.items() if name not in ("key", "forget_key")}
        data |= {name: data[name] or 0 for name in PRICES if name != "currency"}
        return data | {"currency": data["currency"].upper()}


class LimitForm(forms.Form):
    limit = forms.DecimalField(
        label="Most that may be spent in a month", required=False, min_value=0, max_digits=20, decimal_places=10,
        widget=forms.NumberInput(attrs={"step": "any"}), help_text="Empty: no limit. Months are counted in UTC.",
    )  # fmt: skip
