"""Searching and filtering: each filter keeps what it says and nothing else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from curation.actions import accepting, queue
from curation.content import Content, Message
from curation.models import Annotation, Example, ExampleImport
from curation.table.asking import read, split
from curation.table.rows import rows
from tests.curation import made_tasks
from tests.curation.table import made

pytestmark = pytest.mark.django_db


def found(task, q="", curator=True, has=(), **query):
    return made.keys(rows(task, read({"q": q, **query}, list(has), curator=curator)))


@pytest.fixture
def task(cast):
    return made.task(cast.team)


def test_words_and_fields_are_told_apart():
    text, terms = split('glucose tag:hard -source:old instruction:"in one line" http://x.y note:this TAG:Big')
    assert text == "glucose http://x.y note:this"
    assert [(one.field, one.value, one.wanted) for one in terms] == [
        ("tag", "hard", True), ("source", "old", False), ("instruction", "in one line", True), ("tag", "Big", True),
    ]  # fmt: skip
    assert split("tag:") == ("tag:", ())


def test_what_is_no_field_is_text(task):
    made.one(task, "a", content=Content("single", instruction="content__icontains: yes"))
    assert found(task, "task__team__name:Ward") == set()
    assert found(task, "content__icontains: yes") == {"a"}


@pytest.mark.parametrize(
    "q",
    ["tag:'; --", 'instruction:"', "key:%", "\0", "a" * 5_000, "-", "run:9" * 40, "label:\ud800", "()&|!:*"],
)
def test_nothing_that_is_typed_breaks_it(task, q):
    made.one(task, "a")
    found(task, q)


def test_full_text(task):
    made.one(task, "a", content=Content("single", instruction="Fasting glucose was high."))
    made.one(task, "b", content=Content("chat", messages=(Message("user", "And the potassium?"),)))
    assert found(task, "glucose") == {"a"}
    assert found(task, "potass") == {"b"}
    assert found(task, "-glucose") == {"b"}


def test_a_part_of_the_text(task):
    made.one(task, "asked", content=Content("single", instruction="Name glucose.", input="sodium", outputs=("iron",)))
    made.one(task, "given", content=Content("single", instruction="Name it.", input="glucose", outputs=("sodium",)))
    made.one(task, "turn", content=Content("chat", system="Be brief", messages=(Message("user", "glucose please"),)))
    assert found(task, "instruction:glucose") == {"asked"}
    assert found(task, "input:glucose") == {"given"}
    assert found(task, "output:iron") == {"asked"}
    assert found(task, "turn:glucose") == {"turn"}
    assert found(task, "system:brief") == {"turn"}
    assert found(task, "-instruction:glucose") == {"given", "turn"}
    assert found(task, 'instruction:"glucose name"') == set()


def test_source_tag_and_key(task):
    made.one(task, "ward-1", source="letters", tags=["hard", "long"])
    made.one(task, "ward-2", source="letters 2", tags=["hard"])
    made.one(task, "lab-1")
    assert found(task, "source:letters") == found(task, source="letters") == {"ward-1"}
    assert found(task, "source:letters*") == {"ward-1", "ward-2"}
    assert found(task, "tag:hard") == found(task, tag="hard") == {"ward-1", "ward-2"}
    assert found(task, "tag:hard -tag:long") == {"ward-2"}
    assert found(task, "tag:*") == {"ward-1", "ward-2"}
    assert found(task, "-tag:*") == {"lab-1"}
    assert found(task, "key:ward-1") == {"ward-1"}
    assert found(task, "key:ward-*") == {"ward-1", "ward-2"}
    assert found(task, "key:war_-*") == set()  # a pattern's characters mean themselves


def test_origin_file_pool_and_run(task):
    sent = ExampleImport.objects.create(task=task, name="rows.jsonl", path="x")
    made.one(task, "hand")
    made.one(task, "file", origin="file", incoming=sent, lineage={"file": "rows.jsonl", "line": 3})
    run = {"pool_name": "open", "run": 901, "run_number": 7, "rank": 1}
    made.one(task, "run7", origin="run", lineage=run)
    made.one(task, "run8", origin="run", lineage=run | {"run_number": 8})
    assert found(task, origin="hand") == {"hand"}
    assert found(task, origin="file") == found(task, "file:rows.jsonl") == {"file"}
    assert found(task, origin=f"file-{sent.pk}") == {"file"}
    assert found(task, origin=f"file-{sent.pk + 1}") == set()
    assert found(task, origin="run") == found(task, "pool:open") == {"run7", "run8"}
    assert found(task, origin="run-7") == found(task, "run:7") == found(task, "run:#7") == {"run7"}
    assert found(task, origin="run-7'; DROP") == {"hand", "file", "run7", "run8"}


def test_states(cast, task):
    accepted, rejected, returned, working, gone = [made.one(task, key) for key in ("yes", "no", "back", "held", "gone")]
    other = made_tasks.person(cast.team, "Other")
    by_key = {}
    for person in (cast.annotator, other):
        while (item := queue.next_item(task=task, user=person)) and item.example_id != working.pk:
            queue.submit(annotation=item, by=person, version=item.version, answer={"output": "Done.", "label": "yes"})
            by_key[item.example_id] = item
    accepting.accept(example=accepted, by=cast.curator, answer={"output": "Done.", "label": "yes"})
    accepting.reject(example=rejected, by=cast.curator)
    accepting.return_(annotation=by_key[returned.pk], by=cast.curator, feedback="Once more.")
    Example.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    assert found(task) == {"yes", "no", "back", "held"}
    assert found(task, state="accepted") == {"yes"}
    assert found(task, state="rejected") == {"no"}
    assert found(task, state="returned") == {"back"}
    assert found(task, state="in_work") == {"back", "held"}  # her place waits for who gets it back
    assert found(task, state="open") == {"back", "held"}
    assert found(task, state="deleted") == {"gone"}
    assert found(task, state="nonsense") == {"yes", "no", "back", "held"}
    assert found(task, "label:yes") == {"yes"}
    assert found(task, "label:no") == set()
    assert found(task, annotator=str(cast.annotator.pk)) == {"yes", "no", "back"}
    assert found(task, annotator=str(other.pk)) == set()


def test_marks(task):
    made.one(task, "suggested", suggestion={"answer": {"output": "x"}, "by": "file"})
    made.one(task, "gold", gold={"output": "x"}, gold_only=True)
    differs, same = made.one(task, "differs"), made.one(task, "same")
    Example.objects.filter(pk=differs.pk).update(agreement=0.5)
    Example.objects.filter(pk=same.pk).update(agreement=1)
    assert found(task, has=["suggestion"]) == {"suggested"}
    assert found(task, has=["gold"]) == {"gold"}
    assert found(task, has=["disagreement"]) == {"differs"}
    assert found(task, has=["gold", "disagreement"]) == set()


def test_taken_as_suggested(cast, task):
    for key in ("kept", "changed"):
        made.one(task, key, suggestion={"answer": {"output": "As it is.", "label": "yes"}})
    for text in ("As it is.", "Other."):
        made_tasks.submitted(task, cast.annotator, {"output": text, "label": "yes"})
    assert found(task, has=["unchanged"]) == {"kept"}


def test_time(task):
    old, new = made.one(task, "old"), made.one(task, "new")
    moved = made.one(task, "moved")
    long_ago = timezone.now() - timedelta(days=3)
    Example.objects.filter(pk__in=[old.pk, moved.pk]).update(created_at=long_ago, changed_at=long_ago)
    Example.objects.filter(pk=moved.pk).update(changed_at=timezone.now())
    assert found(task, added="day") == {"new"}
    assert found(task, added="week") == {"old", "new", "moved"}
    assert found(task, changed="day") == {"moved"}
    assert new.created_at == new.changed_at


def test_who_may_not_curate_cannot_ask_by_person_or_by_mark(cast, task):
    made.one(task, "gold", gold={"output": "x"})
    made.one(task, "plain")
    made_tasks.submitted(task, cast.annotator, {"output": "x", "label": "yes"})
    everything = {"gold", "plain"}
    assert found(task, curator=False, has=["gold"]) == everything
    assert found(task, curator=False, has=["disagreement", "unchanged"]) == everything
    assert found(task, curator=False, annotator=str(cast.annotator.pk)) == everything
    assert Annotation.objects.filter(annotator=cast.annotator).count() == 1


def test_another_task_never_shows(cast, task):
    other = made.task(cast.other_team)
    made.one(other, "theirs", tags=["hard"], content=Content("single", instruction="glucose"))
    for query in ({}, {"q": "glucose"}, {"q": "tag:hard"}, {"q": "key:theirs"}, {"state": "open"}):
        assert found(task, **query) == set()
