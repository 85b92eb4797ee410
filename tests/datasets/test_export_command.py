"""`manage.py export`: a folder with all its files, or none."""

import signal

import pytest
from django.core.management import CommandError, call_command

from curation import packing
from curation.management.commands import export
from tests.datasets import made
from tests.datasets.processes import process

pytestmark = pytest.mark.django_db(transaction=True)

DIE = """
import os, signal, sys
from django.core.management import call_command
from curation import parts
whole = parts.records
def die(*args):
    for number, record in enumerate(whole(*args)):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield record
parts.records = die
call_command("export", "Letters", "--format", "messages", "--out", sys.argv[1])
"""


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_export_that_is_killed_leaves_no_folder_and_the_next_one_is_whole(cast, tmp_path):
    made.frozen_letters(cast.team)
    out = tmp_path / "letters"
    ended = process(DIE, str(out))
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    assert not out.exists()
    assert (tmp_path / ".letters.part" / "train.jsonl").exists()
    (tmp_path / ".letters.part" / "train").mkdir()  # of another format, which would stay
    call_command("export", "Letters", "--format", "messages", "--out", str(out))
    call_command("export", "Letters", "--format", "messages", "--out", str(tmp_path / "other"))
    assert files(out) == files(tmp_path / "other")
    assert {path.name for path in tmp_path.iterdir()} == {"letters", "other"}
    assert not (out / "train").exists()


@pytest.mark.parametrize("there", [False, True])
def test_an_export_that_fails_leaves_nothing_behind(cast, tmp_path, there, monkeypatch):
    made.frozen_letters(cast.team)
    out = tmp_path / "letters"
    if there:
        out.mkdir()
    with pytest.raises(CommandError, match="none of them can be written"):
        call_command("export", "Letters", "--format", "preference", "--out", str(out))
    with monkeypatch.context() as patched:
        patched.setattr(packing, "companions", no_space)
        with pytest.raises(CommandError, match="cannot be written: No space left"):
            call_command("export", "Letters", "--format", "messages", "--out", str(out))
    assert {path.name for path in tmp_path.rglob("*")} == ({"letters"} if there else set())
    call_command("export", "Letters", "--format", "messages", "--out", str(out))
    assert "run.json" in files(out)


def no_space(*_):
    raise OSError(28, "No space left on device")


def test_two_exports_into_one_folder_do_not_mix(tmp_path):
    with export.whole(tmp_path / "a") as folder:
        (folder / "train.jsonl").write_text("1")
        with pytest.raises(CommandError, match="Another export is writing there"), export.whole(tmp_path / "a"):
            pass
    assert (tmp_path / "a" / "train.jsonl").read_text() == "1"


def test_a_disk_of_its_own_is_filled_where_it_is(tmp_path, monkeypatch):
    out = tmp_path / "disk"
    out.mkdir()
    monkeypatch.setattr(type(out), "is_mount", lambda self: self == out)
    with export.whole(out) as folder:
        assert folder.parent == out
        (folder / "run.json").write_text("{}")
        (folder / "train").mkdir()
    assert {path.name for path in out.iterdir()} == {"run.json", "train"}
