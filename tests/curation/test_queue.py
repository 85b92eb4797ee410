"""The promise of the queue: never handed out more often than asked, no finished work lost."""

import itertools
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from config.faults import Fault
from curation.actions import accepting, queue
from curation.models import Annotation, Example, ExampleEvent, Revision, Slot, TaskMember
from tests.curation import made_tasks as made


@pytest.fixture
def task(cast):
    return made.task(cast.team)


def run_out(user):
    """The person's claims are past their time."""
    Slot.objects.filter(annotator=user, state="claimed").update(expires_at=timezone.now() - timedelta(seconds=1))


def test_first_come_first_served_and_each_person_gets_an_example_once(cast, task):
    a, b = made.examples(task, 2)
    first = queue.next_item(task=task, user=cast.annotator)
    assert first.example == a
    assert queue.next_item(task=task, user=cast.annotator) == first  # what is open comes back
    assert queue.next_item(task=task, user=cast.curator).example == b
    assert queue.next_item(task=task, user=cast.owner) is None


def test_an_answer_ends_its_slot_and_the_example_waits_for_review(cast, task):
    (example,) = made.examples(task, 1)
    done = made.submitted(task, cast.annotator, {"output": "All is well."}, note="Sure", seconds=12.5)
    example.refresh_from_db()
    assert (example.state, example.done) == ("submitted", 1)
    assert (done.state, done.answer, done.note, done.seconds) == ("submitted", {"output": "All is well."}, "Sure", 12.5)
    assert list(Slot.objects.values_list("state", "annotator")) == [("done", cast.annotator.pk)]
    assert list(ExampleEvent.objects.values_list("kind", "actor_id")) == [("submitted", cast.annotator.pk)]
    member = TaskMember.objects.get(user=cast.annotator)
    assert (member.today, member.submitted) == (1, 1)


def test_overlap_goes_to_different_people(cast):
    task = made.task(cast.team, wanted=2)
    (example,) = made.examples(task, 1)
    made.submitted(task, cast.annotator, {"output": "One"})
    assert queue.next_item(task=task, user=cast.annotator) is None
    example.refresh_from_db()
    assert example.state == "open"
    made.submitted(task, cast.curator, {"output": "Two"})
    example.refresh_from_db()
    assert (example.state, example.done) == ("submitted", 2)
    assert queue.next_item(task=task, user=cast.owner) is None


def test_a_share_of_the_examples_is_annotated_twice_and_the_key_decides(cast):
    task = made.task(cast.team, shared_share=0.2, shared_wanted=2)
    examples = made.examples(task, 500)
    twice = [one.key for one in examples if one.wanted == 2]
    assert 70 <= len(twice) <= 130
    assert Slot.objects.count() == 500 + len(twice)
    other = made.task(cast.team, name="Same again", shared_share=0.2, shared_wanted=2)
    assert [one.wanted for one in made.examples(other, 500)] != [one.wanted for one in examples]  # by task, too


@pytest.mark.parametrize(("order", "expected"), [("first_come", [0, 1, 2]), ("priority", [1, 2, 0])])
def test_orders(cast, order, expected):
    task = made.task(cast.team, order=order)
    for priority in (0.0, 5.0, 1.0):
        made.examples(task, 1, priority=priority)
    ids = list(task.examples.order_by("pk").values_list("pk", flat=True))
    seen = [made.submitted(task, cast.annotator, {"output": "x"}).example_id for _ in ids]
    assert seen == [ids[place] for place in expected]


def test_random_order_is_random_and_the_same_on_each_try(cast):
    task = made.task(cast.team, order="random")
    made.examples(task, 60)
    order = list(Slot.objects.filter(task=task).order_by("order").values_list("example_id", flat=True))
    assert order != sorted(order)
    queue.rearrange(task=task, by=cast.curator)
    assert list(Slot.objects.filter(task=task).order_by("order").values_list("example_id", flat=True)) == order


def test_a_change_of_order_reaches_what_is_free(cast, task):
    examples = made.examples(task, 3)
    Example.objects.filter(pk=examples[2].pk).update(priority=9)
    task.order = "priority"
    type(task).objects.filter(pk=task.pk).update(order="priority")
    queue.rearrange(task=task, by=cast.curator)
    assert queue.next_item(task=task, user=cast.annotator).example == examples[2]


