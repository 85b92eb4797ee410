import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env
from config.boot import read_dotenv


def test_a_secret_comes_from_its_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "key"))
    assert env.text("SOME_KEY") == "s3cret"


def test_value_and_file_together_are_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_KEY", "a")
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(ImproperlyConfigured, match="both set"):
        env.text("SOME_KEY")


def test_a_missing_file_names_the_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ImproperlyConfigured, match="SOME_KEY_FILE"):
        env.text("SOME_KEY")


@pytest.mark.parametrize(("raw", "wanted"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_flags(monkeypatch, raw, wanted):
    monkeypatch.setenv("SOME_FLAG", raw)
    assert env.flag("SOME_FLAG") is wanted


@pytest.mark.parametrize(
    ("reader", "raw", "says"),
    [
        (env.flag, "perhaps", "neither yes nor no"),
        (lambda name: env.number(name, 1), "ten", "not a whole number"),
        (lambda name: env.number(name, 1, least=5), "4", "at least 5"),
        (lambda name: env.number(name, 1, most=5), "6", "between 0 and 5"),
        (lambda name: env.choice(name, "a", ["a", "b"]), "c", "Choose one of: a, b"),
        (env.database, "mysql://x/y", "needs PostgreSQL"),
        (env.database, "postgresql://u:p@host:port/db", "port that is not a number"),
        (env.database, "postgresql://u:p@host", "names no database"),
    ],
)
def test_a_bad_value_is_loud_and_names_itself(monkeypatch, reader, raw, says):
    monkeypatch.setenv("SOME_SETTING", raw)
    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING") as caught:
        reader("SOME_SETTING")
    assert says in str(caught.value)


def test_sizes_have_suffixes(monkeypatch):
    monkeypatch.setenv("SOME_SIZE", "4G")
    assert env.number("SOME_SIZE", 1) == 4 << 30


def test_a_database_address_is_taken_apart(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://wi%40n:p%2Fw@db.example:6543/winnow?sslmode=require")
    found = env.database()
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == (
        "wi@n", "p/w", "db.example", "6543", "winnow",
    )  # fmt: skip
    assert found["OPTIONS"] == {"sslmode": "require"}


def test_dotenv_loses_against_the_environment(monkeypatch, tmp_path):
    path = tmp_path / ".env"
    path.write_text("# a comment\nTAKEN=file\nexport NEW_ONE='quoted value'\n\n")
    monkeypatch.setenv("TAKEN", "environment")
    monkeypatch.delenv("NEW_ONE", raising=False)
    read_dotenv(path)
    assert os.environ["TAKEN"] == "environment"
    assert os.environ.pop("NEW_ONE") == "quoted value"


def test_a_bad_line_of_dotenv_is_named(tmp_path):
    (tmp_path / ".env").write_text("GOOD=1\nnot a setting\n")
    with pytest.raises(SystemExit, match="line 2"):
        read_dotenv(tmp_path / ".env")
