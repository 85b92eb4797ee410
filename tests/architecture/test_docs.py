"""The documents hold: links lead somewhere, commands exist, the changelog knows the version."""

import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "docker").glob("*.md"),
        *(ROOT / "benchmarks").glob("*.md"),
    ]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    broken = [link for link in targets if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def test_the_commands_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8")))
    assert {"demo", "test"} <= named
    assert [name for name in named if f"\n{name}:" not in makefile] == []


def test_ci_runs_what_the_readme_names():
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_every_target_of_make_is_listed_with_words():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in ("demo", "test", "lint", "dev", "stop", "bench"):
        assert name in listed


def test_the_changelog_knows_the_version():
    assert f"## {settings.VERSION} " in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f'version = "{settings.VERSION}"' in (ROOT / "pyproject.toml").read_text("utf-8")