def test_more_answers_wanted_makes_slots_and_fewer_takes_free_ones_only(cast, task):
    examples = made.examples(task, 3)
    made.submitted(task, cast.annotator, {"output": "x"})
    type(task).objects.filter(pk=task.pk).update(wanted=2)
    task.refresh_from_db()
    queue.rearrange(task=task, by=cast.curator)
    assert Slot.objects.count() == 6
    assert Example.objects.get(pk=examples[0].pk).state == "open"  # one more is wanted
    type(task).objects.filter(pk=task.pk).update(wanted=1)
    task.refresh_from_db()
    queue.rearrange(task=task, by=cast.curator)
    assert Slot.objects.count() == 3
    assert Example.objects.get(pk=examples[0].pk).state == "submitted"
    assert Slot.objects.filter(state="done").count() == 1


def test_skipping_gives_it_to_others_and_never_back(cast, task):
    (example,) = made.examples(task, 1)
    mine = queue.next_item(task=task, user=cast.annotator)
    queue.skip(annotation=mine, by=cast.annotator, reason="Not in English")
    assert queue.next_item(task=task, user=cast.annotator) is None
    assert queue.next_item(task=task, user=cast.curator).example == example
    assert Annotation.objects.get(pk=mine.pk).reason == "Not in English"


def test_a_skip_can_be_taken_back_while_nobody_has_it(cast, task):
    made.examples(task, 1)
    mine = queue.next_item(task=task, user=cast.annotator)
    queue.skip(annotation=mine, by=cast.annotator, reason="")
    queue.unskip(annotation=mine, by=cast.annotator)
    assert queue.next_item(task=task, user=cast.annotator) == mine
    queue.skip(annotation=mine, by=cast.annotator, reason="")
    queue.next_item(task=task, user=cast.curator)
    with pytest.raises(Fault) as caught:
        queue.unskip(annotation=mine, by=cast.annotator)
    assert caught.value.code == "annotation.closed"


def test_a_slot_that_is_free_again_is_found_behind_the_place_reached(cast, task):
    """The short cut of claiming must not hide what came back into the queue."""
    examples = made.examples(task, 3)
    held = queue.next_item(task=task, user=cast.curator)
    made.submitted(task, cast.annotator, {"output": "x"})
    queue.skip(annotation=held, by=cast.curator, reason="")
    assert queue.next_item(task=task, user=cast.annotator).example == examples[0]


def test_a_claim_that_ran_out_goes_to_others(cast, task):
    (example,) = made.examples(task, 1)
    queue.next_item(task=task, user=cast.annotator)
    assert queue.next_item(task=task, user=cast.curator) is None
    run_out(cast.annotator)
    assert queue.next_item(task=task, user=cast.curator).example == example
    assert Annotation.objects.count() == 1  # nothing was written, so nothing is kept


def test_a_late_answer_takes_its_place_back_if_it_is_free(cast, task):
    (example,) = made.examples(task, 1)
    mine = queue.next_item(task=task, user=cast.annotator)
    queue.save_draft(annotation=mine, by=cast.annotator, version=1, answer={"output": "half"})
    run_out(cast.annotator)
    assert queue.free_expired() == 1
    result = queue.submit(annotation=mine, by=cast.annotator, version=2, answer={"output": "whole"})
    assert not result.late
    example.refresh_from_db()
    assert (example.state, example.done) == ("submitted", 1)


def test_a_late_answer_is_kept_when_its_place_is_taken(cast, task):
    (example,) = made.examples(task, 1)
    mine = queue.next_item(task=task, user=cast.annotator)
    queue.save_draft(annotation=mine, by=cast.annotator, version=1, answer={"output": "half"})
    run_out(cast.annotator)
    made.submitted(task, cast.curator, {"output": "theirs"})
    result = queue.submit(annotation=mine, by=cast.annotator, version=2, answer={"output": "mine"})
    assert result.late
    assert result.annotation.answer == {"output": "mine"}
    example.refresh_from_db()
    assert example.done == 1
    assert Slot.objects.count() == 1
    accepting.accept(example=example, by=cast.owner, answer={"output": "mine"}, annotation=result.annotation)
    assert Annotation.objects.get(pk=mine.pk).state == "accepted"


