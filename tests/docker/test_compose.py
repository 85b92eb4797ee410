"""compose.yml: valid by the schema of the Compose specification, and what it promises of each service."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker" / "compose.yml"
OURS = ("migrate", "web", "worker-cpu", "worker-io", "worker-gpu", "beat")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(FILE.read_text())


def checked(path):
    words = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", path]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_it_is_valid(tmp_path):
    assert checked(FILE).returncode == 0, checked(FILE).stdout
    broken = tmp_path / "compose.yml"
    broken.write_text(FILE.read_text().replace("restart: unless-stopped", "restarts: unless-stopped"))
    assert checked(broken).returncode == 1


def test_every_service_is_there_watched_and_of_a_fixed_version(compose):
    services = compose["services"]
    assert set(services) == {"proxy", "db", "broker", *OURS}
    for name, service in services.items():
        assert name == "migrate" or service["healthcheck"].get("test"), name
        image = service["image"]
        assert re.search(r":[\w.$\{\}:-]+$", image) and not image.endswith("latest"), image  # noqa: PT018
    assert "pg18" in services["db"]["image"]
    assert services["worker-gpu"]["profiles"] == ["gpu"]
    assert services["worker-gpu"]["build"]["args"] == {"LOCK": "gpu"}
    assert {name for name, service in services.items() if service.get("profiles")} == {"worker-gpu"}


def test_only_the_proxy_is_reached_from_outside(compose):
    services = compose["services"]
    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]
    assert services["web"]["environment"]["BEHIND_PROXY"] == "1"
    assert "reverse_proxy web:8000" in (ROOT / "docker/Caddyfile").read_text()


def test_ours_run_without_capabilities_after_the_migration(compose):
    for name in OURS:
        service = compose["services"][name]
        assert service["cap_drop"] == ["ALL"]
        assert service["depends_on"] == (
            {"db": {"condition": "service_healthy"}}
            if name == "migrate"
            else {
                "migrate": {"condition": "service_completed_successfully"},
                "broker": {"condition": "service_healthy"},
            }
        )


def test_volumes_hold_what_must_last(compose):
    """PostgreSQL 18 keeps its data in a folder below /var/lib/postgresql, so that is what is mounted."""
    mounts = {name: service.get("volumes", []) for name, service in compose["services"].items()}
    assert mounts["db"] == ["db:/var/lib/postgresql"]
    assert all(mounts[name] == ["data:/data"] for name in OURS)
    assert set(compose["volumes"]) == {"db", "data", "proxy"}


def test_every_queue_has_a_worker(compose):
    from jobs.wake import QUEUES

    commands = {service["command"][0] for name, service in compose["services"].items() if name in OURS}
    served = {"io"} & commands | set(
        re.search(r"CPU_QUEUES:-([a-z,]+)", str(compose["services"]["worker-cpu"]))[1].split(",")
    )
    assert served == set(QUEUES), "with no profile at all"


def test_variables_are_known_settings_or_said_in_the_example(compose):
    """Each variable that the file asks for stands in env.example, and each that it gives is one of the app."""
    asked = set(re.findall(r"\$\{([A-Z_]+)", FILE.read_text()))
    example = set(re.findall(r"(?m)^#?([A-Z_]+)=", (ROOT / "docker/env.example").read_text()))
    assert asked - example == {"WINNOW_TAG"}
    page = (ROOT / "docs/reference/settings.md").read_text()
    given = set(compose["services"]["web"]["environment"])
    assert [name for name in sorted(given) if f"`{name}`" not in page] == []


def test_the_secrets_must_be_given():
    text = FILE.read_text()
    for name in ("SECRET_KEY", "WINNOW_KEYS", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"):
        assert f"${{{name}:?" in text
