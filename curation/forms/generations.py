"""What a person says of a new generation: sources, endpoint, how much, parameters of the generator, filters."""

from collections.abc import Mapping
from typing import Any

from django import forms

from curation.forms.params import field_for
from curation.generators import GENERATORS, Job, Node, Source, Sources, missing, plan, trees
from curation.generators.filters import Options
from curation.models import Endpoint, Generation, Task
from curation.params import ParamsError, params_dict, params_schema, parse_params
from curation.synthesis import choosing, inputs, screening, texts
from curation.synthesis.texts import TextsError

PARAM, FILTER = "p_", "f_"
MOST_PASTED = 2_000_000
KINDS = {"passages": "passage", "inputs": "input", "tests": "held-out"}
PASTE_HELP = "One after the other, an empty line between. Or JSON Lines, each with a text."
FILE_HELP = "Plain text, .json or .jsonl (with text, and id if there is one); at most 16 MiB."
TREE_HELP = (
    "One topic a line, two spaces for each level, a note after a colon, [x20] for how many examples are wanted there. "
    "Empty: the model proposes a tree, which you then edit."
)


def area(rows: int, **attrs: str) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "spellcheck": "false", **attrs})


class LimitsForm(forms.Form):
    """How much: also of a run whose preview was seen, and of one that goes on."""

    wanted = forms.IntegerField(label="How many candidates", min_value=1, max_value=1_000_000, initial=100)
    ceiling = forms.IntegerField(
        label="Most requests", required=False, min_value=1, max_value=100_000_000,
        help_text="Empty: ten for each candidate. Drops and second looks take more than one.",
    )  # fmt: skip
    money = forms.DecimalField(
        label="Most that it may cost", required=False, min_value=0, max_digits=20, decimal_places=10,
        widget=forms.NumberInput(attrs={"step": "any"}), help_text="Empty: only the limit of the team holds.",
    )  # fmt: skip

    def clean_money(self) -> Any:
        money = self.cleaned_data["money"]
        if money is not None and money <= 0:
            raise forms.ValidationError("It must be more than nothing; leave it empty for no limit.")
        return money


class ResumeForm(LimitsForm):
    def __init__(self, data: Any = None, *, generation: Generation) -> None:
        super().__init__(data, initial={"ceiling": generation.ceiling, "money": short(generation.money)})
        del self.fields["wanted"]


