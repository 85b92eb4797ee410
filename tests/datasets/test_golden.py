"""One small version in every format, as files that other programs have read: they must not change by accident."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation import collecting, packing
from curation.actions import collections
from curation.content import Content, Message
from curation.datasets.rows import Row
from curation.formats.training import TRAINING
from tests.datasets import made

GOLDEN = Path(__file__).parent / "golden_exports.json"
LIVE = ("run.json", "README.md", "croissant.json")  # hold numbers and dates of this installation
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {}}}}}
CALL = {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]}
ASKED = (Message("user", "1 and 2?"), Message("assistant", "", CALL), Message("tool", "3", {"tool_call_id": "c1"}))


def single(*outputs, system=""):
    return Content(
        "single", "Rewrite the letter.\nIn plain words.", "Dear Dr Hall,\r\n“normal” 🐍\u2028", outputs, (), system
    )


def rows():
    pair = {"chosen": "Your scan was normal.", "rejected": "No idea.", "desirable": True}
    several = Row("b/several", single("One.", "Two."), desirable=True, licence="MIT", tags=("x", "y"))
    held = [
        Row("a/plain", single("Your scan\nwas normal."), desirable=True, source="café", tags=("ward",)),
        Row("a/pair", single("Your scan was normal."), source="letters", licence="CC0-1.0", **pair),
        Row("a/formula", single("=1+1"), source="@SUM(A1)", revision=3, **(pair | {"chosen": "=1+1"})),
        Row("a/rejected", single("Nothing."), desirable=False, agreement=0.5),
        Row("a/unanswered", single(), lineage={"file": "letters.jsonl", "line": 5}),
        Row("b/system", single("-5", system="Be brief."), lineage={"model": "m-1", "requests": ["k1"], "pool": 7, "key": "r"}),
        Row("b/chat", Content("chat", messages=(Message("user", "Hello?"), Message("assistant", "Yes?"))), **pair),
        Row("b/calls", Content("chat", messages=(*ASKED, Message("assistant", "3."))), tools=(TOOL,), desirable=True),
        several,
    ]  # fmt: skip
    return [replace(row, origin=row.key[0]) for row in held]


def shown(path):
    """Lines of a text, rows of a Parquet file; of provenance, which is the same in all formats, all columns once."""
    if path.suffix == ".parquet":
        found = pq.read_table(path).to_pylist()
        if path.name == "provenance.parquet" and path.parent.name != "parquet":
            return [[one["key"], one["export_file"], one["export_rows"]] for one in found]
        return found
    return path.read_bytes().decode().split("\n")


@pytest.mark.django_db(transaction=True)
def test_files_of_every_format_are_as_they_were(cast, tmp_path):
    """After a change that is meant: WRITE_GOLDEN=1, and read what changed."""
    held = collections.create(team=cast.team, by=None, name="Golden", origin="file", lineage={"file": "golden.jsonl"})
    collecting.finish(held.pk, collecting.write(held, rows()))
    dataset = made.dataset(
        cast.team, {"kind": "collection", "id": held.pk}, name="Letters in plain words",
        splits={"shares": {"train": 0.6, "test": 0.4}, "group": "row", "seed": 183},
    )  # fmt: skip
    version = made.frozen(dataset)
    found = {}
    for kind in TRAINING:
        folder = tmp_path / kind
        folder.mkdir()
        packing.write_folder(version, kind, folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in LIVE)
        found[kind] = {path.relative_to(folder).as_posix(): shown(path) for path in files}
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    wanted = json.loads(GOLDEN.read_text("utf-8"))
    assert list(found) == list(wanted)
    for kind, files in found.items():
        assert list(files) == list(wanted[kind]), kind
        for name, lines in files.items():
            assert lines == wanted[kind][name], f"{kind}/{name}"
