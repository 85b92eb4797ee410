"""The filters of a run."""

from collections.abc import Mapping
from typing import Any

from curation.generators import Filters, NoFilters, Sources, Spec
from curation.generators.base import Generator


def parse(generator: Generator, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the filters, checked. Raises `ParamsError`."""
    return dict(chosen)


def filters_of(chosen: Mapping[str, Any], spec: Spec, sources: Sources) -> Filters:
    """The filters that a run was started with."""
    return NoFilters()
