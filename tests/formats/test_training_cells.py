"""Training formats: cells that a spreadsheet would run, and records longer than readers take by themselves."""

import csv
import io
from dataclasses import replace

import pytest

from curation.content import Content, render
from curation.formats.training import TRAINING, Record
from tests.formats.test_training import NAMES, row_of, there_and_back

CELLS = [
    "=1+1",
    "+x",
    "-x",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "=",
    "-",
    "'=1",
    "''+x",
    "-5",
    "+3.5",
    "-1,5",
    "'",
    "a=1",
    "-5\n=x",
]


def test_no_cell_of_a_table_begins_like_a_formula_unless_it_is_a_number():
    records = [
        Record(key, Content("single", key, key, (key, key), system=key), key, key, beside={"source": key}) for key in CELLS
    ]  # fmt: skip
    _, raw, found = there_and_back("csv", records, beside=["source"])
    cells = [cell for row in csv.reader(io.StringIO(raw.decode(), newline="")) for cell in row]
    risky = {cell for cell in cells if cell[:1] in tuple("=+-@\t\r")}
    assert risky == {"-5", "+3.5", "-1,5"}
    assert {"'=1+1", "''=1", "'''+x", "'\rx"} <= set(cells)
    for one, record in zip(found, records, strict=True):
        assert (one.key, one.content, one.chosen) == (record.key, record.content, record.chosen)
        assert (one.rejected, one.beside["source"]) == (record.rejected, record.key)


@pytest.mark.parametrize("name", NAMES)
def test_a_very_long_record_goes_out_and_comes_back(name):
    """More than the 131,072 characters that the csv module takes for a cell by itself."""
    asked, said, other = (f"{mark}, ünïcode\n" * 20_000 for mark in ("Asked", "Said", "Other"))
    record = Record("long", Content("single", asked, "", (said,)), chosen=said, rejected=other, desirable=True)
    if name == "natural_instructions":
        record = replace(record, content=Content("single", "", asked, (said,)))
    assert min(map(len, (asked, said, other))) > 200_000
    _, _, [found] = there_and_back(name, [record])
    fmt = TRAINING[name]
    assert row_of(fmt, found) == row_of(fmt, record)
    assert asked in render(found.content, "prompt")
    assert (
        (found.chosen, found.rejected) == (said, other)
        if name == "preference"
        else said in render(found.content, "text")
    )
