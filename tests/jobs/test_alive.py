"""`manage.py alive`: what the health checks of containers ask."""

import socket
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from jobs import worker
from jobs.models import Worker


@pytest.mark.django_db
def test_a_worker_lives_as_long_as_it_tells_the_database():
    name = f"cpu@{socket.gethostname()}#7"
    with pytest.raises(CommandError, match="The worker cpu of this machine"):
        call_command("alive", "cpu")
    worker.say_alive(f"cpu@{socket.gethostname()}-other#7", ["cpu"], 1)
    with pytest.raises(CommandError):
        call_command("alive", "cpu")
    worker.say_alive(name, ["cpu"], 1)
    call_command("alive", "cpu")
    with pytest.raises(CommandError):
        call_command("alive", "io")
    Worker.objects.filter(name=name).update(seen_at=Now() - timedelta(hours=1))
    with pytest.raises(CommandError):
        call_command("alive", "cpu")


def test_beat_lives_as_long_as_it_ticks(tmp_path, monkeypatch):
    import os

    monkeypatch.setattr("jobs.management.commands.alive.BEAT", tmp_path / "beat")
    with pytest.raises(CommandError, match="not ticked yet"):
        call_command("alive", "beat")
    (tmp_path / "beat").touch()
    call_command("alive", "beat")
    os.utime(tmp_path / "beat", (0, 0))
    with pytest.raises(CommandError, match="not ticked lately"):
        call_command("alive", "beat")


@pytest.mark.django_db
def test_the_web_server_lives_as_long_as_its_database_answers(live_server):
    call_command("alive", "web", url=f"{live_server.url}/healthz")
    with pytest.raises(CommandError, match="answers with 404"):
        call_command("alive", "web", url=f"{live_server.url}/nothing-here")
    with pytest.raises(CommandError, match="does not answer"):
        call_command("alive", "web", url="http://127.0.0.1:9/healthz")