def test_unfinished_work_comes_back_to_its_author(cast, task):
    examples = made.examples(task, 2)
    mine = queue.next_item(task=task, user=cast.annotator)
    queue.save_draft(annotation=mine, by=cast.annotator, version=1, answer={"output": "half"}, seconds=3)
    run_out(cast.annotator)
    queue.free_expired()
    again = queue.next_item(task=task, user=cast.annotator)
    assert (again, again.answer, again.seconds) == (mine, {"output": "half"}, 3)
    assert Slot.objects.get(example=examples[0]).annotator == cast.annotator


def test_an_older_save_is_stale_and_changes_nothing(cast, task):
    made.examples(task, 1)
    mine = queue.next_item(task=task, user=cast.annotator)
    queue.save_draft(annotation=mine, by=cast.annotator, version=1, answer={"output": "window one"})
    for act in (queue.save_draft, queue.submit):
        with pytest.raises(Fault) as caught:
            act(annotation=mine, by=cast.annotator, version=1, answer={"output": "window two"})
        assert caught.value.code == "annotation.stale"
    assert Annotation.objects.get(pk=mine.pk).answer == {"output": "window one"}


def test_the_same_submit_again_is_the_same_submit(cast, task):
    made.examples(task, 2)
    mine = queue.next_item(task=task, user=cast.annotator)
    sent = {"annotation": mine, "by": cast.annotator, "version": 1, "answer": {"output": "x"}, "submit_key": "k1"}
    assert not queue.submit(**sent).repeated
    assert queue.submit(**sent).repeated
    assert ExampleEvent.objects.filter(kind="submitted").count() == 1
    assert TaskMember.objects.get(user=cast.annotator).submitted == 1
    with pytest.raises(Fault) as caught:
        queue.submit(**sent | {"submit_key": "k2"})
    assert caught.value.code == "annotation.closed"


def test_returned_work_comes_first_and_to_its_author_alone(cast, task):
    examples = made.examples(task, 2)
    done = made.submitted(task, cast.annotator, {"output": "Too short"})
    accepting.return_(annotation=done, by=cast.curator, feedback="Say what to do next.")
    assert Example.objects.get(pk=examples[0].pk).state == "open"
    assert queue.next_item(task=task, user=cast.curator).example == examples[1]
    again = queue.next_item(task=task, user=cast.annotator)
    assert (again.pk, again.feedback) == (done.pk, "Say what to do next.")
    queue.submit(annotation=again, by=cast.annotator, version=again.version, answer={"output": "Longer"})
    assert Example.objects.get(pk=examples[0].pk).state == "submitted"


def test_paused_and_assigned_only(cast):
    task = made.task(cast.team, assigned_only=True)
    made.examples(task, 2)
    with pytest.raises(Fault) as caught:
        queue.next_item(task=task, user=cast.annotator)
    assert caught.value.code == "queue.not_assigned"
    TaskMember.objects.filter(user=cast.annotator).update(assigned=True)
    TaskMember.objects.get_or_create(task=task, user=cast.annotator, defaults={"assigned": True})
    mine = queue.next_item(task=task, user=cast.annotator)
    task.paused = True
    assert queue.next_item(task=task, user=cast.annotator) == mine  # what is open can be finished
    queue.submit(annotation=mine, by=cast.annotator, version=1, answer={"output": "x"})
    with pytest.raises(Fault) as caught:
        queue.next_item(task=task, user=cast.annotator)
    assert caught.value.code == "queue.paused"


