"""The page of the API, its schema and its reference: each operation with a sample that runs."""

import contextlib
import io
import os
import re
from pathlib import Path

import httpx
import pytest

from curation.actions import tokens
from curation.models import Example, Scope
from selection.api.urls import ALL_SAMPLES
from selection.api.urls import api as whole
from selection.management.commands.api_reference import text
from tests.datasets import made as datasets
from tests.schedules import made as made_schedules
from tests.selection import made
from tests.synthesis import made as synthesis

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "api.md"


@pytest.mark.django_db(transaction=True)
def test_every_sample_of_the_reference_runs_against_a_server(live_server, monkeypatch):
    from tests.cast import make_cast

    cast = make_cast()
    made.run(cast.team, made.pool(cast.team, made.rows(60)), None, budget="5", by=cast.owner)
    datasets.pushed(datasets.exported(datasets.frozen_letters(cast.team), "messages").version, cast.owner)
    datasets.collection(cast.team)
    synthesis.start(cast, synthesis.endpoint(cast.team, cast.owner, "http://127.0.0.1:1/v1"), 1)
    made_schedules.nightly(cast.team, cast.owner)
    _, secret = tokens.make(team=cast.team, by=cast.owner, name="samples", scopes=list(Scope), days=30)
    monkeypatch.setenv("WINNOW_URL", live_server.url)
    monkeypatch.setenv("WINNOW_TOKEN", secret)
    samples = re.findall(r"```python\n(.*?)```", REFERENCE.read_text("utf-8"), re.DOTALL)
    assert len(samples) == 1 + len(ALL_SAMPLES)
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for sample in samples:
            try:
                exec(compile(sample, "docs/reference/api.md", "exec"), names)  # noqa: S102  our own document
            except httpx.HTTPStatusError as error:
                pytest.fail(f"{error.response.text}\n\n{sample}")
    names["api"].close()
    assert "Owner is owner of Ward" in said.getvalue()
    assert "3 new, 0 known" in said.getvalue()
    assert "accepted {'output': 'Your scan shows nothing to worry about. Questions? Call the ward.'}" in said.getvalue()
    assert "3 picks are examples now" in said.getvalue()
    ours = Example.objects.filter(task__name="Plain-language letters").exclude(origin="run")
    assert sorted(ours.values_list("key", "state")) == [
        ("letter-0", "accepted"), ("letter-1", "open"), ("letter-2", "rejected")
    ]  # fmt: skip
    assert os.environ["WINNOW_TOKEN"] == secret


def test_the_reference_is_what_the_operations_say():
    assert REFERENCE.read_text("utf-8") == text(), "run `manage.py api_reference`"


def test_every_operation_has_a_sample_and_every_sample_an_operation():
    operations = {
        operation.view_func.__name__
        for router in whole._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    }
    assert operations == set(ALL_SAMPLES)


def test_the_page_lists_every_operation_without_script(client, db):
    body = client.get("/api/v1/docs").content.decode()
    for name in ALL_SAMPLES:
        assert f'id="{name}"' in body, name
    assert "<script>" not in body
    assert "rows[].content.instruction" in body
    assert client.get("/api/v1/").url == "/api/v1/docs"


def test_the_schema_is_openapi_and_names_scopes_and_errors(client, db):
    schema = client.get("/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    for address, methods in schema["paths"].items():
        assert address.startswith("/api/v1/")
        for operation in methods.values():
            assert operation["x-scope"] in set(Scope)
            assert "default" in operation["responses"]
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', client.get("/api/v1/openapi.json").content.decode()))
    assert names <= set(schema["components"]["schemas"])
