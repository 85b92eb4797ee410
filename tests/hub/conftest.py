import sys

import pytest

from tests.hub.server import Hub


@pytest.fixture
def hub(settings, monkeypatch, tmp_path):
    """A hub of this test's own; the code under test, `huggingface_hub` and `datasets` all look at it.

    A module whose tests use `datasets` imports it at its head: it reads the environment once.
    """
    with Hub() as made:
        settings.HF_ENDPOINT = made.url
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, "127.0.0.1"]
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        import huggingface_hub.constants

        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", made.url)
        template = f"{made.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        if "datasets" in sys.modules:
            import datasets.config

            monkeypatch.setattr(datasets.config, "HF_ENDPOINT", made.url)
        yield made