def short(value: Any) -> str:
    """A sum without the zeros behind it."""
    text = "" if value is None else f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class GenerationForm(LimitsForm):
    """After `is_valid`: `spec`, `sources`, and `cleaned_data` with endpoint, wanted, ceiling, money, seed, params,
    filters. `looks`: nothing is started, only an estimate is wanted.
    """

    endpoint = forms.ModelChoiceField(Endpoint.objects.none(), label="Model endpoint", empty_label=None)
    seed = forms.IntegerField(
        label="Seed", min_value=0, max_value=2**31 - 1, initial=0, required=False,
        help_text="Another seed draws other prompts and answers.",
    )  # fmt: skip
    paste_tests = forms.CharField(
        label="Texts that must not get in", required=False, max_length=MOST_PASTED, widget=area(3), strip=False,
        help_text=f"Test sets: what shares much with them is dropped. {PASTE_HELP}",
    )  # fmt: skip
    file_tests = forms.FileField(label="The same as a file", required=False, help_text=FILE_HELP)

    def __init__(
        self, data: Any = None, files: Any = None, *, task: Task, generator: str, before: Generation | None = None,
        initial: dict[str, Any] | None = None, looks: bool = False,
    ) -> None:  # fmt: skip
        self.before, self.looks = before, looks
        super().__init__(data, files, initial=(initial_of(before) if before else {}) | (initial or {}))
        self.task, self.name, self.generator = task, generator, GENERATORS[generator]
        rows = task.team.endpoints.open().order_by("name")
        self.fields["endpoint"].queryset = rows  # type: ignore[attr-defined]
        self.source_names: list[str] = []
        if before is not None:
            self._source("keep", forms.BooleanField(
                label=f"Use the sources of generation {before.pk} where nothing else is given", required=False, initial=True
            ))  # fmt: skip
        for what in ("passages", "inputs"):
            if choosing.takes(generator, what):
                self._texts(what)
        if choosing.takes(generator, "taxonomy"):
            self._source("tree", forms.CharField(
                label="Tree of topics", required=False, max_length=MOST_PASTED, strip=False, help_text=TREE_HELP,
                widget=area(10, **{"class": "mono"}),
            ))  # fmt: skip
        self.param_schema = self._add(self.generator.Params, PARAM)
        defaults = screening.parse(self.generator, {})
        self.filter_schema = self._add(Options, FILTER)
        for entry in self.filter_schema:
            self.fields[FILTER + entry["name"]].initial = defaults[entry["name"]]

    def _source(self, name: str, field: forms.Field) -> None:
        self.fields[name] = field
        self.source_names.append(name)

    def _texts(self, what: str) -> None:
        self._source(f"paste_{what}", forms.CharField(
            label=what.title(), required=False, max_length=MOST_PASTED, widget=area(5), strip=False, help_text=PASTE_HELP
        ))  # fmt: skip
        self._source(f"file_{what}", forms.FileField(
            label=f"{what.title()} as a file", required=False, help_text=FILE_HELP
        ))  # fmt: skip
        if what == "inputs":
            self._source("open_as_inputs", forms.BooleanField(
                label="Also the open examples of this task", required=False, initial=True
            ))  # fmt: skip

    def _add(self, cls: type, prefix: str) -> list[dict[str, Any]]:
        schema = params_schema(cls)
        for entry in schema:
            self.fields[prefix + entry["name"]] = field_for(entry)
        return schema

    # --- for the template ---

    @property
    def source_fields(self) -> list[Any]:
        return [self[name] for name in self.source_names]

    @property
    def main_params(self) -> list[Any]:
        return [self[PARAM + entry["name"]] for entry in self.param_schema if not entry["advanced"]]

    @property
    def advanced_params(self) -> list[Any]:
        return [self[PARAM + entry["name"]] for entry in self.param_schema if entry["advanced"]]

    @property
    def filter_fields(self) -> list[Any]:
        return [self[FILTER + entry["name"]] for entry in self.filter_schema]

    @property
    def filter_error(self) -> bool:
        return any(name.startswith(FILTER) or name.endswith("_tests") for name in self.errors)

    @property
    def advanced_error(self) -> bool:
        return any(one.errors for one in self.advanced_params) or "seed" in self.errors

    # --- what was sent ---

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        given = {what: self._read(data, what) for what in ("passages", "inputs", "tests")}
        nodes = self._tree(data.get("tree", ""))
        data["params"] = self._parsed(self.generator.Params, PARAM, data)
        data["filters"] = self._filters(data)
        data["seed"] = data.get("seed") or 0
        self.spec = inputs.spec_of(self.task)
        kept = inputs.read(self.before)[1] if self.before is not None and data.get("keep") else Sources()
        self.sources = inputs.sources_of(
            self.task, passages=given["passages"] or kept.passages, inputs=given["inputs"] or kept.inputs,
            taxonomy=nodes or kept.taxonomy, tests=[one.text for one in given["tests"]] or kept.tests,
            open_as_inputs=bool(data.get("open_as_inputs")), most=self._most(data),
        )  # fmt: skip
        lacking = missing(self.generator, self.spec, self.sources)
        if lacking and not self.errors:
            place = next((name for name in self.source_names if name != "keep"), None)
            self.add_error(place, f"{self.generator.title} needs {', '.join(lacking)}.")
        self._look_ahead(data)
        return data

    def _most(self, data: Mapping[str, Any]) -> int:
        """Examples of the task that are looked at: for an estimate, which follows every change, only some."""
        return min(inputs.MOST, max(2_000, 2 * (data.get("wanted") or 0))) if self.looks else inputs.MOST

    def _look_ahead(self, data: Mapping[str, Any]) -> None:
        """What single parameters do not show: the generator plans its first requests, and may say what it cannot use."""
        if data["params"] is None or self.errors:
            return
        params: Any = parse_params(self.generator.Params, data["params"])
        job = Job(self.spec, self.sources, params, wanted=data["wanted"], batch=1)
        try:
            self.generator.estimate(job)
            first = plan(self.generator, job)
            next(first, None)
            first.close()
        except ParamsError as error:
            self.add_error(PARAM + error.field, f"{error.why[:1].upper()}{error.why[1:]}.")
        except ValueError as error:
            self.add_error(None, f"{str(error)[:1].upper()}{str(error)[1:]}.")

    def _read(self, data: Mapping[str, Any], what: str) -> tuple[Source, ...]:
        file, pasted = data.get(f"file_{what}"), data.get(f"paste_{what}") or ""
        try:
            if file:
                # A piece more than may be, so that too much is seen as that.
                return texts.read(file.read(texts.MOST_BYTES + 1), file.name, KINDS[what])
            return texts.pasted(pasted, KINDS[what]) if pasted.strip() else ()
        except TextsError as error:
            self.add_error(f"file_{what}" if file else f"paste_{what}", str(error))
            return ()

    def _tree(self, text: str) -> tuple[Node, ...]:
        if not text.strip():
            return ()
        try:
            return trees.to_nodes(trees.parse(text))
        except trees.TreeError as error:
            self.add_error("tree", str(error))
            return ()

    def _parsed(self, cls: type, prefix: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
        names = [entry["name"] for entry in params_schema(cls) if prefix + entry["name"] in data]
        try:
            return params_dict(parse_params(cls, {name: data[prefix + name] for name in names}))
        except ParamsError as error:
            self.add_error(prefix + error.field, f"{error.why[:1].upper()}{error.why[1:]}.")
            return None

    def _filters(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        chosen = self._parsed(Options, FILTER, data)
        if chosen and chosen["min_chars"] > chosen["max_chars"]:
            self.add_error(f"{FILTER}max_chars", "This is less than the shortest answer, so none would be kept.")
        return chosen


def initial_of(before: Generation) -> dict[str, Any]:
    """The form as it was filled for an earlier run."""
    filled: dict[str, Any] = {"endpoint": before.endpoint_id, "seed": before.seed, "money": short(before.money)}
    if not before.preview:
        filled |= {"wanted": before.wanted, "ceiling": before.ceiling}
    filled |= {PARAM + name: value for name, value in before.params.items()}
    return filled | {FILTER + name: value for name, value in before.filters.items()}
