"""A task's queue put in order by what is most useful to annotate, and back."""

from contextlib import contextmanager

import pytest

from config.faults import Fault
from curation.actions.adding import NewExample
from curation.actions.queue import next_item
from curation.content import Content
from curation.models import AuditEvent, Example, Slot, Task
from jobs import actions as jobs
from jobs.runner import run_job
from selection.actions import ordering as actions
from selection.models import Feature, Ordering, Pick, Pool, Run, Shard
from selection.ordering_words import because, of_answers, ordinal, place
from selection.running import snapshot
from tests.curation import made_tasks
from tests.curation.examples.made import add, task
from tests.methods.test_diversity import many
from tests.selection import made
from tests.selection.sent import stored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nobody_to_wake(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


@pytest.fixture
def crowd(cast):
    """A task with ten examples of each of four topics, and one that is like nothing."""
    found = task(cast.team)
    rows = [NewExample(Content("single", instruction=text), key=key) for key, text, _ in many()]
    add(found, [NewExample(Content("single", instruction="zebra quartz"), key="odd"), *rows])
    return found


def order(to, cast, name="vote_k", *, finish=True, **params):
    found = actions.start(task=to, by=cast.curator, order=name, params=params)
    if finish and found.job is not None:
        run_job(found.job)
        found.job.refresh_from_db()
    found.refresh_from_db()
    return found


@contextmanager
def refused(code):
    with pytest.raises(Fault) as found:
        yield
    assert found.value.code == code


def queue(to):
    """Keys in the order in which people get them."""
    slots = Slot.objects.filter(task=to, state="free").order_by("order", "id").select_related("example")
    return [slot.example.key for slot in slots]


@pytest.mark.parametrize("name", ["vote_k", "ideal"])
def test_the_queue_follows_the_method_and_every_example_says_why(cast, crowd, name):
    before = queue(crowd)
    found = order(crowd, cast, name)
    assert found.job.state == "succeeded", found.job.error_what
    assert (found.examples, found.placed) == (41, 41)
    now = queue(crowd)
    assert sorted(now) == sorted(before)
    assert now != before
    assert len({key.rstrip("0123456789") for key in now[:5]}) >= 4
    crowd.refresh_from_db()
    assert crowd.order == "priority"
    first = crowd.examples.get(key=now[0])
    assert first.priority == 41.0
    assert first.why_now.startswith("1st: " + ("stands for" if name == "vote_k" else "from one to the next"))
    assert crowd.examples.get(key=now[6]).why_now.startswith("7th: ")
    assert found.facts["method"] == name
    assert AuditEvent.objects.get(action="task.ordered").facts["order"] == name


def test_what_it_made_for_itself_is_gone_when_the_order_stands(cast, crowd):
    before = stored()
    order(crowd, cast, finish=False)
    hidden = Pool.objects.get()
    assert hidden.hidden
    assert not Pool.objects.visible().exists()
    assert not Run.objects.of(cast.team).exists()
    run_job(Ordering.objects.get().job)
    for model in (Pool, Run, Pick, Shard, Feature):
        assert not model.objects.exists(), model
    assert stored() == before


def test_hidden_runs_leave_no_gap_in_the_numbers_of_others(cast, crowd):
    pool = made.pool(cast.team, made.rows(12))
    one = made.run(cast.team, pool, None, budget="2")
    order(crowd, cast, finish=False)
    other = made.run(cast.team, pool, None, budget="2")
    assert (one.number, other.number) == (1, 2)


def test_people_at_work_keep_what_they_have(cast, crowd):
    held = next_item(task=crowd, user=cast.annotator)
    found = order(crowd, cast)
    assert found.placed == 40
    example = Example.objects.get(pk=held.example_id)
    assert (example.priority, example.why_now) == (0.0, "")
    assert Slot.objects.get(example=example).state == "claimed"
    assert next_item(task=crowd, user=cast.annotator).pk == held.pk
    following = next_item(task=crowd, user=cast.curator)
    assert following.example.key == next(
        key for key in crowd.examples.order_by("-priority").values_list("key", flat=True)
    )


def test_undo_goes_back_to_the_order_before_and_leaves_later_changes(cast, crowd):
    Example.objects.filter(task=crowd, key="odd").update(priority=3.5, why_now="by hand")
    before = queue(crowd)
    found = order(crowd, cast)
    changed = crowd.examples.exclude(key="odd").first()
    Example.objects.filter(pk=changed.pk).update(priority=99)
    assert actions.undo(ordering=found, by=cast.curator) is None
    crowd.refresh_from_db()
    assert (crowd.order, queue(crowd)) == ("first_come", before)
    kept = dict(crowd.examples.values_list("key", "priority"))
    assert (kept.pop("odd"), kept.pop(changed.key), set(kept.values())) == (3.5, 99.0, {0.0})
    assert crowd.examples.get(key="odd").why_now == "by hand"
    with refused("ordering.undone"):
        actions.undo(ordering=found, by=cast.curator)


def test_the_order_before_may_be_another_order(cast, crowd):
    first = order(crowd, cast, "vote_k")
    by_votes = queue(crowd)
    second = order(crowd, cast, "ideal")
    assert queue(crowd) != by_votes
    with refused("ordering.superseded"):
        actions.undo(ordering=first, by=cast.curator)
    actions.undo(ordering=second, by=cast.curator)
    assert queue(crowd) == by_votes
    actions.undo(ordering=first, by=cast.curator)
    assert queue(crowd) == list(crowd.examples.order_by("pk").values_list("key", flat=True))


def test_what_comes_later_waits_behind(cast, crowd):
    found = order(crowd, cast)
    add(
        crowd_now := Task.objects.get(pk=crowd.pk),
        [NewExample(Content("single", instruction="boil the rice"), key="late")],
    )
    assert queue(crowd_now)[-1] == "late"
    assert crowd_now.examples.filter(pk__gt=found.newest).count() == 1
    order(crowd_now, cast)
    assert queue(crowd_now)[-1] != "late"


def test_two_orders_at_once_and_a_cancelled_one(cast, crowd):
    found = order(crowd, cast, finish=False)
    with refused("ordering.running"):
        order(crowd, cast)
    with refused("ordering.running"):
        actions.undo(ordering=found, by=cast.curator)
    jobs.cancel(job=found.job)
    assert queue(crowd) == list(crowd.examples.order_by("pk").values_list("key", flat=True))
    jobs.resume(job=found.job)
    run_job(found.job)
    assert Ordering.objects.get().placed == 41


def test_what_a_failed_order_left_goes_with_the_next(cast, crowd, monkeypatch):
    def breaks(*args, **kwargs):
        raise Fault("run.memory", method="vote-k")

    monkeypatch.setattr("selection.methods.vote_k.neighbours", breaks)
    failed = order(crowd, cast)
    assert (failed.job.state, failed.job.error_code) == ("failed", "run.memory")
    assert Pool.objects.count() == 1
    assert crowd.examples.exclude(priority=0).count() == 0
    monkeypatch.undo()
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)
    assert order(crowd, cast).placed == 41
    assert not Pool.objects.exists()
    with refused("ordering.undone"):
        actions.undo(ordering=failed, by=cast.curator)


