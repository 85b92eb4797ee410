"""Finds a Chromium for the browser tests, or gets one: `python -m tests.browser.chromium` (make browser).

In this order: one named by CHROMIUM or on the path, Playwright's own download, Debian's package when root.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


def installed() -> str | None:
    """Path of a Chromium that is there."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or _playwrights_own()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        path = p.chromium.executable_path
    return path if path and Path(path).exists() else None


def get() -> str | None:
    found = installed()
    if found:
        return found
    print("No Chromium here; asking Playwright for its own …", flush=True)
    _try([sys.executable, "-m", "playwright", "install", "chromium"])
    found = installed()
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        print("That did not work; installing Debian's package …", flush=True)
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _try(["apt-get", "update", "-q"], env=env)
        _try(["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"], env=env)
        found = installed()
    return found


def _try(command: list[str], env: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        print("It took too long.", flush=True)
        return
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        print(next((line for line in lines if "rror" in line), "It ended without a word."), flush=True)


if __name__ == "__main__":
    path = get()
    if path:
        print(f"Chromium: {path}")
    else:
        print("!" * 100)
        print("No Chromium could be had: the browser tests will be SKIPPED. Install one and set CHROMIUM=/path/to/it.")
        print("!" * 100)
        sys.exit(1 if os.environ.get("CI") else 0)
