"""The reference page names every format, code and limit."""

from dataclasses import fields
from pathlib import Path

from curation.formats import BAD_CODES, FORMATS, TEXTS, WRITERS, Limits
from curation.formats.jsonarray import WRAPPERS

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/formats.md").read_text(encoding="utf-8")


def test_everything_is_documented():
    names = [*FORMATS, *WRITERS, *BAD_CODES, *TEXTS, *WRAPPERS, *(field.name for field in fields(Limits))]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
    for field in fields(Limits):
        value = getattr(Limits(), field.name)
        shown = [f"{value:,}", f"{value / 2**30:g} GiB", f"{value / 2**20:g} MiB"]
        assert any(f"| `{field.name}` | {text} |" in PAGE for text in shown), field.name