def test_an_attempt_that_is_repeated_changes_nothing_more(cast, crowd, monkeypatch):
    """It dies after half of the places; the next attempt gives the same ones, and undo still knows what was before."""
    Example.objects.filter(task=crowd, key="odd").update(priority=3.5)
    monkeypatch.setattr(actions, "PIECE", 10)
    real, calls = actions.place, []

    def dies(**given):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("gone")
        return real(**given)

    monkeypatch.setattr(actions, "place", dies)
    found = order(crowd, cast)
    assert found.job.state == "succeeded"
    assert len(calls) > 5
    assert sorted(crowd.examples.values_list("priority", flat=True)) == [float(n) for n in range(1, 42)]
    actions.undo(ordering=found, by=cast.curator)
    assert dict(crowd.examples.exclude(priority=0).values_list("key", "priority")) == {"odd": 3.5}


def test_plain_rules_at_once_and_back(cast, crowd):
    before = queue(crowd)
    found = order(crowd, cast, "random")
    crowd.refresh_from_db()
    assert (found.job, crowd.order) == (None, "random")
    assert queue(crowd) != before
    actions.undo(ordering=found, by=cast.curator)
    assert queue(crowd) == before


def test_many_examples_go_back_by_a_job(cast, crowd, monkeypatch):
    before = queue(crowd)
    found = order(crowd, cast)
    monkeypatch.setattr(actions, "INLINE", 5)
    job = actions.undo(ordering=found, by=cast.curator)
    assert queue(crowd) != before
    run_job(job)
    assert queue(crowd) == before
    rule = order(crowd, cast, "random")
    assert rule.job.state == "succeeded"
    assert queue(crowd) != before


