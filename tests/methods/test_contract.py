"""The pieces of the contract: items, shards, parts, parameters."""

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.content import Content
from selection.methods import (
    METHODS,
    Item,
    ParamsError,
    Shard,
    Target,
    dump,
    items,
    load,
    param,
    params_dict,
    params_schema,
    parse_params,
)  # fmt: skip
from selection.methods.base import as_bytes

ROOT = Path(__file__).resolve().parents[2]


@given(st.lists(st.integers(0, 500), max_size=6), st.integers(1, 120))
def test_items_cover_every_row_once_in_order(sizes, most):
    cut = items(sizes, most)
    assert [item.index for item in cut] == list(range(len(cut)))
    assert [(item.shard, row) for item in cut for row in range(item.start, item.stop)] == [
        (shard, row) for shard, size in enumerate(sizes) for row in range(size)
    ]
    assert all(0 < item.rows <= most for item in cut)


def test_items_of_one_shard_are_of_like_size():
    assert [item.rows for item in items([100], 30)] == [25, 25, 25, 25]
    assert items([3], 10) == [Item(0, 0, 0, 3)]
    assert Item(*list(items([3], 10)[0])) == Item(0, 0, 0, 3), "items travel as lists"
    with pytest.raises(ValueError, match="at least one row"):
        items([1], 0)


def test_a_shard_loads_a_view_once_and_only_when_asked():
    asked = []

    def load_view(name):
        asked.append(name)
        return [name] * 2

    shard = Shard(2, load_view, start=7)
    assert (len(shard), shard.start, asked) == (2, 7, [])
    assert shard["text"] == shard["text"] == ["text", "text"]
    assert list(shard.keys) == ["keys", "keys"]
    assert asked == ["text", "keys"]


def test_a_column_of_the_wrong_length_is_caught():
    with pytest.raises(ValueError, match="1 values for 2 rows"):
        Shard(2, lambda name: ["one"])["text"]


def test_targets_render_views():
    target = Target(("a",), (Content("single", instruction="Ask", input="given", outputs=("answer",)),))
    assert (target["text"], target["prompt"], len(target)) == (["Ask\ngiven\nanswer"], ["Ask\ngiven"], 1)


def test_parts_survive_and_hold_no_pickle():
    part = {"key": as_bytes(["é", "b"]), "score": np.array([1.5, np.inf], np.float32), "none": np.empty(0, np.uint32)}
    back = load(dump(part))
    for name, array in part.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)
    with pytest.raises(ValueError, match="plain arrays"):
        dump({"bad": np.array([{}], object)})


def test_a_pickle_is_refused_on_reading():
    out = io.BytesIO()
    np.savez(out, bad=np.array([{"x": 1}], object))
    for data in (out.getvalue(), b"", b"not a part", dump({"a": np.arange(3)})[:40]):
        with pytest.raises(ValueError):
            load(data)


def test_same_arrays_same_bytes():
    """Parts are stored under the hash of their bytes."""
    assert dump({"a": np.arange(5)}) == dump({"a": np.arange(5)})


@dataclass(frozen=True)
class Example:
    count: int = param(3, label="Count", ge=1, le=9)
    share: float | None = param(None, label="Share", ge=0)
    how: Literal["a", "b"] = param("a", label="How", choices={"a": "First", "b": "Second"})
    on: bool = param(True, label="On", help="Whether.", advanced=True)


def test_a_schema_says_what_a_form_needs():
    count, share, how, on = params_schema(Example)
    assert count == {
        "name": "count", "type": "int", "optional": False, "default": 3,
        "label": "Count", "help": "", "ge": 1, "le": 9, "choices": {}, "advanced": False,
    }  # fmt: skip
    assert (share["type"], share["optional"], share["default"]) == ("float", True, None)
    assert how["choices"] == {"a": "First", "b": "Second"}
    assert (on["type"], on["advanced"], on["help"]) == ("bool", True, "Whether.")


@pytest.mark.parametrize(
    ("raw", "made"),
    [
        ({}, Example()),
        ({"count": "5", "share": "0.5", "how": "b", "on": "off"}, Example(5, 0.5, "b", False)),
        ({"count": 5, "share": 1, "on": False}, Example(5, 1.0, "a", False)),
        ({"count": " ", "share": "", "how": ""}, Example()),
        ({"count": 5.0}, Example(5)),
    ],
)
def test_parameters_are_read_from_text_or_values(raw, made):
    assert parse_params(Example, raw) == made
    assert parse_params(Example, params_dict(made)) == made


@pytest.mark.parametrize(
    ("raw", "field", "why"),
    [
        ({"count": "0"}, "count", "must be between 1 and 9, not 0"),
        ({"count": "x"}, "count", "must be a whole number, not 'x'"),
        ({"count": 1.5}, "count", "must be a whole number, not 1.5"),
        ({"count": True}, "count", "must be a whole number, not True"),
        ({"share": "-1"}, "share", "must be at least 0, not -1.0"),
        ({"share": "nan"}, "share", "must be a finite number, not 'nan'"),
        ({"share": "inf"}, "share", "must be a finite number, not 'inf'"),
        ({"how": "c"}, "how", "must be one of a, b, not 'c'"),
        ({"on": "perhaps"}, "on", "must be yes or no, not 'perhaps'"),
        ({"depth": 1}, "depth", "is no parameter; there are count, share, how, on"),
    ],
)
def test_a_parameter_that_cannot_be_used_says_why(raw, field, why):
    with pytest.raises(ParamsError) as caught:
        parse_params(Example, raw)
    assert (caught.value.field, caught.value.why) == (field, why)


def test_the_registry_imports_a_method_when_it_is_used():
    code = (
        "import sys; from selection.methods import METHODS; list(METHODS);"
        "assert 'selection.methods.zipfit' not in sys.modules; METHODS['zipfit'];"
        "assert 'selection.methods.zipfit' in sys.modules; assert 'selection.methods.bm25' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert METHODS["zipfit"] is METHODS["zipfit"]
    with pytest.raises(KeyError):
        METHODS["nothing"]
