"""The rules of the tree, held by machine. Each has a test that it catches a planted offender."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.checks import run_checks

from config.policy import every_url, policy_of

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "jobs", "curation", "selection")


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts)


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every call; an attribute of an expression keeps a leading dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            parts, at = [], node.func
            while isinstance(at, ast.Attribute):
                parts.append(at.attr)
                at = at.value
            if isinstance(at, ast.Name):
                parts.append(at.id)
            yield node.lineno, ".".join(reversed(parts))


def markers_of_trust(text: str) -> list[int]:
    """Lines that declare text safe, in Python."""
    forbidden = {"mark_safe", "SafeString", "format_html_join", "safestring.mark_safe"}
    return [line for line, name in calls(ast.parse(text)) if name.rsplit(".", 1)[-1] in forbidden]


def pickling(text: str) -> list[int]:
    names = {"pickle.load", "pickle.loads", "pickle.dump", "pickle.dumps", "marshal.loads", "dill.loads"}
    found = [line for line, name in calls(ast.parse(text)) if name in names]
    return found + [n for n, line in enumerate(text.splitlines(), 1) if "allow_pickle=True" in line]


def bare_saves(text: str) -> list[int]:
    """`x.save()` without `update_fields` writes back every column, also those that somebody changed meanwhile."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "save":
            named = {keyword.arg for keyword in node.keywords}
            if not named & {"update_fields", "force_insert", "commit"} and not node.args:
                found.append(node.lineno)
    return found


def managers(text: str) -> list[int]:
    return [
        n
        for n, line in enumerate(text.splitlines(), 1)
        if re.search(r"\.objects\.(?!for_user\b|open\b|visible\b)", line)
    ]


RULES = [
    ("nothing is declared safe by hand", markers_of_trust, APPS, "x = mark_safe(text)", {"config/markdown.py"}),
    ("no pickle", pickling, APPS, "import pickle\npickle.loads(b'')", set()),
    ("no bare save of an existing row", bare_saves, APPS, "row.save()", {"curation/adapter.py"}),
    (
        "views get objects through access",
        managers,
        ("curation/views", "selection/views"),
        "Pool.objects.get(pk=1)",
        set(),
    ),
]


@pytest.mark.parametrize(("name", "rule", "folders", "offender", "except_"), RULES, ids=[r[0] for r in RULES])
def test_rule_holds_and_catches(name, rule, folders, offender, except_):
    assert rule(offender), "the rule no longer catches its offender"
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources(*folders)
        if str(path.relative_to(ROOT)) not in except_
        for line in rule(path.read_text("utf-8"))
    ]
    assert found == []


TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
IN_TEMPLATES = [
    ("no inline style", re.compile(r"<[^>{]*\sstyle\s*="), '<p style="color:red">', set()),
    ("no inline script", re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE), "<script>alert(1)</script>", set()),
    ("no inline handler", re.compile(r"<[^>{]*\son[a-z]+\s*="), '<a onclick="x()">', set()),
    ("nothing is marked safe", re.compile(r"\|\s*safe\b|autoescape off"), "{{ text|safe }}", set()),
    (
        "hx-disable only around untrusted text",
        re.compile(r"hx-disable"),
        "<div hx-disable>",
        {"components/_pieces.html"},
    ),
    (
        "no foreign address",
        re.compile(r"""(?:src|href)\s*=\s*["'](?:https?:)?//"""),
        '<img src="//cdn.example/x">',
        set(),
    ),
    (
        "a script is loaded once, or every key acts twice",
        re.compile(r"<script[^>]*'(js/\w+\.js)'.*<script[^>]*'\1'", re.DOTALL),
        "<script src=\"{% static 'js/app.js' %}\"></script><script src=\"{% static 'js/app.js' %}\"></script>",
        set(),
    ),
]


@pytest.mark.parametrize(("name", "pattern", "offender", "except_"), IN_TEMPLATES, ids=[r[0] for r in IN_TEMPLATES])
def test_templates_hold(name, pattern, offender, except_):
    assert pattern.search(offender)
    found = []
    for path in TEMPLATES:
        relative = str(path.relative_to(ROOT / "templates"))
        text = re.sub(r"\{#.*?#\}|\{% comment.*?endcomment %\}", "", path.read_text("utf-8"), flags=re.DOTALL)
        if relative not in except_ and pattern.search(text):
            found.append(relative)
    assert found == []


def test_every_view_declares_its_policy():
    missing = [route for route, pattern in every_url() if policy_of(pattern.callback) is None]
    assert missing == []


def test_the_check_finds_a_view_without_policy(settings):
    from django.http import HttpResponse
    from django.urls import clear_url_caches, path

    import config.urls

    config.urls.urlpatterns.append(path("unmarked/", lambda request: HttpResponse()))
    clear_url_caches()
    try:
        found = [error for error in run_checks() if error.id == "winnow.E001"]
    finally:
        config.urls.urlpatterns.pop()
        clear_url_caches()
    assert [error.msg for error in found] == ["The view of /unmarked/ does not say who may come in."]
    assert "@members" in found[0].hint


def test_a_public_view_states_its_reason():
    from config.policy import public

    with pytest.raises(ValueError, match="reason"):
        public(reason=" ")


def test_the_web_process_never_loads_the_heavy_libraries():
    code = (
        "import sys; from config.boot import boot; boot(services=False);"
        "import config.wsgi, config.urls; from django.urls import get_resolver; get_resolver().url_patterns;"
        "heavy = {'torch', 'faiss', 'transformers', 'sentence_transformers', 'sklearn', 'datasets', 'numba', 'scipy', 'pandas'};"
        "found = sorted(heavy & set(sys.modules)); print(found); sys.exit(bool(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "curation.answers",
        "curation.content",
        "curation.formats",
        "curation.measures",
        "curation.sample",
        "selection.methods",
    ],
)
def test_pure_packages_import_without_django(module):
    code = (
        "import sys\n"
        "class Wall:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'django', 'celery'}: raise ImportError('Django is not for pure packages')\n"
        f"sys.meta_path.insert(0, Wall())\nimport {module}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_setting_is_in_the_example_and_the_reference():
    source = (ROOT / "config" / "settings.py").read_text("utf-8")
    named = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source)) - {"WINNOW_EMBEDDED", "TEST_DATABASE"}
    example = (ROOT / ".env.example").read_text("utf-8")
    reference = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert sorted(name for name in named if f"\n#{name}=" not in example) == []
    assert sorted(name for name in named if f"`{name}`" not in reference) == []


def test_every_fault_is_in_the_reference():
    import curation.faults  # noqa: F401
    import selection.faults  # noqa: F401
    from config.faults import CATALOGUE

    reference = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")
    assert sorted(code for code in CATALOGUE if not code.startswith("test.") and f"`{code}`" not in reference) == []


def test_no_migration_is_missing(db):
    from django.core.management import call_command

    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
