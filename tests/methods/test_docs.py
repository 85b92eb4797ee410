"""Every method has a page that lists its parameters with their defaults, choices and bounds."""

import re
from pathlib import Path

import pytest

from selection.methods import METHODS, Options, params_schema

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = DOCS / "reference" / "methods"


def undocumented(page, schema):
    """Fields of which the page's table of parameters misses the name, the default or a choice."""
    lines = {match[1]: line for line in page.splitlines() if (match := re.match(r"\| `(\w+)` \|", line))}
    found = []
    for entry in schema:
        line = lines.get(entry["name"], "")
        wanted = [f"`{choice}`" for choice in entry["choices"]] + [str(entry["default"])]
        if not line or any(word not in line for word in wanted):
            found.append(entry["name"])
    return found


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_has_a_page(name):
    page = (PAGES / f"{name}.md").read_text("utf-8")
    assert page.startswith(f"# {name}\n")
    assert undocumented(page, params_schema(METHODS[name].Params)) == []
    assert f"({name}.md)" in (PAGES / "index.md").read_text("utf-8")


def test_the_rule_catches_a_parameter_that_is_missing():
    schema = params_schema(METHODS["zipfit"].Params)
    page = (PAGES / "zipfit.md").read_text("utf-8")
    assert undocumented(page.replace("| `level` |", "| `depth` |"), schema) == ["level"]
    assert undocumented(page.replace("`paper`", "paper"), schema) == ["variant"]


def test_every_option_is_in_the_index():
    page = (PAGES / "index.md").read_text("utf-8")
    assert [entry["name"] for entry in params_schema(Options) if f"`{entry['name']}`" not in page] == []


def test_links_lead_somewhere():
    for page in (*PAGES.glob("*.md"), DOCS / "how-to" / "use-as-a-library.md", DOCS / "how-to" / "add-a-method.md"):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_method_of_the_guide_keeps_the_laws():
    """The example of the how-to is a real method: it registers, runs and picks."""
    guide = (DOCS / "how-to" / "add-a-method.md").read_text("utf-8")
    scope = {"__name__": "guide"}
    exec(compile(guide.split("```python\n")[1].split("```")[0], "guide", "exec"), scope)  # noqa: S102
    METHODS._made["length"] = scope["Length"]()
    METHODS._table["length"] = ("", "")
    try:
        from tests.methods.tables import picks

        rows = [("a", "x" * 500, ""), ("b", "x" * 390, ""), ("c", "x" * 7, "")]
        whole = picks("length", [rows])
        assert [key for key, _ in whole] == ["b", "a", "c"]
        assert picks("length", [rows[:1], rows[1:]], per_item=1) == whole
    finally:
        del METHODS._made["length"], METHODS._table["length"]