def test_where_answers_differ_goes_first(cast):
    to = task(cast.team)
    add(to, [NewExample(Content("single", instruction=f"Add {n} and 1."), key=f"k{n}") for n in range(4)])
    to.examples.update(wanted=3)
    from curation.actions.slots import make_slots

    make_slots(to.examples.values_list("pk", flat=True))
    for key, suggested, given in (("k0", "2", "2"), ("k1", "3", "4")):
        to.examples.filter(key=key).update(suggestion={"answer": {"output": suggested}, "by": "file"})
        made_tasks.submitted(to, cast.annotator, {"output": given})
    found = order(to, cast, "answers")
    assert found.job.state == "succeeded", found.job.error_what
    assert list(dict.fromkeys(queue(to))) == ["k1", "k0", "k2", "k3"]
    whys = dict(to.examples.values_list("key", "why_now"))
    assert whys["k1"] == "1st: 2 answers so far, all of them different"
    assert whys["k0"] == "2nd: all 2 answers so far are the same"
    assert whys["k2"].endswith("fewer than two answers to compare so far")
    assert not Pool.objects.exists()


@pytest.mark.parametrize(("count", "code"), [(0, "ordering.nothing_open"), (1, "ordering.nothing_open")])
def test_a_queue_of_nothing_is_refused(cast, count, code):
    to = task(cast.team)
    add(to, [NewExample(Content("single", instruction="x"))] * count)
    with refused(code):
        order(to, cast)
    assert not Ordering.objects.exists()


def test_too_many_and_wrong_settings_are_refused(cast, crowd, monkeypatch):
    with refused("run.params"):
        order(crowd, cast, rho="0")
    with refused("run.params"):
        order(crowd, cast, nothing="1")
    monkeypatch.setattr("selection.methods.vote_k.VoteKMethod.max_rows", 40)
    with refused("ordering.too_many"):
        order(crowd, cast)
    assert not Pool.objects.exists()


def test_a_task_that_is_deleted_meanwhile(cast, crowd):
    found = order(crowd, cast, finish=False)
    from curation.actions.tasking import delete_task

    delete_task(task=crowd, by=cast.curator)
    run_job(found.job)
    found.job.refresh_from_db()
    assert (found.job.state, found.job.error_code) == ("failed", "ordering.task_gone")


def test_the_definition_does_not_make_all_alike():
    same = Content("single", instruction="Translate.", input="Guten Tag")
    assert snapshot.asked(same, "Translate. ") == "Guten Tag"
    assert snapshot.asked(same, "") == "Translate.\nGuten Tag"
    assert snapshot.asked(Content("single", instruction="Translate."), "Translate.") == "Translate."


def test_the_words():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 112, 1_112, 103)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th", "1,112th", "103rd",
    ]  # fmt: skip
    stands = {"kind": "stands", "text": "x.", "data": {"stands_for": 143, "represented": 12}}
    assert place(7, because([stands])) == "7th: stands for 143 similar examples, 12 of which are already represented"
    for stands_for, represented, said in (
        (0, 0, "stands for itself alone"), (1, 0, "stands for 1 similar example"),
        (1, 1, "stands for 1 similar example, which is already represented"),
        (5, 1, "stands for 5 similar examples, 1 of which is already represented"),
        (5, 0, "stands for 5 similar examples, none of which is represented yet"),
    ):  # fmt: skip
        data = {"stands_for": stands_for, "represented": represented}
        assert because([{"kind": "stands", "text": "", "data": data}]) == said
    unsure = {"kinds": 4, "samples": 5, "most": 2}
    assert because([{"kind": "unsure", "text": "", "data": unsure}]) == "the model gave 4 different answers in 5"
    assert because([{"kind": "other", "text": "Farthest from all."}]) == "farthest from all"
    assert because([]) == "put in order by a method"
    assert len(place(1, "x" * 500)) == 200
    assert of_answers(3, 2, 2) == "3 answers so far, 2 of them different"
