"""Agreement and progress as each role sees them; the numbers are those of the pure functions."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from curation import agreement, measures, progress
from curation.models import Annotation, Example, Slot, TaskMember
from tests.curation import made_tasks as made

NOON = datetime(2026, 2, 11, 12, tzinfo=UTC)
YES_NO = [["yes", "yes"], ["no", "no"], ["yes", "no"], ["no", "no"], ["yes", "yes"], ["no", "yes"], ["yes", "yes"]]


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def task(cast):
    return made.task(cast.team, form=[made.LABEL, made.OUTPUT | {"required": False}], wanted=2)


def answered(task, people, rows, *, field="label", at=NOON, state="submitted", **fields):
    """Each row: what each person said to one new example."""
    found = made.examples(task, len(rows))
    made_rows = [
        Annotation(
            task=task, example=example, annotator=person, state=state, answer={field: value}, submitted_at=at, seconds=30, **fields
        )
        for example, row in zip(found, rows, strict=True) for person, value in zip(people, row, strict=True)
    ]  # fmt: skip
    Annotation.objects.bulk_create(made_rows)
    Example.objects.filter(pk__in=[one.pk for one in found]).update(done=len(people), state="submitted")
    return found


def get(client, name, task, status=200):
    response = client.get(reverse(name, args=[task.pk]))
    assert response.status_code == status
    return response.content.decode()


def queries(client, name, task):
    with CaptureQueriesContext(connection) as caught:
        get(client, name, task)
    return len(caught)


# --- agreement ---


def test_the_figures_are_those_of_the_pure_functions(cast, as_, task):
    answered(task, [cast.annotator, cast.owner], YES_NO)
    label, output = agreement.figures(task)["fields"]
    low, high = measures.bootstrap_alpha(YES_NO[::-1])  # newest first
    assert label["value"] == measures.alpha(YES_NO)
    assert label["pairs"][0]["kappa"] == pytest.approx(
        measures.cohen([(owner, annotator) for annotator, owner in YES_NO])
    )
    assert output["examples"] == 0
    html = get(as_("curator"), "task_agreement", task)
    assert f">{measures.alpha(YES_NO):.2f}<" in html
    assert f"{low:.2f} to {high:.2f}" in html
    assert f"{100 * measures.percent(YES_NO):.1f} %" in html
    assert f"{measures.fleiss(YES_NO):.3f}" in html
    assert "14 answers to 7 examples" in html


def test_texts_are_compared_by_chrf(cast, as_):
    task = made.task(cast.team, wanted=2)
    said = [["All is well.", "All is fine."], ["Rest now.", "Rest now."], ["Drink water.", "Take a walk."]]
    answered(task, [cast.annotator, cast.owner], said, field="output")
    mean = sum(measures.chrf(*row) for row in said) / 3
    html = get(as_("curator"), "task_agreement", task)
    assert f">{mean:.2f}<" in html
    assert "Mean chrF" in html


def test_curators_see_people_pairs_and_examples(cast, as_, task):
    found = answered(task, [cast.annotator, cast.owner], YES_NO)
    for role in ("curator", "owner"):
        html = get(as_(role), "task_agreement", task)
        assert "Annotator and Owner" in html or "Owner and Annotator" in html
        assert found[2].key in html  # yes against no
        assert found[0].key not in html


def test_annotators_see_totals_and_themselves_alone(cast, as_, task):
    found = answered(task, [cast.annotator, cast.owner], YES_NO)
    html = get(as_("annotator"), "task_agreement", task)
    assert f">{measures.alpha(YES_NO):.2f}<" in html
    assert "You with all others" in html
    main = html[html.index("<main") :]
    assert "Owner" not in main
    assert found[2].key not in main


def test_viewers_see_totals_and_no_person(cast, as_, task):
    answered(task, [cast.annotator, cast.owner], YES_NO, gold_score=0.5)
    Example.objects.update(gold={"label": "yes"})
    main = get(as_("viewer"), "task_agreement", task).partition("<main")[2]
    assert f">{measures.alpha(YES_NO):.2f}<" in main
    assert "Annotator" not in main
    assert "Owner" not in main


@pytest.mark.parametrize("name", ["task_agreement", "task_progress"])
def test_strangers_do_not_learn_that_it_is_there(cast, as_, client, task, name):
    get(as_("stranger"), name, task, status=404)
    client.logout()
    assert client.get(reverse(name, args=[task.pk])).status_code == 302
    assert as_("curator").post(reverse(name, args=[task.pk])).status_code == 405


def test_only_answers_that_count_are_compared(cast, task):
    answered(task, [cast.annotator, cast.owner], [["yes", "yes"]], state="accepted")
    answered(task, [cast.annotator, cast.owner], [["yes", "no"]], state="declined")
    for state in ("returned", "late", "skipped", "draft"):
        answered(task, [cast.annotator, cast.owner], [["yes", "no"]], state=state)
    gone, measuring = answered(task, [cast.annotator, cast.owner], [["yes", "no"]] * 2)
    Example.objects.filter(pk=gone.pk).update(deleted_at=NOON)
    Example.objects.filter(pk=measuring.pk).update(gold_only=True)
    assert agreement.figures(task)["examples"] == 2
    assert agreement.figures(task)["fields"][0]["percent"] == 0.5


def test_figures_are_kept_until_an_answer_changes(cast, task, monkeypatch):
    answered(task, [cast.annotator, cast.owner], YES_NO)
    first = agreement.figures(task)
    monkeypatch.setattr(agreement, "_compute", lambda task: pytest.fail("computed again"))
    assert agreement.figures(task) == first
    monkeypatch.undo()
    Annotation.objects.filter(answer={"label": "no"}).update(state="returned", version=2)
    assert agreement.figures(task) != first
    answered(task, [cast.annotator, cast.owner], [["maybe", "maybe"]], at=NOON + timedelta(days=1))
    assert agreement.figures(task)["fields"][0]["confusion"]["values"] == ["maybe", "yes"]


def test_the_work_is_bounded_and_the_page_says_so(cast, as_, task, monkeypatch):
    monkeypatch.setattr(agreement, "MOST", 3)
    answered(task, [cast.annotator, cast.owner], [["yes", "no"]] * 3, at=NOON - timedelta(days=9))
    answered(task, [cast.annotator, cast.owner], [["yes", "yes"]] * 3)
    assert agreement.figures(task)["fields"][0]["percent"] == 1
    assert "From the newest 3 examples with two or more answers. Older ones are left out" in get(
        as_("curator"), "task_agreement", task
    )


def test_weeks_go_by_the_calendar_of_the_team(cast, task):
    cast.team.time_zone = "Pacific/Auckland"
    cast.team.save(update_fields=["time_zone"])
    task.team.refresh_from_db()
    sunday = datetime(2026, 2, 8, 12, tzinfo=UTC)  # Monday in Auckland
    answered(task, [cast.annotator, cast.owner], [["yes", "no"]], at=sunday)
    assert [one["week"] for one in agreement.figures(task)["fields"][0]["weeks"]] == ["2026-02-09"]


def test_gold_is_reported_by_person(cast, as_, task):
    answered(task, [cast.annotator], [["yes"]] * 8, gold_score=0.75)
    answered(task, [cast.owner], [["yes"]] * 2, gold_score=0.5)
    Example.objects.update(gold={"label": "yes"})
    assert [(one["who"], one["answers"], one["mean"]) for one in agreement.figures(task)["gold"]] == [
        (cast.annotator.pk, 8, 0.75), (cast.owner.pk, 2, 0.5),
    ]  # fmt: skip
    assert "0.75 to 0.75" in get(as_("curator"), "task_agreement", task)
    assert "0.50" not in get(as_("annotator"), "task_agreement", task)


def test_nothing_yet(cast, as_, task):
    for role in ("curator", "annotator"):
        assert "No example has two answers yet" in get(as_(role), "task_agreement", task)
        assert "Nothing to do yet" in get(as_(role), "task_progress", task)


def test_everybody_said_the_same(cast, as_, task):
    answered(task, [cast.annotator, cast.owner], [["yes", "yes"]] * 6)
    html = get(as_("curator"), "task_agreement", task)
    assert "agreement cannot be told from chance" in html
    assert "nan" not in html.partition("<main")[2].lower().replace("nano", "")


def test_a_form_that_cannot_be_used_is_said(cast, as_, task):
    type(task).objects.filter(pk=task.pk).update(form=[{"name": "label", "kind": "colour"}])
    html = get(as_("curator"), "task_agreement", task)
    assert "The answer form of this task cannot be used" in html
    assert reverse("task_form", args=[task.pk]) in html
    get(as_("curator"), "task_progress", task)


def test_answers_of_an_older_form_are_no_error(cast, as_, task):
    answered(task, [cast.annotator, cast.owner], [[{"x": 1}, ["yes", "no"]], ["yes", 3], ["gone", "gone"]])
    get(as_("curator"), "task_agreement", task)
    get(as_("curator"), "task_progress", task)


def test_hostile_values_stay_text(cast, as_, task):
    answered(task, [cast.annotator, cast.owner], [["<script>alert(1)</script>", "yes"]])
    for name in ("task_agreement", "task_progress"):
        assert "<script>alert(1)" not in get(as_("curator"), name, task)


@pytest.mark.parametrize("name", ["task_agreement", "task_progress"])
def test_many_rows_cost_no_more_queries_than_few(cast, as_, task, name):
    client = as_("curator")
    answered(task, [cast.annotator, cast.owner], [["yes", "no"]] * 3)
    get(client, name, task)
    Annotation.objects.update(version=2)
    few = queries(client, name, task)
    people = [made.person(cast.team, f"Person{number}") for number in range(10)]
    answered(task, people, [["yes", "no"] * 5] * 27)
    assert queries(client, name, task) == few
    assert few <= 16


# --- progress ---


def test_done_of_wanted_by_state(cast, as_, task):
    answered(task, [cast.annotator, cast.owner], [["yes", "yes"]] * 4)
    first, *_ = made.examples(task, 3)
    Slot.objects.filter(example=first, number=1).update(
        state="claimed", annotator=cast.annotator, expires_at=timezone.now() + timedelta(minutes=5)
    )
    Example.objects.filter(state="submitted", pk__lt=first.pk - 2).update(state="accepted")
    found = progress.of(task, agreement.Eyes(cast.curator.pk, True))["states"]
    assert (found["wanted"], found["done"], found["missing"]) == (14, 8, 6)
    assert (found["open"], found["submitted"], found["accepted"], found["in_work"]) == (3, 2, 2, 1)
    page = get(as_("viewer"), "task_progress", task)
    assert "8 of 14 wanted answers" in page
    tiles = [int(number) for number in re.findall(r'<div class="stat"><dt>[^<]+</dt><dd>(\d+)', page)]
    assert tiles == [2, 1, 2, 2, 0]  # open, in work, to review, accepted, rejected
    assert sum(tiles) == 7  # each example in one of them


def test_the_form_counts_the_answers_that_everything_else_counts(cast, as_, task):
    answered(task, [cast.annotator], [["yes"]] * 4)
    newest = Annotation.objects.order_by("-pk").values_list("pk", flat=True)[:2]
    Annotation.objects.filter(pk__in=list(newest)).update(state="returned")
    assert "2 answers so far" in get(as_("curator"), "task_form", task)
    assert "Answers still wanted" in get(as_("curator"), "task", task)


def test_pace_and_estimated_finish(cast, task):
    now = timezone.now()
    for days in range(1, 4):
        answered(task, [cast.annotator, cast.owner], [["yes", "yes"]], at=now - timedelta(days=days))
    answered(task, [cast.annotator], [["yes"]] * 2, at=now)
    Example.objects.filter(done=1).update(state="open")
    pace = progress.of(task, agreement.Eyes(cast.curator.pk, True))["pace"]
    assert (pace["days"], pace["rate"], pace["missing"], pace["left"]) == (
        4,
        2.0,
        2,
        1,
    )  # the days before the start do not count
    Annotation.objects.update(submitted_at=now - timedelta(days=20))
    pace = progress.of(task, agreement.Eyes(cast.curator.pk, True))["pace"]
    assert (pace["days"], pace["rate"], pace["finish"]) == (7, None, None)


def test_people_and_their_figures(cast, as_, task):
    mine = answered(task, [cast.annotator], [["yes"]] * 10, suggested={"answer": {}}, at=timezone.now())
    own = Annotation.objects.filter(annotator=cast.annotator).order_by("pk")
    for number, annotation in enumerate(own):
        state = (
            ["accepted", "accepted", "accepted", "declined", "returned", "skipped"][number]
            if number < 6
            else "submitted"
        )
        Annotation.objects.filter(pk=annotation.pk).update(
            state=state, seconds=10 * (number + 1), unchanged=number < 2, gold_score=0.25 if number == 9 else None
        )
    Example.objects.filter(pk=mine[9].pk).update(gold={"label": "no"})
    today = timezone.now().date()
    TaskMember.objects.create(task=task, user=cast.annotator, day=today, today=10, daily_goal=40)
    TaskMember.objects.create(task=task, user=cast.owner, day=today - timedelta(days=1), today=7)
    whole, (first, second) = progress._people(task, agreement.Eyes(cast.curator.pk, True), today)
    assert (first["name"], first["today"], first["goal"], first["total"]) == ("Annotator", 10, 40, 8)
    assert (first["accepted_share"], first["returned"], first["skipped"]) == (0.75, 1, 1)
    assert (first["unchanged_share"], first["gold"]) == (0.25, 0.25)
    assert (first["median"], first["p90"]) == (55, 93)  # of 10, 20, 30, 40, 70, 80, 90, 100
    assert (second["name"], second["today"], second["total"], second["median"]) == ("Owner", 0, 0, None)
    assert whole["median"] == 55
    assert "10 of 40" in get(as_("curator"), "task_progress", task)


def test_others_than_curators_see_their_own_row(cast, as_, task):
    answered(task, [cast.annotator, cast.owner], YES_NO)
    for role, seen in (("curator", ["Annotator", "Owner"]), ("annotator", ["Annotator"]), ("viewer", [])):
        user = cast.by_role(role)
        found = progress.of(task, agreement.Eyes(user.pk, role == "curator"))
        assert [one["name"] for one in found["people"]] == seen
        main = get(as_(role), "task_progress", task).partition("<main")[2]
        assert ("Owner" in main) == ("Owner" in seen)


def test_balance_of_labels(cast, as_):
    several = made.LABEL | {"name": "topics", "options": {"labels": ["a", "b"], "multiple": True}, "required": False}
    task = made.task(cast.team, form=[made.LABEL, several, made.RATING])
    answered(task, [cast.annotator], [["yes"], ["yes"], ["no"]])
    answered(task, [cast.annotator], [[["a", "b"]], [["b"]]], field="topics")
    answered(task, [cast.annotator], [[2], [5]], field="clarity")
    label, topics, clarity = progress.of(task, agreement.Eyes(cast.curator.pk, True))["balance"]
    assert label["values"] == [("yes", 2, 2 / 3), ("no", 1, 1 / 3), ("maybe", 0, 0)]
    assert (topics["answers"], topics["values"]) == (2, [("b", 2, 1), ("a", 1, 0.5)])
    assert [(value, count) for value, count, _ in clarity["values"]] == [
        ("1", 0),
        ("2", 1),
        ("3", 0),
        ("4", 0),
        ("5", 1),
    ]
    assert "2 · 67 %" in get(as_("viewer"), "task_progress", task)
