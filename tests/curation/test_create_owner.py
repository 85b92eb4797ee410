import io

import pytest
from django.core.management import CommandError, call_command

from curation.models import Membership, User


def run(*args, stdin="", monkeypatch=None):
    out = io.StringIO()
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    call_command("create_owner", *args, stdout=out)
    return out.getvalue()


def test_it_makes_a_person_with_a_team(db, monkeypatch):
    text = run(
        "Ada@Example.org",
        "--team",
        "Ward",
        "--password-stdin",
        stdin="a long enough password\n",
        monkeypatch=monkeypatch,
    )
    assert "ada@example.org owns the team Ward" in text
    user = User.objects.get(email="ada@example.org")
    assert user.check_password("a long enough password")
    assert Membership.objects.get(user=user).role == "owner"


def test_an_existing_person_gets_a_further_team(db):
    run("ada@example.org", "--team", "One", "--generate-password")
    run("ada@example.org", "--team", "Two", "--generate-password")
    assert Membership.objects.filter(user__email="ada@example.org").count() == 2


@pytest.mark.parametrize(
    ("email", "password", "says"), [("ada", "x", "not an e-mail"), ("ada@example.org", "short", "too short")]
)
def test_bad_input_creates_nothing(db, monkeypatch, email, password, says):
    with pytest.raises(CommandError, match=says):
        run(email, "--password-stdin", stdin=f"{password}\n", monkeypatch=monkeypatch)
    assert not User.objects.exists()
