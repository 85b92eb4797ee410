"""A real site for the browser: its own database on the session's PostgreSQL, a real web server, real workers."""

import os
import re
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from config.processes import Processes, free_port, wait_for, web, worker
from tests.browser import chromium
from tests.browser.shell import Shell
from tests.hub.server import Hub

ROOT = Path(__file__).resolve().parents[2]
EMAIL, PASSWORD, TEAM = "owner@example.org", "a long enough password", "Ward"


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)


PHONE_AND_WIDE = pytest.mark.parametrize(
    "tab",
    [
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
        {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    ],
    indirect=True, ids=["phone-dark", "wide-light"],
)  # fmt: skip


@dataclass
class Site:
    url: str
    env: dict[str, str]
    folder: Path
    _shell: Shell | None = None

    def manage(self, *args: str, stdin: str = "") -> str:
        """What a command of `manage.py` prints. Code of `shell` goes to a process that stays."""
        if args[0] == "shell":
            self._shell = self._shell or Shell(self.env)
            return self._shell.run(args[-1])
        done = subprocess.run(
            [sys.executable, "manage.py", *args], cwd=ROOT, env=self.env, input=stdin, capture_output=True, text=True, timeout=120
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def close(self) -> None:
        if self._shell:
            self._shell.close()


def own_database(url: str, name: str) -> str:
    import psycopg

    parts = urlsplit(url)
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return urlunsplit(parts._replace(path=f"/{name}"))


@pytest.fixture(scope="package")
def hub():
    """A hub that the site pushes to."""
    with Hub() as made:
        yield made


@pytest.fixture(scope="package")
def site(tmp_path_factory, hub):
    """Two passes in one: what a person would do by hand, `migrate`, `create_owner`, web server, worker."""
    folder = tmp_path_factory.mktemp("site")
    name = f"winnow_browser_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    broker, _, _ = os.environ["BROKER_URL"].rpartition("/")
    # Somewhere at random: two sessions that begin to search at the same port could both find it free.
    port = free_port(secrets.randbelow(20_000) + 20_000)
    env = os.environ | {
        "DATABASE_URL": own_database(os.environ["DATABASE_URL"], name),
        "BROKER_URL": f"{broker}/14",
        "WINNOW_VAR": str(folder),
        "STORAGE_URL": str(folder / "storage"),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "WINNOW_KEYS": os.environ["WINNOW_KEYS"],
        "SITE_URL": f"http://127.0.0.1:{port}",
        "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "SHARD_ROWS": "2000",
        "OUTBOUND_ALLOW": "127.0.0.1",  # a scripted model server of the tests, the hub
        "HF_ENDPOINT": hub.url,
    }
    made = Site(f"http://127.0.0.1:{port}", env, folder)
    made.manage("migrate", "--verbosity", "0")
    made.manage(
        "create_owner", EMAIL, "--name", "Olive Owner", "--team", TEAM, "--password-stdin", stdin=f"{PASSWORD}\n"
    )
    before = dict(os.environ)
    os.environ.update(env)
    try:
        with Processes(folder / "log") as children:
            server = web(children, port)
            worker(children, "cpu", "cpu,io,gpu", "--pool", "prefork", "--concurrency", "1")
            wait_for(f"{made.url}/healthz", server)
            os.environ.clear()
            os.environ.update(before)
            yield made
            made.close()
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="package")  # closed after the last browser test: its loop would stand in the way of others
def chrome():
    path = chromium.installed()
    if path is None:
        reason = "no Chromium on this machine; `make browser` gets one, or set CHROMIUM=/path/to/it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # machines are busy at times
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=chromium.ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def signed_in(site, chrome):
    """Cookies of the owner, so that only one test has to sign in by hand."""
    context = chrome.new_context(base_url=site.url)
    page = context.new_page()
    sign_in(page)
    state = context.storage_state()
    context.close()
    return state


def sign_in(page) -> None:
    page.goto("/login/")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/t/ward/"))


@pytest.fixture
def tab(site, chrome, signed_in, request):
    """A signed-in page. Errors in the console, broken requests and CSP violations fail the test."""
    options = getattr(request, "param", {})
    context = chrome.new_context(base_url=site.url, storage_state=signed_in, accept_downloads=True, **options)
    context.set_default_timeout(30_000)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console", lambda line: troubles.append(line.text) if line.type == "error" and not expected(line.text) else None
    )
    yield page
    context.close()
    assert troubles == []


def expected(line: str) -> bool:
    """Answers of 4xx that a test provokes are written to the console by the browser itself.

    A poll that is under way when the page is left ends in an error of htmx; of a request that really fails the browser
    writes a line of its own, which is not excused.
    """
    left = line.startswith(("htmx:afterRequest,", "htmx:sendError,", "htmx:sendAbort,"))  # or a newer one replaced it
    return left or "status of 422" in line or "status of 409" in line or "status of 404" in line


def axe(page) -> list[str]:
    """Violations that axe finds on the page as it stands. Injected by evaluate, so the CSP stays on."""
    import axe_playwright_python

    source = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    page.evaluate(source.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {violation['help']} at {[' '.join(map(str, node['target'])) for node in violation['nodes']][:4]}"
        for violation in found["violations"]
    ]


def calm(tab):
    """Nothing that axe finds, nothing wider than the screen."""
    assert axe(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
