"""Generators of candidates by language models, without Django.

    from curation.generators import GENERATORS, Job, drive, plan
    job = Job(spec=spec, sources=sources, params=GENERATORS["label_inputs"].Params(), seed=7)
    drive(plan(GENERATORS["label_inputs"], job), answer)

`GENERATORS` maps a name to its generator. A generator's module is imported when it is first used.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module

from curation.generators.base import (
    NEEDS,
    Filters,
    Generator,
    Job,
    Need,
    NoFilters,
    Read,
    Stopped,
    ask,
    drive,
    missing,
    plan,
)
from curation.generators.chance import Chance
from curation.generators.model import (
    Candidate,
    Demo,
    Node,
    Reply,
    Request,
    Sampling,
    Source,
    Sources,
    Spec,
    Usage,
    Verdict,
)
from curation.generators.prompts import PromptError, Template, render

# One line a generator, in the order in which a person is offered them: name, module, class.
_TABLE: dict[str, tuple[str, str]] = {
    "self_guide": ("self_guide", "SelfGuide"),
    "label_inputs": ("label_inputs", "LabelInputs"),
    "from_passages": ("from_passages", "FromPassages"),
    "promptagator": ("promptagator", "Promptagator"),
    "rationale": ("rationale", "Rationale"),
    "self_instruct": ("self_instruct", "SelfInstruct"),
    "evolve": ("evolve", "Evolve"),
    "variants": ("variants", "Variants"),
    "taxonomy": ("taxonomy", "Taxonomy"),
    "edits": ("edits", "Edits"),
    "reasoning_paths": ("reasoning_paths", "ReasoningPaths"),
    "preference_pairs": ("preference_pairs", "PreferencePairs"),
    "checklist": ("checklist", "Checklist"),
    "test_items": ("test_items", "TestItems"),
    "extract": ("extract", "Extract"),
}  # fmt: skip

# Known by name and never offered: they belong to a page of their own.
_UNLISTED: dict[str, tuple[str, str]] = {"assist": ("assist", "Assist")}


class Registry(Mapping[str, Generator]):
    """Generators by name; indexing raises `KeyError` for a name that is not there."""

    def __init__(self, table: Mapping[str, tuple[str, str]]) -> None:
        self._table = table
        self._made: dict[str, Generator] = {}

    def __getitem__(self, name: str) -> Generator:
        if name not in self._made:
            module, cls = self._table[name] if name in self._table else _UNLISTED[name]
            self._made[name] = getattr(import_module(f"curation.generators.{module}"), cls)()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


GENERATORS = Registry(_TABLE)

__all__ = [
    "GENERATORS",
    "NEEDS",
    "Candidate",
    "Chance",
    "Demo",
    "Filters",
    "Generator",
    "Job",
    "Need",
    "NoFilters",
    "Node",
    "PromptError",
    "Read",
    "Reply",
    "Request",
    "Sampling",
    "Source",
    "Sources",
    "Spec",
    "Stopped",
    "Template",
    "Usage",
    "Verdict",
    "ask",
    "drive",
    "missing",
    "plan",
    "render",
]
