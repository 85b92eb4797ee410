"""Which generators there are for what a person has, and which sources each of them takes."""

from dataclasses import dataclass

from curation.generators import GENERATORS, NEEDS, Sources, Spec
from curation.generators.base import Generator, missing

# By what one has. Every generator stands in one group.
GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("A description of the task", "Nothing else, or a few demonstrations.", ("self_guide", "taxonomy", "test_items")),
    ("Inputs", "Texts that want an answer.", ("label_inputs", "rationale", "preference_pairs")),
    ("Passages", "Texts that something can be asked about.", ("from_passages", "promptagator", "extract")),
    ("Finished examples", "Accepted ones of this task.", ("self_instruct", "evolve", "variants", "reasoning_paths")),
    ("Texts of any kind", "Inputs, passages or finished examples.", ("edits", "checklist")),
)
PASSAGES = frozenset({"from_passages", "promptagator", "extract", "edits", "checklist"})
INPUTS = frozenset({"label_inputs", "rationale", "preference_pairs", "edits", "checklist"})
TAXONOMY = frozenset({"taxonomy"})
GIVEN = {"passages": PASSAGES, "inputs": INPUTS, "material": PASSAGES | INPUTS, "taxonomy": TAXONOMY}


@dataclass(frozen=True, slots=True)
class Card:
    """One generator as it is offered. `lacks`: what the task has to have first; `brings`: what is given at the start."""

    name: str
    generator: Generator
    lacks: tuple[str, ...]
    brings: tuple[str, ...]

    @property
    def ready(self) -> bool:
        return not self.lacks


def cards(spec: Spec, sources: Sources) -> list[tuple[str, str, list[Card]]]:
    """(title, explanation, cards) of each group."""
    listed = {name for _, _, names in GROUPS for name in names}
    others = tuple(name for name in GENERATORS if name not in listed)
    groups = [*GROUPS, ("Others", "", others)] if others else list(GROUPS)
    return [(title, text, [card(name, spec, sources) for name in names]) for title, text, names in groups]


def card(name: str, spec: Spec, sources: Sources) -> Card:
    generator = GENERATORS[name]
    lacking = missing(generator, spec, sources)
    given = [NEEDS[what] for what, takers in GIVEN.items() if name in takers]
    brings = tuple(one for one in lacking if any(one.endswith(what) for what in given))
    return Card(name, generator, tuple(one for one in lacking if one not in brings), brings)


def takes(name: str, what: str) -> bool:
    """Whether the generator `name` takes `what`: passages, inputs or taxonomy."""
    return name in GIVEN[what]
