"""Words, parts of words, neighbours, and the job that makes examples findable."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import searching
from curation.actions.adding import NewExample
from curation.content import Content, Message, dump
from curation.hashing import vector
from curation.models import Example, ExampleText, ExampleVector
from jobs.models import Job
from jobs.runner import run_until_idle
from tests.curation.examples.made import add, content, some, task


@pytest.fixture(autouse=True)
def _nobody_to_wake(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


def found(to, text) -> list[str]:
    return sorted(searching.matching(Example.objects.filter(task=to), text).values_list("key", flat=True))


@pytest.fixture
def letters(cast):
    to = task(cast.team)
    texts = {
        "heart": Content("single", "Summarise the letter.", "Mitral valve repair went well, 100%_ok.", ("Valve repaired.",)),
        "knee": Content("single", "Summarise the letter.", "Knee replacement; the patient walks."),
        "chat": Content("chat", messages=(Message("user", "Where is the Notaufnahme?"), Message("assistant", "Straight on."))),
        "norsk": Content("single", "", "Blåbærsyltetøy på brødskiva"),
    }  # fmt: skip
    add(to, [NewExample(text, key=key) for key, text in texts.items()])
    return to


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ("valve", ["heart"]), ("VALVE repair", ["heart"]), ("letter", ["heart", "knee"]), ("letter -knee", ["heart"]),
        ("knee or valve", ["heart", "knee"]), ('"patient walks"', ["knee"]), ('"walks patient"', []),
        ("replace", ["knee"]), ("placemen", ["knee"]), ("letter repl", ["knee"]), ("notauf", ["chat"]), ("straight", ["chat"]),
        ("blåbær", ["norsk"]), ("100%_", ["heart"]), ("0%x", []), ("", ["chat", "heart", "knee", "norsk"]),
        ("   ", ["chat", "heart", "knee", "norsk"]), ("nothing of this", []),
    ],
)  # fmt: skip
def test_words_phrases_and_parts_of_words(letters, asked, keys):
    assert found(letters, asked) == keys


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=40), st.text("'\"&|!():*<->\\%_ \0\ud800ab-", max_size=40), st.just("x" * 100_000)))
def test_no_input_is_an_error(letters, asked):
    found(letters, asked)


def test_a_text_too_long_for_the_index_is_found_by_its_beginning(cast):
    to = task(cast.team)
    long = " ".join(f"w{number}" for number in range(120_000))
    add(to, [NewExample(Content("single", "Read.", long), key="long")])
    assert found(to, "w77") == ["long"]
    assert found(to, "w119999") == []


def test_few_are_found_at_once_and_many_by_the_job(cast, django_capture_on_commit_callbacks, monkeypatch):
    to = task(cast.team)
    monkeypatch.setattr("curation.actions.adding.INLINE_SEARCH", 5)
    monkeypatch.setattr("curation.handlers.search.STEP", 10)
    monkeypatch.setattr("curation.handlers.search.BATCH", 4)
    with django_capture_on_commit_callbacks(execute=True):
        some(to, 3)
    assert searching.coverage(to) == (3, 3)
    assert not Job.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        add(to, [NewExample(content(f"more{n}", "x"), key=f"m{n}", answer={"output": "x"}) for n in range(25)])
    assert searching.coverage(to) == (3, 28)
    assert searching.start(to) is None  # one is open
    assert Job.objects.get().steps.count() == 3
    run_until_idle()
    assert Job.objects.get().state == "succeeded"
    assert searching.coverage(to) == (28, 28)
    assert found(to, "more24") == ["m24"]
    assert ExampleVector.objects.filter(task_id=to.pk).count() == 25
    assert searching.start(to) is None  # nothing is missing


def test_examples_that_come_while_the_job_works_are_not_forgotten(
    cast, django_capture_on_commit_callbacks, monkeypatch
):
    to = task(cast.team)
    monkeypatch.setattr("curation.actions.adding.INLINE_SEARCH", 0)
    with django_capture_on_commit_callbacks(execute=True):
        some(to, 3)
    real = searching.fill_words

    def fill(*args):
        monkeypatch.setattr(searching, "fill_words", real)
        with django_capture_on_commit_callbacks(execute=True):  # finds the job open and leaves it to that
            add(to, [NewExample(content("late"), key="late")])
        return real(*args)

    monkeypatch.setattr(searching, "fill_words", fill)
    run_until_idle()
    assert Job.objects.get().state == "succeeded"
    assert searching.coverage(to) == (4, 4)


def test_an_edited_example_is_found_by_its_new_words_only(letters):
    one = Example.objects.get(task=letters, key="knee")
    Example.objects.filter(pk=one.pk).update(content=dump(Content("single", "Hip", "dancing")), revision=2)
    assert found(letters, "dancing") == []
    searching.refresh([one.pk])
    assert found(letters, "dancing") == ["knee"]
    assert "knee" not in found(letters, "patient")
    assert ExampleText.objects.get(example=one).revision == 2


# --- neighbours ---


def test_vectors_have_length_one_and_alike_texts_are_near():
    texts = [
        "The heart valve was repaired.",
        "Repair of a heart valve.",
        "Train times from Oslo to Bergen.",
        "心臓弁の修復",
    ]
    made = [vector(text).astype(np.float64) for text in texts]
    assert [round(float(np.linalg.norm(one)), 2) for one in made] == [1.0] * 4
    assert made[0] @ made[1] > 0.3 > made[0] @ made[2]
    assert vector("a b") @ vector("a b") == pytest.approx(1, abs=0.01)
    assert not vector("… !?").any()
    assert vector("\ud800 half").any()
    assert (vector("Straße") == vector("straße")).all()


def test_neighbours_are_the_likest_accepted_examples_of_the_task(cast):
    to, other = task(cast.team), task(cast.team, "other")
    texts = {
        "same": "The mitral valve was repaired without complications.", "near": "Repair of the mitral valve, complications none.",
        "far": "Bus times from Oslo to Bergen on Sundays.", "none": "… !",
    }  # fmt: skip
    rows = [
        NewExample(Content("single", "", text, ("x",)), key=key, answer={"output": "x"}) for key, text in texts.items()
    ]
    add(to, rows)
    add(other, [NewExample(Content("single", "", texts["same"]), answer={"output": "x"})])
    add(to, [NewExample(Content("single", "", "The mitral valve was repaired with no complications."), key="asked")])
    asked = Example.objects.get(task=to, key="asked")
    near = searching.neighbours(asked, 3)
    assert [one.example.key for one in near] == ["same", "near", "far"]
    assert 1 >= near[0].likeness > near[1].likeness > near[2].likeness
    Example.objects.filter(key="same", task=to).update(state="open", answer=None)
    searching.refresh([near[0].example.pk])
    assert [one.example.key for one in searching.neighbours(asked, 2)] == ["near", "far"]
    assert not ExampleVector.objects.filter(example__key="same", task_id=to.pk).exists()
    assert "asked" not in [one.example.key for one in searching.neighbours(near[1].example, 5)]
