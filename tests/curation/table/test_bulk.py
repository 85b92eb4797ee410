"""One deed on many examples, and its undoing, which brings back exactly what stood there."""

import pytest
from django.utils import timezone

from config.faults import Fault
from curation.actions import accepting, bulk, queue
from curation.models import AuditEvent, BulkChange, Example, ExampleEvent, Slot
from curation.table.asking import read
from curation.table.rows import rows
from tests.curation import made_tasks
from tests.curation.table import made

pytestmark = pytest.mark.django_db
YES = {"output": "Dear patient.", "label": "yes"}


@pytest.fixture
def task(cast):
    """Open, in work, submitted, accepted (one by a revision, one that came accepted), rejected, gold, deleted."""
    task = made.task(cast.team, wanted=2, order="priority")
    for key in ("submitted", "accepted", "rejected", "late", "draft"):
        made.one(task, key, tags=["old", key], priority=9 if key != "draft" else 5)
    other = made_tasks.person(cast.team, "Other")
    for person in (cast.annotator, other):
        for _ in range(4):
            made_tasks.submitted(task, person, YES | {"output": str(person)})
    queue.next_item(task=task, user=cast.annotator)
    by = {one.key: one for one in task.examples.all()}
    accepting.accept(example=by["accepted"], by=cast.curator, answer=YES)
    accepting.reject(example=by["rejected"], by=cast.curator, why="Unreadable.")
    by["late"].annotations.filter(annotator=other).update(state="late")
    made.one(task, "came", answer=YES, tags=["old"])
    made.one(task, "gold", gold=YES, gold_only=True, tags=["x", "old", "y"])
    made.one(task, "open", priority=2)
    gone = made.one(task, "gone")
    Example.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    Slot.objects.filter(example=gone).delete()
    return task


VALUES = {"add_tag": "new", "remove_tag": "old", "priority": 7.5, "wanted": 3}
CHANGED = {
    "add_tag": {"submitted", "accepted", "rejected", "late", "draft", "came", "gold", "open", "gone"},
    "remove_tag": {"submitted", "accepted", "rejected", "late", "draft", "came", "gold"},
    "priority": {"submitted", "accepted", "rejected", "late", "draft", "came", "gold", "open", "gone"},
    "wanted": {"submitted", "late", "draft", "open"},
    "gold": {"accepted", "came"},
    "no_gold": {"gold"},
    "delete": {"submitted", "accepted", "rejected", "late", "draft", "came", "gold", "open"},
    "restore": {"gone"},
    "reopen": {"accepted", "rejected", "came"},
    "reject": {"submitted", "late", "draft", "open"},
}


def do(task, by, deed, value=None, examples=None):
    chosen = Example.objects.filter(task=task) if examples is None else examples
    return bulk.change_many(task=task, by=by, examples=chosen, deed=deed, value=VALUES.get(deed, value))


@pytest.mark.parametrize("deed", bulk.DEEDS)
def test_it_changes_those_it_applies_to_and_undo_brings_everything_back(cast, task, deed):
    before, events = made.standing(task), ExampleEvent.objects.count()
    done = do(task, cast.curator, deed)
    after = made.standing(task)
    assert {key for key in before if before[key] != after[key]} == CHANGED[deed]
    assert done.changed == done.change.examples == len(CHANGED[deed])
    assert done.changed + done.left == 9
    assert ExampleEvent.objects.count() == events + done.changed
    assert bulk.undo(change=done.change, by=cast.curator) == done.changed
    restored = made.standing(task)
    for key, (row, slots, answers) in before.items():
        now, slots_now, answers_now = restored[key]
        changed = {name for name in row if row[name] != now[name]}
        # Revisions are never unwritten: what went back to its content did so as a new one.
        assert changed <= ({"revision"} if deed == "reopen" and key == "accepted" else set()), (key, changed)
        assert slots_now == slots, key
        assert answers_now == answers, key
    assert ExampleEvent.objects.filter(kind="undone").count() == done.changed
    assert AuditEvent.objects.filter(action="examples.bulk").count() == 1
    assert AuditEvent.objects.filter(action="examples.bulk_undone").count() == 1


@pytest.mark.parametrize("deed", bulk.DEEDS)
def test_it_is_undone_once(cast, task, deed):
    change = do(task, cast.curator, deed).change
    bulk.undo(change=change, by=cast.curator)
    with pytest.raises(Fault) as caught:
        bulk.undo(change=change, by=cast.curator)
    assert caught.value.code == "bulk.undone"


@pytest.mark.parametrize("deed", bulk.DEEDS)
def test_a_second_time_there_is_nothing_to_do(cast, task, deed):
    do(task, cast.curator, deed)
    again = do(task, cast.curator, deed)
    assert (again.change, again.changed) == (None, 0)
    assert BulkChange.objects.count() == 1


def test_what_others_changed_since_stays(cast, task):
    ids = list(task.examples.filter(key__in=["submitted", "open"]).values_list("pk", flat=True))
    change = do(task, cast.curator, "priority", examples=ids).change
    Example.objects.filter(key="open").update(priority=1)
    assert bulk.undo(change=change, by=cast.curator) == 1
    assert dict(task.examples.filter(pk__in=ids).values_list("key", "priority")) == {"submitted": 9, "open": 1}
    rejected = do(task, cast.curator, "reject", examples=ids).change
    accepting.reopen(example=Example.objects.get(key="submitted", task=task), by=cast.curator)
    assert bulk.undo(change=rejected, by=cast.curator) == 1
    assert set(task.examples.filter(pk__in=ids).values_list("key", "state")) == {
        ("submitted", "submitted"),
        ("open", "open"),
    }


