"""Files into a task: what comes in, what is refused, and that it comes in once, whatever breaks."""

import json
import os
import threading
from pathlib import Path

import pytest
from django.db import connection

from config import storage, uploads
from config.faults import Fault
from curation import importing
from curation.actions import adding
from curation.actions import imports as actions
from curation.actions.adding import NewExample
from curation.content import Mapping, load
from curation.handlers import imports as handler
from curation.models import AuditEvent, Example, ExampleImport, Slot
from jobs.models import Job, Step
from jobs.runner import run_until_idle
from tests.curation.examples.made import add, content, task

ALPACA = Mapping(instruction="instruction", input="input", output="output")


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path, monkeypatch):
    settings.STORAGE_URL = str(tmp_path / "storage")
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of 32 rows, so that a short file is read in many."""
    real = importing.formats.open_rows
    monkeypatch.setattr(importing.formats, "open_rows", lambda *args: real(*args, batch_rows=32))


def rows(count: int, start: int = 0) -> list[dict]:
    return [
        {"instruction": f"Summarise letter {n}.", "input": f"Body {n}", "output": f"Sum {n}"}
        for n in range(start, start + count)
    ]


def draft(to, lines, by=None, name="letters.jsonl") -> ExampleImport:
    text = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path = f"uploads/{name}"
    with storage.writing(path) as out:
        out.write(text)
    return actions.draft_import(task=to, by=by, name=name, path=path)


def imported(to, lines, by=None, mapping=ALPACA, name="letters.jsonl", **more) -> ExampleImport:
    found = draft(to, lines, by, name)
    actions.start_import(import_=found, by=by, mapping=mapping, **more)
    run_until_idle()
    return fresh(found)


def fresh(found: ExampleImport) -> ExampleImport:
    return ExampleImport.objects.select_related("job", "task").get(pk=found.pk)


def counts(found: ExampleImport) -> tuple[int, int, int]:
    return found.rows_good, found.rows_known, found.rows_bad


@pytest.mark.django_db(transaction=True)
def test_rows_come_in_with_their_lineage(cast, small_batches):
    to = task(cast.team)
    found = imported(to, rows(100), by=cast.curator)
    assert (found.job.state, counts(found)) == ("succeeded", (100, 0, 0))
    assert found.loaded_at is not None
    one = Example.objects.get(task=to, lineage__line=70)
    assert load(one.content).input == "Body 69"
    assert one.lineage == {"file": "letters.jsonl", "line": 70, "import": found.pk}
    assert (one.origin, one.incoming_id, one.state) == ("file", found.pk, "open")
    assert Slot.objects.filter(task=to).count() == 100
    assert not storage.exists(found.path)
    event = AuditEvent.objects.get(action="examples.imported")
    assert (event.facts["rows"], event.actor_id) == (100, cast.curator.pk)


@pytest.mark.parametrize(
    ("outputs_as", "state", "outputs", "field"),
    [
        ("suggestion", "open", (), "suggestion"), ("accepted", "accepted", ("Sum 0",), "answer"),
        ("gold", "open", (), "gold"), ("drop", "open", (), None),
    ],
)  # fmt: skip
def test_what_becomes_of_outputs(cast, outputs_as, state, outputs, field):
    to = task(cast.team)
    imported(to, rows(1), outputs_as=outputs_as)
    one = to.examples.get()
    assert (one.state, load(one.content).outputs) == (state, outputs)
    filled = {name for name in ("suggestion", "answer", "gold") if getattr(one, name) is not None}
    assert filled == ({field} if field else set())
    if field:
        value = getattr(one, field)
        assert (value["answer"] if field == "suggestion" else value) == {"output": "Sum 0"}
    assert one.slots.count() == (0 if outputs_as in ("accepted", "gold") else 1)


def test_the_key_is_that_of_the_row_as_it_came(cast):
    """The same file, its outputs once as suggestions and once left out: the second time all are known."""
    to = task(cast.team)
    imported(to, rows(3))
    assert counts(imported(to, rows(4), outputs_as="drop", name="again.jsonl")) == (1, 3, 0)


def test_outputs_that_are_to_be_compared_stay(cast):
    form = [{"name": "better", "kind": "pair", "title": "Which is better?"}]
    to = task(cast.team, form=form)
    imported(
        to,
        [{"instruction": "Name a prime.", "output": ["7", "9"]}],
        mapping=Mapping(instruction="instruction", output="output"),
    )
    assert load(to.examples.get().content).outputs == ("7", "9")


def test_bad_rows_are_listed_with_place_and_reason(cast):
    to = task(cast.team)
    lines = [*rows(20), b"{broken", {"instruction": "", "input": "", "output": "x"}, *rows(3, 20)]
    found = imported(to, lines)
    assert counts(found) == (23, 0, 2)
    listed = list(importing.bad_rows(found.bad_path))
    assert [row["line"] for row in listed] == [21, 22]
    assert all(row["reason"] for row in listed)


def test_too_many_bad_rows_leave_nothing_but_their_list(cast):
    to = task(cast.team)
    found = imported(to, [*rows(8), *[{"instruction": "", "input": "", "output": "x"}] * 4])
    assert (found.job.state, found.job.error_code) == ("failed", "import.too_many_bad")
    assert (found.loaded_at, found.rows_bad, to.examples.count()) == (None, 4, 0)
    assert len(list(importing.bad_rows(found.bad_path))) == 4
    actions.start_import(import_=found, by=None, mapping=ALPACA, max_bad_share=0.5)  # look again, allow more
    run_until_idle()
    assert counts(fresh(found)) == (8, 0, 4)


def test_known_keys_are_left_as_they_are_and_repeats_numbered(cast):
    to = task(cast.team)
    add(to, [NewExample(content("mine"), key="a")])
    mapping = Mapping(instruction="instruction", id="id")
    found = imported(to, [{"id": key, "instruction": f"x{n}"} for n, key in enumerate("abb")], mapping=mapping)
    assert counts(found) == (2, 1, 0)
    assert sorted(to.examples.values_list("key", flat=True)) == ["a", "b", "b~2"]
    assert load(to.examples.get(key="a").content).instruction == "Summarise letter mine."


class Dies(Exception):
    pass


def test_an_attempt_that_dies_leaves_nothing_and_the_next_brings_all_in_once(cast, monkeypatch, small_batches):
    to = task(cast.team)
    found = draft(to, rows(200))
    actions.start_import(import_=found, by=None, mapping=ALPACA)
    real, there = adding._Adding.take, []

    def stumble(self, batch, keys):
        there.append(to.examples.count())
        if len(there) == 4:
            raise Dies
        return real(self, batch, keys)

    monkeypatch.setattr(adding, "BATCH", 40)
    monkeypatch.setattr(adding._Adding, "take", stumble)
    run_until_idle()
    assert there[3] == 120  # so many rows were written when it died
    assert there[4] == 0  # and were gone when it began again
    assert Step.objects.get(job=fresh(found).job).errors == 1
    assert counts(fresh(found)) == (200, 0, 0)
    assert (to.examples.count(), Slot.objects.filter(task=to).count()) == (200, 200)


def test_a_step_that_is_run_again_after_its_rows_are_in_changes_nothing(cast, monkeypatch):
    """The worker died between the commit of the rows and the end of the step."""
    to = task(cast.team)
    found = draft(to, rows(10))
    actions.start_import(import_=found, by=None, mapping=ALPACA)
    real, died = handler.ExampleImportKind.run, []

    def run(self, step, beat):
        result = real(self, step, beat)
        if not died:
            died.append(result)
            raise Dies
        return result

    monkeypatch.setattr(handler.ExampleImportKind, "run", run)
    run_until_idle()
    found = fresh(found)
    assert (found.job.state, counts(found), to.examples.count()) == ("succeeded", (10, 0, 0), 10)
    assert Step.objects.get(job=found.job).result == died[0] == {"good": 10, "known": 0, "bad": 0}


@pytest.mark.django_db(transaction=True)
def test_cancelled_while_it_runs_nothing_stays_and_it_can_be_resumed(cast, monkeypatch, small_batches):
    from jobs.heartbeat import heart, renew

    to = task(cast.team)
    found = draft(to, rows(100))
    actions.start_import(import_=found, by=None, mapping=ALPACA)
    real, seen = importing.Reading._sorted, []

    def cancel_meanwhile(self, batch):
        if seen:  # some rows are written by now
            in_another_connection(lambda: actions.cancel_import(import_=fresh(found), by=None))
            renew([self.beat])
        seen.append(batch)
        return real(self, batch)

    monkeypatch.setattr("curation.actions.adding.BATCH", 10)
    monkeypatch.setattr(importing.Reading, "_sorted", cancel_meanwhile)
    run_until_idle()
    heart().close()
    assert (fresh(found).job.state, to.examples.count(), fresh(found).loaded_at) == ("cancelled", 0, None)
    assert storage.exists(found.path)
    monkeypatch.setattr(importing.Reading, "_sorted", real)
    actions.resume_import(import_=fresh(found), by=None)
    run_until_idle()
    assert counts(fresh(found)) == (100, 0, 0)
    assert not storage.exists(found.path)


def in_another_connection(do) -> None:
    def run():
        try:
            do()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)


def test_what_started_cannot_be_started_or_discarded_again(cast):
    to = task(cast.team)
    found = imported(to, rows(3))
    for change in (
        lambda: actions.start_import(import_=found, by=None, mapping=ALPACA),
        lambda: actions.discard_import(import_=found, by=None),
    ):
        with pytest.raises(Fault) as caught:
            change()
        assert caught.value.code == "import.started"


def test_a_discarded_draft_leaves_no_file(cast, django_capture_on_commit_callbacks):
    found = draft(task(cast.team), rows(3))
    with django_capture_on_commit_callbacks(execute=True):
        actions.discard_import(import_=found, by=None)
    assert not storage.exists(found.path)
    assert not ExampleImport.objects.exists()
    assert not Job.objects.exists()


def test_an_upload_that_an_import_waits_for_is_not_swept(cast, settings):
    found = draft(task(cast.team), rows(1))
    with storage.writing("uploads/left") as out:
        out.write(b"x")
    for path in (found.path, "uploads/left"):
        os.utime(Path(settings.STORAGE_URL) / path, (0, 0))
    uploads.forget_old()
    assert storage.exists(found.path)
    assert not storage.exists("uploads/left")