def test_gold_is_mixed_in_and_measures(cast):
    task = made.task(cast.team, form=[made.LABEL], gold_every=4)
    made.examples(task, 60)
    gold = made.examples(task, 8, gold={"label": "yes"}, gold_only=True)
    assert not Slot.objects.filter(example__in=gold).exists()
    seen = [made.submitted(task, cast.annotator, {"label": "yes"}) for _ in range(40)]
    scored = [number for number, one in enumerate(seen) if one.example in gold]
    assert 5 <= len(scored) <= 8
    gaps = {b - a for a, b in itertools.pairwise(scored)}
    assert len(gaps) > 1, "a person could count to the next gold example"
    assert set(Annotation.objects.filter(example__in=gold).values_list("gold_score", flat=True)) == {1.0}
    assert Example.objects.get(pk=gold[0].pk).done == 0


def test_fetched_in_advance_is_what_comes_next(cast, task):
    made.examples(task, 3)
    first = queue.next_item(task=task, user=cast.annotator)
    following = queue.ahead(task=task, user=cast.annotator, besides=first)
    assert following.example_id != first.example_id
    assert queue.ahead(task=task, user=cast.annotator, besides=first) == following
    queue.submit(annotation=first, by=cast.annotator, version=1, answer={"output": "x"})
    assert queue.next_item(task=task, user=cast.annotator) == following


@pytest.mark.parametrize(
    ("rule", "answers", "accepted"),
    [
        ("never", ["yes", "yes"], None),
        ("agreement", ["yes", "yes"], "yes"),
        ("agreement", ["yes", "no"], None),
        ("always", ["yes", "no"], "yes"),
    ],
)
def test_acceptance_by_rule(cast, rule, answers, accepted):
    task = made.task(cast.team, form=[made.LABEL], wanted=2, accept=rule)
    (example,) = made.examples(task, 1)
    for user, label in zip((cast.annotator, cast.curator), answers, strict=True):
        made.submitted(task, user, {"label": label})
    example.refresh_from_db()
    assert example.state == ("accepted" if accepted else "submitted")
    if accepted:
        assert example.answer == {"label": accepted}
        assert example.content["outputs"] == [accepted]
        assert [one.why for one in example.revisions.all()] == [Revision.Why.ACCEPTED, Revision.Why.CAME]


def test_reopening_brings_the_content_and_the_answers_back(cast, task):
    (example,) = made.examples(task, 1)
    before = example.content
    done = made.submitted(task, cast.annotator, {"output": "x"})
    accepting.accept(example=example, by=cast.curator, answer={"output": "y"}, annotation=done)
    example.refresh_from_db()
    assert example.content["outputs"] == ["y"]
    accepting.reopen(example=example, by=cast.curator)
    example.refresh_from_db()
    assert (example.content, example.state, example.answer) == (before, "submitted", None)
    assert Annotation.objects.get(pk=done.pk).state == "submitted"
    accepting.revert(example=example, by=cast.curator, to=2, revision=example.revision)
    example.refresh_from_db()
    assert (example.state, example.answer, example.revision) == ("accepted", {"output": "y"}, 4)


# --- many people at once, on a real database ---


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wanted", [1, 2])
def test_ten_people_drain_a_queue(cast, wanted):
    task = made.task(cast.team, wanted=wanted)
    made.examples(task, 40)
    people = [made.person(cast.team, f"Person{number}") for number in range(10)]
    barrier, errors = threading.Barrier(len(people)), []

    def work(user):
        try:
            barrier.wait()
            while (found := queue.next_item(task=task, user=user)) is not None:
                queue.submit(annotation=found, by=user, version=found.version, answer={"output": user.name})
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=[user]) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    answers = Counter(Annotation.objects.filter(state="submitted").values_list("example_id", flat=True))
    assert set(answers.values()) == {wanted}
    assert len(answers) == 40
    assert set(Example.objects.values_list("state", "done")) == {("submitted", wanted)}
    assert not Annotation.objects.exclude(state="submitted").exists()


@pytest.mark.django_db(transaction=True)
def test_two_windows_of_one_person_get_the_same_item(cast):
    task = made.task(cast.team, wanted=2)
    made.examples(task, 4)
    barrier, found, errors = threading.Barrier(2), [], []

    def look():
        try:
            barrier.wait()
            found.append(queue.next_item(task=task, user=cast.annotator).pk)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert len(set(found)) == 1
    assert Annotation.objects.count() == 1