def test_a_tag_that_went_comes_back_where_it_stood(cast, task):
    change = do(task, cast.curator, "remove_tag").change
    gold, late = Example.objects.get(task=task, key="gold"), Example.objects.get(task=task, key="late")
    assert gold.tags == ["x", "y"]
    Example.objects.filter(pk=late.pk).update(tags=["late", "more"])
    bulk.undo(change=change, by=cast.curator)
    gold.refresh_from_db()
    late.refresh_from_db()
    assert gold.tags == ["x", "old", "y"]
    assert late.tags == ["late", "more", "old"]


def test_a_deleted_example_is_not_handed_out_and_a_restored_one_is(cast, task):
    person = made_tasks.person(cast.team, "New")
    change = do(task, cast.curator, "delete").change
    assert queue.next_item(task=task, user=person) is None
    bulk.undo(change=change, by=cast.curator)
    assert queue.next_item(task=task, user=person) is not None


@pytest.mark.parametrize("deed", ["delete", "reject"])
def test_a_place_that_is_given_back_after_the_deed_goes_to_nobody(cast, task, deed):
    """Somebody held the example when it left the queue; neither her skip nor the end of her time brings it back."""
    held = queue.next_item(task=task, user=cast.annotator)
    other = made_tasks.person(cast.team, "Second")
    mine = queue.next_item(task=task, user=other)
    do(task, cast.curator, deed)
    queue.skip(annotation=held, by=cast.annotator)
    Slot.objects.filter(example=mine.example, annotator=other).update(
        expires_at=timezone.now() - timezone.timedelta(hours=1)
    )
    queue.free_expired()
    newcomer = made_tasks.person(cast.team, "New")
    assert queue.next_item(task=task, user=newcomer) is None
    assert not newcomer.annotations.exists()


def test_more_wanted_makes_places_and_fewer_takes_free_ones(cast, task):
    example = Example.objects.get(task=task, key="open")
    change = do(task, cast.curator, "wanted", examples=[example.pk]).change
    assert example.slots.filter(state="free").count() == 3
    bulk.undo(change=change, by=cast.curator)
    assert example.slots.filter(state="free").count() == 2


def test_reopened_content_is_as_it_was_before_and_a_search_finds_that(cast, task):
    change = do(task, cast.curator, "reopen").change
    example = Example.objects.get(task=task, key="accepted")
    assert (example.answer, example.accepted_at, example.state) == (None, None, "submitted")
    assert "outputs" not in example.content
    assert not rows(task, read({"q": "output:patient key:accepted"})).exists()
    bulk.undo(change=change, by=cast.curator)
    example.refresh_from_db()
    assert example.content["outputs"] == ["Dear patient."]
    assert example.revisions.count() == example.revision == 4
    assert rows(task, read({"q": "output:patient key:accepted"})).exists()


def test_the_record_names_the_deed_not_the_text(cast, task):
    done = do(task, cast.curator, "add_tag")
    said = AuditEvent.objects.get(action="examples.bulk")
    assert said.facts | {"name": ""} == {"deed": "add_tag", "examples": 9, "bulk": done.change.pk, "name": ""}
    event = ExampleEvent.objects.filter(kind="tagged").first()
    assert (event.actor_id, event.facts) == (cast.curator.pk, {"added": ["new"], "bulk": done.change.pk})


def test_examples_of_other_tasks_are_out_of_reach(cast, task):
    theirs = made.one(made.task(cast.other_team), "theirs")
    done = bulk.change_many(task=task, by=cast.curator, examples=[theirs.pk], deed="delete")
    assert done.change is None
    theirs.refresh_from_db()
    assert theirs.deleted_at is None


def test_more_than_the_most_changes_nothing(cast, task, monkeypatch):
    monkeypatch.setattr(bulk, "MOST", 5)
    with pytest.raises(Fault) as caught:
        do(task, cast.curator, "delete")
    assert caught.value.code == "bulk.too_many"
    assert Example.objects.alive().filter(task=task).count() == 8


@pytest.mark.parametrize(
    ("deed", "text"),
    [("add_tag", " "), ("add_tag", "a,b"), ("add_tag", "x" * 61), ("priority", "high"), ("priority", "nan"), ("priority", "1e99"),
     ("wanted", "0"), ("wanted", "-1"), ("wanted", "21"), ("wanted", "²"), ("wanted", "1.5")],
)  # fmt: skip
def test_values_that_cannot_be_are_refused_in_words(deed, text):
    with pytest.raises(ValueError, match=r"\.$"):
        bulk.DEEDS[deed].read(text)


def test_values_as_they_are_typed():
    assert bulk.DEEDS["add_tag"].read("  two   words ") == "two words"
    assert bulk.DEEDS["priority"].read("1,5") == 1.5
    assert bulk.DEEDS["wanted"].read("3") == 3
