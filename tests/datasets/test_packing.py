"""What an export holds: splits, companions, run.json, provenance, README; the same bytes each time."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from config import storage
from config.faults import Fault
from curation import collecting, packing, queries_datasets
from curation.actions import collections
from curation.actions import datasets as actions
from curation.actions.adding import NewExample, add_examples
from curation.api.datasets import row_out
from curation.content import Content, Mapping, Message, render
from curation.datasets.rows import Row, pack
from curation.formats.training import TRAINING, read_file
from curation.hub.facts import of_version
from curation.models import AuditEvent, DatasetExport
from jobs.runner import run_job
from selection import picked, store
from selection.actions import collect
from tests.curation import made_tasks
from tests.datasets import made
from tests.datasets.processes import process
from tests.datasets.test_previewing import PAIR

pytestmark = pytest.mark.django_db(transaction=True)
FITTING = sorted(set(TRAINING) - {"preference"})


@pytest.fixture
def version(cast):
    task = made.task(cast.team, 60, by=cast.curator, licence="CC0-1.0", categories=["Summarisation"])
    splits = {"shares": {"train": 0.6, "test": 0.4}}
    return made.frozen(made.dataset(cast.team, made.source(task), splits=splits), by=cast.curator)


def exported(version, name, by=None):
    found = actions.export(version=version, format=name, by=by)
    run_job(found.job)
    found.refresh_from_db()
    assert found.job.state == "succeeded", found.job.error_what
    return found, zipfile.ZipFile(io.BytesIO(storage.read(found.path, found.sha256)))


@pytest.mark.parametrize("kind", FITTING)
def test_every_format_holds_all_rows_and_can_be_read_again(version, kind):
    found, archive = exported(version, kind)
    stem = packing.name_of(version)
    counts = version.counts["split"]
    assert found.rows == counts
    assert found.unfit["count"] == 0
    names = [name.removeprefix(f"{stem}/") for name in archive.namelist()]
    assert {"run.json", "provenance.parquet", "README.md"} <= set(names)
    for split in counts:
        mine = [name for name in names if name.startswith((f"{split}.", f"{split}/"))]
        records = [
            one for name in mine
            for one in read_file(io.BytesIO(archive.read(f"{stem}/{name}")), TRAINING[kind])
        ]  # fmt: skip
        assert len(records) == counts[split]
    manifest = json.loads(archive.read(f"{stem}/run.json"))
    assert manifest["sha256"] == version.sha256
    for name, sha in manifest["export"]["files"].items():
        assert hashlib.sha256(archive.read(f"{stem}/{name}")).hexdigest() == sha
    provenance = pq.read_table(io.BytesIO(archive.read(f"{stem}/provenance.parquet"))).to_pylist()
    assert [one["key"] for one in provenance] == sorted(one["key"] for one in provenance)
    assert {one["file"] for one in provenance} == {"letters.jsonl"}
    assert all(one["task"] and one["example"] and one["line"] for one in provenance)


def test_the_same_version_gives_the_same_bytes(version, tmp_path):
    one, _ = exported(version, "messages")
    DatasetExport.objects.all().delete()
    two, _ = exported(version, "messages")
    assert one.sha256 == two.sha256
    assert one.path == two.path


ALL = """
from curation import packing
from curation.formats.training import TRAINING
from curation.models import DatasetVersion
version = DatasetVersion.objects.select_related("dataset").get(pk={pk})
for name in TRAINING:
    print(name, packing.packed(version, name)[0].sha256)
