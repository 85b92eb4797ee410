"""Model instances from the rows of hand-written SQL, for the few paths where building queries costs more than running them."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


@cache
def _fields(model: type[models.Model]) -> tuple[list[str], list[str], list[int]]:
    fields = model._meta.concrete_fields
    json_at = [n for n, one in enumerate(fields) if isinstance(one, models.JSONField)]
    return [str(one.attname) for one in fields], [str(one.column) for one in fields], json_at


@cache
def columns(model: type[models.Model], alias: str) -> str:
    """All columns of a model, as a SELECT or RETURNING names them."""
    return ", ".join(f'{alias}."{name}"' for name in _fields(model)[1])


def width(model: type[models.Model]) -> int:
    return len(_fields(model)[0])


def made(model: type[M], row: Sequence[Any]) -> M:
    """An instance of `model` from values in the order of `columns`. JSON comes from the driver as text."""
    names, _, json_at = _fields(model)
    values = list(row)
    for at in json_at:
        if isinstance(values[at], str | bytes):
            values[at] = json.loads(values[at])
    return model.from_db("default", names, values)
