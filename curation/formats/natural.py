"""Natural Instructions task files: one definition, demonstrations, and many instances.

Each instance becomes a row `id, instruction, input, output` (the output a list: all are right), and the facts of
the task stand beside it in every row: `task` (the file's name), `positive_examples` and `negative_examples` (with
explanations), categories, source, languages, licence. Nothing of the file is lost.
"""

import re
from pathlib import PurePath
from typing import Any

from curation.content.jsontext import dumps

WEIGHT = "\0bytes"  # never a column: no field name holds a NUL
_PARTS = ("Definition", "Instances")


def looks_like(head: bytes) -> bool:
    """Whether a JSON object begins like a task file."""
    return b'"Definition"' in head and (b'"Positive Examples"' in head or b'"Instances"' in head)


def facts(header: dict[str, Any], name: str) -> dict[str, Any]:
    """The columns that all instances of a file share. `header`: its fields without the instances."""
    stem = PurePath(name).name.split(".")[0]
    definition = header.get("Definition")
    if isinstance(definition, list):
        definition = "\n".join(str(part) for part in definition)
    shared = {"instruction": definition, "task": stem}
    for key, value in header.items():
        if key not in _PARTS:
            shared.setdefault(re.sub(r"\W+", "_", key.strip()).lower(), value)
    shared[WEIGHT] = len(dumps(header))
    return shared


def row(instance: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """One row. Where an instance and its task use one name, the instance's value stands."""
    first = {"id": instance.get("id"), "instruction": shared.get("instruction")}
    rest = {key: value for key, value in shared.items() if key != WEIGHT}
    return {**first, **instance, **{key: value for key, value in rest.items() if key not in instance}}