"""


def test_another_process_gives_the_same_bytes_and_so_does_one_after_people_left(cast, version):
    task = made_tasks.task(cast.team, name="Which one", form=[PAIR])
    rows = [
        NewExample(Content("single", "Greet.", f"Letter {n} — für Ölçü", ("Hi.", "Good day.")), key=f"pair-{n}",
                   answer={"better": {"chosen": n % 2, "rejected": 1 - n % 2}}, tags=["b", "a"])
        for n in range(12)
    ]  # fmt: skip
    add_examples(task=task, rows=rows, by=None, origin="file")
    made_tasks.examples(task, 1)
    made_tasks.submitted(task, cast.annotator, {"better": {"tie": True}})
    source = {"kind": "version", "id": version.pk}
    mixed = made.frozen(made.dataset(cast.team, source, made.source(task), name="Mixed"))
    assert mixed.manifest["people"] == 1
    here = {name: packing.packed(mixed, name)[0].sha256 for name in TRAINING}
    task.annotations.all().delete()
    ended = process(ALL.format(pk=mixed.pk), PYTHONHASHSEED="77", TZ="Pacific/Kiritimati", LC_ALL="tr_TR.UTF-8")
    assert dict(line.split() for line in ended.stdout.decode().splitlines()) == here, ended.stderr.decode()[-2000:]


def test_a_manifest_of_before_asks_how_many_people_there_are(cast, version):
    task = cast.team.tasks.get()
    made_tasks.examples(task, 1)
    made_tasks.submitted(task, cast.annotator, {"output": "Yes."})
    version.manifest.pop("people")
    version.frozen_at = None
    assert of_version(version).people == 1


def test_an_export_is_made_once_and_told_to_the_record(cast, version):
    found, archive = exported(version, "alpaca", by=cast.curator)
    again = actions.export(version=version, format="alpaca", by=cast.curator)
    assert (again.pk, again.job_id) == (found.pk, found.job_id)
    assert AuditEvent.objects.filter(action="dataset.exported").count() == 1
    info = json.loads(archive.read(f"{packing.name_of(version)}/dataset_info.json"))
    assert info["letters"]["file_name"] == "train.jsonl"
    assert b"train.jsonl" in archive.read(f"{packing.name_of(version)}/axolotl.yml")


def test_rows_that_no_format_holds_are_a_fault_with_a_reason(version, tmp_path):
    with pytest.raises(Fault) as raised:
        packing.write_folder(version, "preference", tmp_path)
    assert raised.value.code == "dataset.nothing_fits"
    assert "chosen" in raised.value.what
    with pytest.raises(Fault) as raised:
        packing.write_folder(version, "yaml", tmp_path)
    assert raised.value.code == "dataset.format"


def test_natural_instructions_have_a_file_a_task_with_its_definition(cast, version):
    _, archive = exported(version, "natural_instructions")
    name = f"{packing.name_of(version)}/train/task001_ward_letters.json"
    whole = json.loads(archive.read(name))
    assert whole["Definition"] == ["Summarise the letter for the patient."]
    assert whole["Categories"] == ["Summarisation"]
    assert whole["Instances"][0]["input"].startswith("Dear Dr Hall")
    assert "Summarise" not in whole["Instances"][0]["input"]


def test_rejected_examples_go_out_as_undesirable_alone(cast):
    task = made.task(cast.team, 20)
    task.examples.filter(key__in=[f"letter-{n}" for n in range(5)]).update(state="rejected")
    version = made.frozen(made.dataset(cast.team, made.source(task), made.source(task, state="rejected")))
    assert version.rows == 20
    found, _ = exported(version, "alpaca")
    assert (sum(found.rows.values()), found.unfit["count"]) == (15, 5)
    found, archive = exported(version, "kto")
    assert sum(found.rows.values()) == 20
    lines = archive.read(f"{packing.name_of(version)}/train.jsonl").splitlines()
    assert {json.loads(line)["label"] for line in lines} == {True, False}


def many_kinds(team):
    """A frozen version in which rows of every kind lie: two answers, a chat, system text, a pair, a rejected one."""
    held = collections.create(team=team, by=None, name="Kinds", origin="file", lineage={"file": "kinds.jsonl"})
    said = (Message("user", "1+2?"), Message("assistant", "3."))
    answers = {"chosen": "Yes.", "rejected": "No.", "desirable": True}
    rows = [
        Row(key=f"{'ab'[n % 2]}/{n:03d}", origin="ab"[n % 2], **(answers | KINDS.get(n % 10, {})), content=(
            Content("chat", messages=said, system=f"Add {n}.") if n % 10 == 3
            else Content("single", f"Ask {n}.", "", (f"Said {n}.", f"Told {n}.") if n % 10 == 5 else (f"Said {n}.",),
                         system="Be brief." if n % 10 == 7 else "")))
        for n in range(40)
    ]  # fmt: skip
    collecting.finish(held.pk, collecting.write(held, rows))
    splits = {"shares": {"train": 0.6, "test": 0.4}, "group": "row"}
    return made.frozen(made.dataset(team, {"kind": "collection", "id": held.pk}, name="Kinds", splits=splits))


ONE_ANSWER = {"messages", "alpaca", "sharegpt", "prompt_completion", "kto"}
KINDS = {1: {"desirable": False}, 2: {"chosen": None, "rejected": None}}


@pytest.mark.parametrize("kind", sorted(TRAINING))
def test_each_row_of_a_file_is_found_by_its_provenance_and_back(cast, tmp_path, kind):
    version = many_kinds(cast.team)
    wrote = packing.write_folder(version, kind, tmp_path)
    rows = {}
    for path in sorted(path for path in tmp_path.rglob("*") if path.name.startswith(("train", "test", "task"))):
        if path.is_file():
            with path.open("rb") as file:
                rows[path.relative_to(tmp_path).as_posix()] = list(read_file(file, TRAINING[kind]))
    held = {row.key: row for row in packing.rows_of(version)}
    found, gone = set(), 0
    for one in pq.read_table(tmp_path / "provenance.parquet").to_pylist():
        name, places = one["export_file"], one["export_rows"]
        assert (name is None) == (not places)
        gone += name is None
        assert name is None or name.startswith(one["split"])
        found |= {(name, place) for place in places}
        row = held[one["key"]]
        records = [rows[name][place] for place in places]
        if kind in ("csv", "parquet"):
            assert [record.key for record in records] == [row.key]
        mark = row.content.system if row.content.kind == "chat" else row.content.instruction
        assert all(mark in render(record.content, "text") for record in records)
        if kind in ONE_ANSWER and records:
            assert len(records) == max(1, len(row.content.outputs))
            assert [render(record.content, "response") for record in records] == list(row.content.outputs or ["3."])
    assert found == {(name, place) for name, records in rows.items() for place in range(len(records))}
    assert gone > 0 or kind in ("csv", "parquet", "kto")
    assert wrote.unfit >= gone


TOOL = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object", "properties": {"b": {"type": "number"}, "a": {}}}},
}


def called(team):
    """A frozen version of a file of chats, every third of which may call a tool."""
    lines = [
        {"id": f"r{n:02d}", "messages": [{"role": "user", "content": f"{n}+1?"}, {"role": "assistant", "content": f"{n}."}]}
        | ({"tools": [TOOL] if n % 2 else json.dumps([TOOL])} if n % 3 == 0 else {})
        for n in range(12)
    ]  # fmt: skip
    with storage.writing("uploads/called.jsonl") as file:
        file.write("\n".join(map(json.dumps, lines)).encode())
    held = collections.of_file(team=team, by=None, name="Called", file="called.jsonl", path="uploads/called.jsonl")
    held = collections.start_import(collection=held, by=None, mapping=Mapping.from_dict(held.mapping))
    run_job(held.job)
    assert held.job.__class__.objects.get(pk=held.job_id).state == "succeeded"
    return made.frozen(
        made.dataset(team, {"kind": "collection", "id": held.pk}, name="Called", splits={"shares": {"all": 1.0}})
    )


@pytest.mark.parametrize("kind", ["messages", "sharegpt", "prompt_completion", "csv", "parquet"])
def test_tools_of_a_file_go_out_with_its_chats(cast, tmp_path, kind):
    """In the order of their fields, which chat templates write into the prompt."""
    version = called(cast.team)
    packing.write_folder(version, kind, tmp_path)
    with next(tmp_path.glob("all.*")).open("rb") as file:
        found = list(read_file(file, TRAINING[kind]))
    assert {one.content.messages[0].text for one in found if one.tools} == {"0+1?", "3+1?", "6+1?", "9+1?"}
    assert {json.dumps(one.tools) for one in found if one.tools} == {json.dumps([TOOL])}


def test_tools_are_of_what_is_learned_from(cast):
    version = called(cast.team)
    again = made.frozen(made.dataset(cast.team, {"kind": "version", "id": version.pk}, name="Again"))
    [one] = [row for row in packing.rows_of(again) if row.key.endswith("/r03")]
    assert one.tools == (TOOL,)
    assert row_out(one)["tools"] == (TOOL,)
    assert dict(queries_datasets._labelled(one))["Tools"] == json.dumps([TOOL], separators=(",", ":"))
    sha = {bool(tools): pack([replace(one, tools=tools)]).column("sha")[0].as_py() for tools in ((), (TOOL,))}
    assert sha[True] != sha[False]
    other = Row("t1/a", Content("single", "Ask.", "", ("Said.",)), desirable=True)
    assert pack([other]).column("sha")[0].as_py().hex() == UNTOOLED


def test_picks_keep_the_tools_of_their_rows(cast, monkeypatch):
    row = {
        store.KEY: "k",
        store.SOURCE: "",
        picked.HUB: {},
        picked.RANK: 1,
        picked.SCORE: 0.5,
        "tools": json.dumps([TOOL]),
    }
    said = Content("chat", messages=(Message("user", "1+2?"), Message("assistant", "3.")))
    monkeypatch.setattr(picked, "contents", lambda _: [(said, row), (said, row | {"tools": "hammer"})])
    lineage = dict.fromkeys(("pool", "pool_name", "run", "run_number", "method"))
    held = collections.create(team=cast.team, by=None, name="Picks", origin="run", lineage=lineage)
    assert [one.tools for one in collect.rows(None, held, 2)] == [(TOOL,), ()]


UNTOOLED = "643e18c1fa51284dd192d41025989702d3d532005cf69d88bb3167af7fbf8640"  # what this row had before rows had tools


def test_natural_instructions_leave_out_no_origin_however_many_there_are(cast, tmp_path):
    """101 names: one more than a page shows. Licences and generations are named in full, too."""
    held = collections.create(team=cast.team, by=None, name="Many", origin="file", lineage={"file": "many.jsonl"})
    rows = [
        Row(key=f"o{n:03d}/1", content=Content("single", f"Ask {n}.", "", (f"Said {n}.",)), origin=f"o{n:03d}",
            licence=f"L-{n}", source=f"s-{n}", lineage={"generation": n + 1})
        for n in range(101)
    ]  # fmt: skip
    collecting.finish(held.pk, collecting.write(held, rows))
    splits = {"shares": {"all": 1.0}}
    version = made.frozen(
        made.dataset(cast.team, {"kind": "collection", "id": held.pk}, name="Many", splits=splits), by=cast.curator
    )
    wrote = packing.write_folder(version, "natural_instructions", tmp_path)
    assert wrote.rows == {"all": 101}
    assert len(list((tmp_path / "all").glob("*.json"))) == 101
    assert "fit this format" not in (tmp_path / "README.md").read_text()
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert {len(manifest["counts"][name]) for name in ("origin", "licence", "generation")} == {101}
    assert len(manifest["counts"]["source"]) == 100
    page = queries_datasets.version_page(version, after="", split="", source="")
    assert len(page["licences"]) == len(page["origins"]) == 100
    # Versions frozen earlier kept the 100 most frequent names alone.
    version.counts["origin"].pop("o050")
    version.counts["origin_more"] = 1
    assert len(packing.origins_of(version)) == 101


def test_the_card_says_how_many_rows_do_not_fit_in_every_format(cast, tmp_path):
    task = made.task(cast.team, 20)
    task.examples.filter(key__in=[f"letter-{n}" for n in range(5)]).update(state="rejected")
    version = made.frozen(made.dataset(cast.team, made.source(task), made.source(task, state="rejected")))
    packing.write_folder(version, "natural_instructions", tmp_path)
    assert "5 rows of the version do not fit this format" in (tmp_path / "README.md").read_text()
