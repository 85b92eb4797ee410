"""Exports over time: made anew where what people wrote was changed, followed by programs from start to file."""

import hashlib
import io
import zipfile

import pytest

from config import storage
from curation.actions import datasets as actions
from curation.actions import tokens
from curation.models import DatasetExport, Scope
from jobs.runner import run_job
from tests.datasets import made
from tests.datasets.test_packing import exported

pytestmark = pytest.mark.django_db(transaction=True)
AGAIN = "Make them again"


@pytest.fixture
def version(cast):
    return made.frozen_letters(cast.team)


def readme(archive):
    return archive.read(next(name for name in archive.namelist() if name.endswith("README.md"))).decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"card_texts": {"intended_use": "For doctors alone."}}, "For doctors alone."),
        ({"name": "Letters of the ward"}, "# Letters of the ward"),
        ({"description": "Of one ward."}, "Of one ward."),
        ({"changelog": "The first one."}, "The first one."),
    ],
)
def test_an_export_is_made_anew_where_a_text_was_changed(cast, version, as_, fields, said):
    old, archive = exported(version, "messages")
    client, page = as_("curator"), version.get_absolute_url()
    assert said not in readme(archive)
    assert AGAIN not in client.get(page).content.decode()
    if "changelog" in fields:
        actions.describe(version=version, by=cast.curator, **fields)
    else:
        actions.change(dataset=version.dataset, by=cast.curator, revision=1, **fields)
    shown = client.get(page).content.decode()
    assert AGAIN in shown
    assert "Download" in shown  # the old ones stay until then
    assert client.post(page, {"do": "export", "format": "messages"}).status_code == 303
    assert not storage.exists(old.path)
    new, archive = exported(version, "messages")
    assert new.pk == old.pk
    assert new.job_id != old.job_id
    assert said in readme(archive)
    assert AGAIN not in client.get(page).content.decode()
    assert actions.export(version=version, format="messages", by=cast.curator).job_id == new.job_id


def test_a_text_that_changes_while_the_files_are_written_is_noticed(cast, version, monkeypatch):
    from curation import packing

    whole = packing.packed

    def slow(*args):
        made = whole(*args)
        actions.describe(version=version, by=None, changelog="Meanwhile.")
        return made

    monkeypatch.setattr(packing, "packed", slow)
    found, archive = exported(version, "alpaca")
    assert "Meanwhile." not in readme(archive)
    assert not actions.is_current(found)


def test_a_file_that_another_export_holds_is_kept(cast, version):
    found, _ = exported(version, "csv")
    same = actions.restore(version=version, by=None)
    DatasetExport.objects.create(version=same, format="csv", path=found.path, sha256=found.sha256)
    actions.describe(version=version, by=None, changelog="Better.")
    actions.export(version=version, format="csv", by=None)
    assert storage.exists(found.path)


def test_a_program_exports_and_follows_it(cast, version, client):
    _, secret = tokens.make(team=cast.team, by=cast.curator, name="t", scopes=list(Scope), days=1)
    said = {"headers": {"Authorization": f"Bearer {secret}"}, "content_type": "application/json"}
    place = f"/api/v1/datasets/{version.dataset_id}/versions/1/exports"
    bad = client.post(place, {"format": "yaml"}, **said)
    assert (bad.status_code, bad.json()["error"]["code"]) == (422, "dataset.format")
    assert client.get(f"{place}/messages", **said).status_code == 404
    begun = client.post(place, {"format": "messages"}, **said)
    assert (begun.status_code, begun.json()["state"], begun.json()["current"]) == (201, "queued", False)
    assert client.get(f"{place}/messages/file", **said).status_code == 404
    assert client.post(place, {"format": "messages"}, **said).json()["state"] == "queued"
    export = DatasetExport.objects.get()
    run_job(export.job)
    row = client.get(f"{place}/messages", **said).json()
    assert (row["state"], row["error"], row["current"], row["format"]) == ("ready", None, True, "messages")
    assert row["rows"] == version.counts["split"]
    assert row["unfit"] == {"count": 0, "first": []}
    answer = client.get(f"{place}/messages/file", **said)
    raw = b"".join(answer.streaming_content)
    assert answer["Content-Disposition"] == 'attachment; filename="letters-v1-messages.zip"'
    assert (len(raw), hashlib.sha256(raw).hexdigest()) == (row["bytes"], row["sha256"])
    assert "letters-v1/train.jsonl" in zipfile.ZipFile(io.BytesIO(raw)).namelist()
    assert client.post(place, {"format": "messages"}, **said).json() == row
    actions.describe(version=version, by=None, changelog="Better.")
    assert client.get(f"{place}/messages", **said).json()["current"] is False
    assert client.post(place, {"format": "messages"}, **said).json()["state"] == "queued"
    failing = client.post(place, {"format": "preference"}, **said).json()
    run_job(DatasetExport.objects.get(format="preference").job)
    failed = client.get(f"{place}/preference", **said).json()
    assert (failing["state"], failed["state"]) == ("queued", "failed")
    assert "none of them can be written" in failed["error"]
    _, narrow = tokens.make(team=cast.team, by=cast.curator, name="t", scopes=[], days=1)
    said["headers"] = {"Authorization": f"Bearer {narrow}"}
    assert client.post(place, {"format": "csv"}, **said).json()["error"]["code"] == "api.scope"
