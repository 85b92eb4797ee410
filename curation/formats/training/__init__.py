"""Training formats: how rows of a dataset look to the programs that learn from them. Pure.

    row = TRAINING["messages"].write(Record(key="1", content=content))     # Unfit: this record does not fit
    TRAINING["messages"].read(row)

A new format is one file and one line here.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module

from curation.formats.training.base import Format, Json, Outputs, Record, Unfit, alternatives
from curation.formats.training.files import companions, read_file, write_file
from curation.formats.training.shape import SURVEYED, Shape, Surveyor, survey, together

_TABLE = {
    "messages": ("curation.formats.training.messages", "Messages"),
    "alpaca": ("curation.formats.training.alpaca", "Alpaca"),
    "sharegpt": ("curation.formats.training.sharegpt", "ShareGpt"),
    "prompt_completion": ("curation.formats.training.prompt_completion", "PromptCompletion"),
    "natural_instructions": ("curation.formats.training.natural_instructions", "NaturalInstructions"),
    "preference": ("curation.formats.training.preference", "Preference"),
    "kto": ("curation.formats.training.kto", "Kto"),
    "csv": ("curation.formats.training.flat", "Csv"),
    "parquet": ("curation.formats.training.flat", "Parquet"),
}


class _Registry(Mapping[str, Format]):
    """Formats by name, in the order in which a person is offered them; each is loaded when it is first used."""

    def __init__(self) -> None:
        self._made: dict[str, Format] = {}

    def __getitem__(self, name: str) -> Format:
        if name not in self._made:
            module, cls = _TABLE[name]
            self._made[name] = getattr(import_module(module), cls)()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_TABLE)

    def __len__(self) -> int:
        return len(_TABLE)


TRAINING: Mapping[str, Format] = _Registry()

__all__ = [
    "SURVEYED", "TRAINING", "Format", "Json", "Outputs", "Record", "Shape", "Surveyor", "Unfit", "alternatives", "companions",
    "read_file", "survey", "together", "write_file",
]  # fmt: skip
