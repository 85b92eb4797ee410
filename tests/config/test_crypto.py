"""Secrets at rest: sealed, unsealed, moved to a new key; keys that are none stop the start."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from config import crypto
from config.faults import Fault

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def keys(settings):
    settings.WINNOW_KEYS = [crypto.new_key(), crypto.new_key()]
    return settings.WINNOW_KEYS


def test_what_is_sealed_comes_back_and_says_nothing(keys):
    sealed = crypto.seal("sk-very-secret-ü")
    assert "secret" not in sealed
    assert crypto.unseal(sealed) == "sk-very-secret-ü"
    assert crypto.seal("sk-very-secret-ü") != sealed


def test_rotation_ends_the_need_for_the_old_key(keys, settings):
    old, new = keys
    settings.WINNOW_KEYS = [old]
    sealed = crypto.seal("one")
    settings.WINNOW_KEYS = [new, old]
    moved = crypto.rotate(sealed)
    settings.WINNOW_KEYS = [new]
    assert crypto.unseal(moved) == "one"
    with pytest.raises(Fault) as caught:
        crypto.unseal(sealed, "The key of the endpoint Big")
    assert caught.value.code == "crypto.unreadable"
    assert "The key of the endpoint Big" in caught.value.what


@pytest.mark.parametrize("harm", [lambda text: text[:-4] + "AAAA", lambda text: "", lambda text: "not a token"])
def test_a_changed_text_is_refused(keys, harm):
    with pytest.raises(Fault, match="cannot be read"):
        crypto.unseal(harm(crypto.seal("one")))


@pytest.mark.parametrize(("wrong", "why"), [([], "not set"), (["short"], "not a list of keys")])
def test_without_a_key_nothing_is_kept(settings, wrong, why):
    settings.WINNOW_KEYS = wrong
    with pytest.raises(Fault, match=why):
        crypto.seal("one")


def test_a_key_that_is_none_fails_the_check(settings):
    settings.WINNOW_KEYS = [crypto.new_key(), "changeme"]
    assert [error.msg for error in run_checks() if error.id == "winnow.E005"] == ["Key 2 of WINNOW_KEYS is not a key."]


def test_the_command_asks_every_keeper_and_says_what_fails(keys, monkeypatch):
    def fails() -> int:
        raise Fault("crypto.unreadable", what="The key of Big")

    monkeypatch.setattr(crypto, "KEEPERS", [("endpoints", lambda: 3)])
    out = StringIO()
    call_command("rotate_secrets", stdout=out)
    assert out.getvalue() == "endpoints: 3 sealed under the first key\n"
    monkeypatch.setattr(crypto, "KEEPERS", [("endpoints", fails)])
    with pytest.raises(CommandError, match=r"endpoints: .*The key of Big"):
        call_command("rotate_secrets", stdout=out)
    made = StringIO()
    call_command("rotate_secrets", "--new-key", stdout=made)
    assert crypto.wrong_keys([made.getvalue().strip()]) == []


def start(tmp_path, **env):
    kept = {name: os.environ[name] for name in ("PATH",)}
    code = "from config import settings; print(len(settings.WINNOW_KEYS), settings.WINNOW_KEYS[0][-1:])"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env=kept | {"WINNOW_VAR": str(tmp_path)} | env,
    )  # fmt: skip


def test_no_default_key_outside_the_embedded_mode(tmp_path):
    own = {"DATABASE_URL": "postgresql://a:b@localhost/c", "SECRET_KEY": "x" * 40}
    refused = start(tmp_path, **own)
    assert refused.returncode != 0
    assert "WINNOW_KEYS is not set" in refused.stderr
    assert start(tmp_path, WINNOW_EMBEDDED="1").stdout == start(tmp_path, WINNOW_EMBEDDED="1").stdout == "1 =\n"
    made = tmp_path / "secret" / "winnow_keys"
    assert crypto.wrong_keys([made.read_text()]) == []
    assert made.stat().st_mode & 0o777 == 0o600
