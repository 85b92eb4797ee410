"""The filters of a run."""

from collections.abc import Mapping
from typing import Any

from curation.generators import GENERATORS
from curation.generators.base import Generator
from curation.generators.filters import Chain, Options, chain, defaults
from curation.generators.model import Sources, Spec
from curation.params import params_dict, parse_params


def parse(generator: Generator, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the filters, all of them, checked: those chosen over the generator's own defaults.

    Raises `ParamsError`.
    """
    return params_dict(parse_params(Options, params_dict(defaults(generator)) | dict(chosen)))


def filters_of(generator: str, chosen: Mapping[str, Any], spec: Spec, sources: Sources, seed: int) -> Chain:
    """The filters that a run was started with."""
    return chain(GENERATORS[generator], spec, sources, parse_params(Options, chosen), seed)
