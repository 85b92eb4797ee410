"""Selection methods without Django.

    from selection.methods import select
    picks = select(rows, target, method="zipfit", budget=1000)

`METHODS` maps a name to its method. A method's module is imported when it is first used.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from selection.methods.base import (
    Ctx,
    Item,
    Method,
    Note,
    Part,
    Pass,
    Pick,
    Reason,
    Scores,
    Shard,
    Target,
    Value,
    dump,
    items,
    load,
    notes_of,
)
from selection.methods.budget import Budget
from selection.methods.choose import Chosen, Options, Place, Row, choose
from selection.methods.params import ParamsError, param, params_dict, params_schema, parse_params

# One line a method, in the order in which a person is offered them: name, module, class.
_TABLE = {
    "zipfit": ("selection.methods.zipfit", "ZipFit"),
    "bm25": ("selection.methods.bm25", "Bm25"),
    "classifier": ("selection.methods.classifier", "Classifier"),
    "dsir": ("selection.methods.dsir", "Dsir"),
    "embedding": ("selection.methods.embedding", "Embedding"),
    "mona": ("selection.methods.mona", "Mona"),
    "rds_plus": ("selection.methods.rds_plus", "RdsPlus"),
    "less": ("selection.methods.less", "Less"),
    "tsds": ("selection.methods.tsds", "Tsds"),
    "facility_location": ("selection.methods.facility_location", "FacilityLocation"),
    "k_center": ("selection.methods.k_center", "KCenter"),
    "vote_k": ("selection.methods.vote_k", "VoteKMethod"),
    "ideal": ("selection.methods.ideal", "Ideal"),
    "uncertainty": ("selection.methods.uncertainty", "Uncertainty"),
    "quality": ("selection.methods.quality", "Quality"),
    "perplexity": ("selection.methods.perplexity", "Perplexity"),
    "ifd": ("selection.methods.ifd", "Ifd"),
    "dedup": ("selection.methods.dedup", "Dedup"),
    "semdedup": ("selection.methods.semdedup", "SemDedup"),
    "d4": ("selection.methods.d4", "D4"),
    "fusion": ("selection.methods.fusion", "Fusion"),
    "cascade": ("selection.methods.cascade", "Cascade"),
    "runs": ("selection.methods.runs", "Runs"),
    "random": ("selection.methods.chance", "Random"),
}


class Registry(Mapping[str, Method]):
    """Methods by name; indexing raises `KeyError` for a name that is not there."""

    def __init__(self, table: Mapping[str, tuple[str, str]]) -> None:
        self._table = table
        self._made: dict[str, Method] = {}

    def __getitem__(self, name: str) -> Method:
        if name not in self._made:
            module, cls = self._table[name]
            self._made[name] = getattr(import_module(module), cls)()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


METHODS = Registry(_TABLE)

_LAZY = {
    "select": "selection.methods.local",
    "run_local": "selection.methods.local",
    "ZipFit": "selection.methods.zipfit",
    "Bm25": "selection.methods.bm25",
    "Classifier": "selection.methods.classifier",
    "Dsir": "selection.methods.dsir",
    "Random": "selection.methods.chance",
    "Dedup": "selection.methods.dedup",
    "D4": "selection.methods.d4",
    "FacilityLocation": "selection.methods.facility_location",
    "KCenter": "selection.methods.k_center",
    "SemDedup": "selection.methods.semdedup",
    "Tsds": "selection.methods.tsds",
    "Quality": "selection.methods.quality",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "D4",
    "METHODS",
    "Bm25",
    "Budget",
    "Chosen",
    "Classifier",
    "Ctx",
    "Dedup",
    "Dsir",
    "FacilityLocation",
    "Item",
    "KCenter",
    "Method",
    "Note",
    "Options",
    "ParamsError",
    "Part",
    "Pass",
    "Pick",
    "Place",
    "Quality",
    "Random",
    "Reason",
    "Row",
    "Scores",
    "SemDedup",
    "Shard",
    "Target",
    "Tsds",
    "Value",
    "ZipFit",
    "choose",
    "dump",
    "items",
    "load",
    "notes_of",
    "param",
    "params_dict",
    "params_schema",
    "parse_params",
    "run_local",
    "select",
]
