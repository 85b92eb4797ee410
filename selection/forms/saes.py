"""What is accepted from a person about sparse autoencoders."""

import json
from typing import Any

from django import forms

from config import storage
from curation.models import Team
from selection.models import Pool

MOST_CONFIG = 64 << 10  # bytes of a cfg.json
MOST_HEADER = 32 << 20  # bytes that a safetensors header may claim


class SaeForm(forms.Form):
    """What training and loading ask alike."""

    name = forms.CharField(label="Name", max_length=120)
    pool = forms.ModelChoiceField(Pool.objects.none(), empty_label=None, label="Pool")
    model = forms.CharField(
        label="Language model", max_length=200, initial="smollm2",
        help_text="smollm2 comes with Winnow and runs on CPUs. Or the id of a causal model on the hub.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )  # fmt: skip
    layer = forms.IntegerField(
        required=False, min_value=1, max_value=1000, label="Layer",
        help_text="Hidden states after so many blocks.",
    )  # fmt: skip
    length = forms.IntegerField(
        min_value=8, max_value=8192, initial=128, label="Tokens of a row", help_text="Longer rows are cut there."
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pool"].queryset = Pool.objects.visible().filter(team=team, rows__gt=0).order_by("-created_at")  # type: ignore[attr-defined]

    def clean_model(self) -> str:
        """A folder of the server is for its keepers, on the command line."""
        named: str = self.cleaned_data["model"].strip()
        if named.startswith(("/", ".", "~")) or "\\" in named:
            raise forms.ValidationError("Name smollm2 or a model of the hub, such as HuggingFaceTB/SmolLM2-360M.")
        return named


class TrainForm(SaeForm):
    tokens = forms.IntegerField(
        min_value=1_000, max_value=100_000_000, initial=400_000, label="Tokens to train on",
        help_text="Some hundred thousand do for a first look, one to ten million for good work. A small pool is read "
        "several times over.",
    )  # fmt: skip
    expansion = forms.IntegerField(
        min_value=1,
        max_value=64,
        initial=8,
        label="Features for each number of the model's width",
        help_text="8 gives SmolLM2 4,608 features.",
    )
    k = forms.IntegerField(
        min_value=1,
        max_value=1024,
        initial=32,
        label="Features that fire at a token",
        help_text="32 for models up to a width of 1,024, 64 beyond.",
    )
    seed = forms.IntegerField(min_value=0, max_value=2**31 - 1, initial=0, label="Seed")

    field_order = ("name", "pool", "tokens", "model", "layer", "length", "expansion", "k", "seed")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pool"].help_text = "Its rows are what the features will tell apart. Some are kept for measuring."
        self.fields["layer"].help_text = "Hidden states after so many blocks. Empty: two thirds of the model's depth."

    @property
    def folded(self) -> list[Any]:
        return [self[name] for name in ("model", "layer", "length", "expansion", "k", "seed")]

    @property
    def folded_error(self) -> bool:
        return any(field.errors for field in self.folded)


class LoadForm(SaeForm):
    hub = forms.CharField(
        required=False, max_length=240, label="From the hub",
        help_text="owner/repository:hookpoint, such as EleutherAI/sae-SmolLM2-135M-64x:layers.21",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )  # fmt: skip
    weights = forms.FileField(required=False, label="Weights", help_text="sae.safetensors or sae_weights.safetensors")
    config = forms.FileField(required=False, label="Settings", help_text="The cfg.json that lies beside them")

    field_order = ("name", "hub", "weights", "config", "model", "layer", "pool", "length")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pool"].help_text = "Rows on which it is measured: how much of the hidden states it gives back."
        self.fields[
            "layer"
        ].help_text = "Empty: as its files say. The layer beside it is measured too, and the better one is taken."

    def clean_hub(self) -> str:
        named: str = self.cleaned_data["hub"].strip()
        owner, _, rest = named.partition("/")
        if named and (not owner or not rest or ".." in named or named.startswith(("/", ".", "~")) or " " in named):
            raise forms.ValidationError("Name it as owner/repository:hookpoint.")
        return named

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        files = [data.get("weights"), data.get("config")]
        if data.get("hub") and any(files):
            self.add_error("hub", "Either name one of the hub or send files, not both.")
        elif not data.get("hub") and "hub" in data and not any(files):
            self.add_error("hub", "Name one of the hub, or send its two files.")
        elif any(files) and not all(files):
            self.add_error("config" if files[0] else "weights", "Both files are needed.")
        elif all(files):
            self._sniff("weights", _not_weights(data["weights"].path))
            self._sniff("config", _not_config(data["config"].path))
        return data

    def _sniff(self, field: str, why: str) -> None:
        if why:
            self.add_error(field, f"This file {why}. Send what sparsify or sae-lens wrote.")


def _not_weights(path: str) -> str:
    """Why these bytes are no safetensors file; empty where they begin like one."""
    with storage.open_file(path) as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= MOST_HEADER:
            return "is no safetensors file"
        try:
            head = json.loads(file.read(size))
        except (ValueError, RecursionError):
            return "is no safetensors file, or ends too early"
    return "" if isinstance(head, dict) and set(head) - {"__metadata__"} else "holds no weights"


def _not_config(path: str) -> str:
    if storage.size(path) > MOST_CONFIG:
        return "is too large for a cfg.json"
    with storage.open_file(path) as file:
        try:
            found = json.loads(file.read())
        except (ValueError, RecursionError):
            return "is not JSON"
    return "" if isinstance(found, dict) else "holds no settings"


class RenameForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120)
