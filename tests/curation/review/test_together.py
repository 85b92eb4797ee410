"""Two reviewers at once: one decision holds, the other reviewer is told, and nothing is mixed."""

import threading

import pytest
from django.db import connections

from config.faults import Fault
from curation.actions import queue, reviewing
from curation.models import Annotation, Example, ExampleEvent, Revision
from tests.curation import made_tasks as made


def test_who_comes_second_is_told_who_decided_what(cast, task, second, page_of):
    (example,) = made.examples(task, 1)
    made.submitted(task, cast.annotator, {"output": "One"})
    made.submitted(task, second, {"output": "Two"})
    slow = page_of(example, "owner")
    page_of(example, "curator").post("reject", why="Twice in the data")
    slow.client.force_login(cast.owner)
    response = slow.post("accept", htmx=True)
    assert response.status_code == 409
    text = response.content.decode()
    assert "Curator rejected it" in text
    assert "Twice in the data" in text
    assert Example.objects.get(pk=example.pk).state == "rejected"
    assert not Revision.objects.filter(example=example).exists()


def test_an_answer_that_was_returned_meanwhile_cannot_be_accepted(cast, task, second, page_of):
    (example,) = made.examples(task, 1)
    made.submitted(task, cast.annotator, {"output": "One"})
    made.submitted(task, second, {"output": "Two"})
    slow = page_of(example, "owner")
    quick = page_of(example, "curator")
    quick.post("return", feedback="Which letter?", **{"return": quick.picked.pk})
    slow.client.force_login(cast.owner)
    response = slow.post("accept")
    assert response.status_code == 409
    assert "returned an answer" in response.content.decode()
    assert Example.objects.get(pk=example.pk).state == "open"


def test_an_answer_that_came_in_since_is_seen_before_a_decision(cast, task, second, page_of):
    (example,) = made.examples(task, 1)
    made.submitted(task, cast.annotator, {"output": "One"})
    page = page_of(example)
    made.submitted(task, second, {"output": "Two"})
    response = page.post("accept")
    assert response.status_code == 409
    assert "An answer came in" in response.content.decode()
    assert Example.objects.get(pk=example.pk).state == "submitted"
    assert page.read(response).post("accept").status_code == 303  # on what she sees now


@pytest.mark.django_db(transaction=True)
def test_of_many_reviewers_at_once_exactly_one_decides(cast):
    task = made.task(cast.team, wanted=2)
    (example,) = made.examples(task, 1)
    a = made.submitted(task, cast.annotator, {"output": "One"})
    b = made.submitted(task, made.person(cast.team, "Bea"), {"output": "Two"})
    example = Example.objects.select_related("task__team").get(pk=example.pk)
    seen = reviewing.mark(Annotation.objects.filter(example=example))
    start, won, lost = threading.Barrier(6), [], []

    def decide(number):
        try:
            start.wait(10)
            if number % 3 == 0:
                reviewing.reject(example=example, by=cast.owner, why="No", seen=seen)
            elif number % 3 == 1:
                reviewing.return_answers(
                    example=example, by=cast.owner, annotations=[a], feedback="Once more", seen=seen
                )
            else:
                reviewing.accept(example=example, by=cast.curator, answer=b.answer, annotation=b, revision=1, seen=seen)
            won.append(number)
        except Fault as fault:
            lost.append(fault.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=decide, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(won) == 1
    assert len(lost) == 5
    assert set(lost) <= {"review.stale", "review.moved"}
    fresh = Example.objects.get(pk=example.pk)
    assert fresh.state == {0: "rejected", 1: "open", 2: "accepted"}[won[0] % 3]
    decided = ExampleEvent.objects.filter(example_id=example.pk, kind__in=["accepted", "rejected", "returned"])
    assert decided.count() == 1
    assert Revision.objects.filter(example=example).count() == (2 if fresh.state == "accepted" else 0)


@pytest.mark.django_db(transaction=True)
def test_two_who_accept_all_equal_answers_accept_each_example_once(cast):
    task = made.task(cast.team, wanted=2)
    made.examples(task, 12)
    for user in (cast.annotator, made.person(cast.team, "Bea")):
        for _ in range(12):
            made.submitted(task, user, {"output": "same"})
    start, counts = threading.Barrier(2), []

    def accept(user):
        try:
            start.wait(10)
            change = reviewing.accept_equal(task=task, by=user)
            counts.append(change.examples if change else 0)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=accept, args=[user]) for user in (cast.owner, cast.curator)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(counts) == 12
    assert Example.objects.filter(state="accepted").count() == 12
    assert ExampleEvent.objects.filter(kind="accepted").count() == 12


# --- by rule ---


@pytest.mark.parametrize(
    ("rule", "says", "state"),
    [
        (("never", 1.0), ("same", "same"), "submitted"),
        (("always", 1.0), ("one", "another"), "accepted"),
        (("agreement", 1.0), ("same", "same"), "accepted"),
        (("agreement", 1.0), ("one", "another"), "submitted"),
        (("agreement", 0.1), ("The knee is fine.", "The knee is well."), "accepted"),
    ],
)
def test_rules_of_acceptance(cast, second, rule, says, state):
    task = made.task(cast.team, wanted=2, accept=rule[0], accept_at=rule[1])
    (example,) = made.examples(task, 1)
    made.submitted(task, cast.annotator, {"output": says[0]})
    assert Example.objects.get(pk=example.pk).state == "open"  # not before all answers are in
    made.submitted(task, second, {"output": says[1]})
    example.refresh_from_db()
    assert example.state == state
    assert example.agreement == pytest.approx(1.0) if says[0] == says[1] else example.agreement < 1
    if state == "accepted":
        event = ExampleEvent.objects.get(example_id=example.pk, kind="accepted")
        assert (event.actor_id, event.facts["rule"]) == (None, rule[0])


def test_one_answer_has_no_agreement_and_is_not_accepted_for_it(cast):
    task = made.task(cast.team, accept="agreement", accept_at=0.5)
    (example,) = made.examples(task, 1)
    made.submitted(task, cast.annotator, {"output": "Alone"})
    example.refresh_from_db()
    assert (example.state, example.agreement) == ("submitted", None)


# --- on the tick ---


def test_claims_that_ran_out_are_freed_on_the_tick(cast, task):
    from datetime import timedelta

    from django.utils import timezone

    from curation import ticks
    from curation.models import Slot
    from jobs.tick import HOOKS

    made.examples(task, 1)
    queue.next_item(task=task, user=cast.annotator)
    Slot.objects.filter(state="claimed").update(expires_at=timezone.now() - timedelta(seconds=1))
    assert ticks.free_expired_claims in HOOKS
    assert ticks.free_expired_claims() == 1
    assert not Slot.objects.filter(state="claimed").exists()


def test_agreement_is_measured_where_an_example_became_full_without_a_submit(cast, second):
    from curation.actions.slots import want

    task = made.task(cast.team, wanted=3)
    (example,) = made.examples(task, 1)
    for user in (cast.annotator, second):
        made.submitted(task, user, {"output": "same"})
    want(ids=[example.pk], wanted=2)
    assert reviewing.measure_waiting() == 1
    example.refresh_from_db()
    assert (example.state, example.agreement) == ("submitted", 1.0)
    assert reviewing.measure_waiting() == 0
