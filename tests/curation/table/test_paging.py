"""Pages by keyset: every row once, in order, forward and back, also while rows come in."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from curation.models import Example
from curation.table import paging
from curation.table.asking import SORTS, read
from curation.table.rows import rows
from tests.curation import made_tasks
from tests.curation.table import made

pytestmark = pytest.mark.django_db
SIZE = 7


@pytest.fixture
def task(cast):
    found = made.task(cast.team)
    made_tasks.examples(found, 53)
    chance = random.Random(3)
    now = timezone.now()
    for one in found.examples.all():
        Example.objects.filter(pk=one.pk).update(
            priority=chance.choice([-1.5, 0.0, 0.0, 0.0, 0.1, 2.0]),
            changed_at=now - timedelta(minutes=chance.randrange(5)),
        )
    return found


def in_order(task, sort):
    every = list(Example.objects.filter(task=task))
    by = {
        "newest": lambda one: -one.pk,
        "oldest": lambda one: one.pk,
        "priority": lambda one: (-one.priority, one.pk),
        "changed": lambda one: (-one.changed_at.timestamp(), -one.pk),
    }
    return [one.pk for one in sorted(every, key=by[sort])]


def walk(task, sort, *, q="", start="", back=False, between=lambda: None):
    seen, place = [], start
    for _ in range(60):
        page = paging.page(paging.look(task, read({"sort": sort, "q": q})), sort, paging.read_place(place, sort), SIZE)
        ids = [one.pk for one in page.rows]
        seen = ids + seen if back else seen + ids
        place = page.before if back else page.after
        if not place:
            return seen, page
        between()
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("sort", SORTS)
def test_forward_and_back_show_every_row_once_and_in_order(task, sort):
    wanted = in_order(task, sort)
    forward, last = walk(task, sort)
    assert forward == wanted
    backward, first = walk(task, sort, start=last.before, back=True)
    assert backward == wanted[: -len(last.rows)]
    assert not first.before
    assert first.after


@pytest.mark.parametrize("sort", ["newest", "oldest", "priority"])
def test_rows_that_come_meanwhile_neither_repeat_nor_hide_others(task, sort):
    before = set(in_order(task, sort))
    seen, _ = walk(task, sort, between=lambda: made_tasks.examples(task, 3) if task.examples.count() < 80 else None)
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("probe", [0, 3, 20_000])
def test_a_search_shows_every_row_that_holds_the_words_once(task, sort, probe, monkeypatch):
    """By their ids where they are few, one row after the other where they are many."""
    monkeypatch.setattr(paging, "PROBE", probe)
    monkeypatch.setattr(paging, "CHUNK", 2)
    for q in ("letter", "number 1", "input:letter -key:letter-12", "letter key:letter-1*", "nowhere", "-nowhere"):
        wanted = [pk for pk in in_order(task, sort) if rows(task, read({"q": q})).filter(pk=pk).exists()]
        if "key" not in q:
            assert paging.look(task, read({"q": q})).many == (len(wanted) > probe)
        if not wanted:
            continue
        forward, last = walk(task, sort, q=q)
        assert forward == wanted
        if last.before:
            assert walk(task, sort, q=q, start=last.before, back=True)[0] == wanted[: -len(last.rows)]


def test_a_search_that_takes_too_long_is_answered_row_by_row(task, monkeypatch):
    monkeypatch.setattr(paging, "settled", lambda work, ms=0, settings=None: None if ms else work())
    found = paging.look(task, read({"q": "letter"}))
    assert found.many
    assert len(paging.page(found, "newest", None, 20).rows) == 20
    assert not paging.count(found).exact


def test_a_row_that_goes_takes_none_with_it(task):
    wanted = in_order(task, "oldest")

    def gone():
        left = Example.objects.filter(task=task, pk__in=wanted[14:]).exclude(pk__in=dropped).first()
        if left and len(dropped) < 3:
            dropped.append(wanted[6])  # the row that the place names
            Example.objects.filter(pk=wanted[6]).update(deleted_at=timezone.now())

    dropped: list[int] = []
    seen, _ = walk(task, "oldest", between=gone)
    assert seen == wanted


@pytest.mark.parametrize(
    "text",
    ["", "x", "Zm9v", "W10", "WyJuZXdlc3QiLDAsLTFd", "W251bGxd", "é", "=" * 10, "W1siYSJdLDAsMV0", "WyJuZXdlc3QiLDAsInhzIl0"]
)  # fmt: skip
def test_a_place_that_is_none_is_the_first_page(text):
    assert paging.read_place(text, "newest") is None


def test_a_place_of_another_order_does_not_count(task):
    row = task.examples.first()
    place = paging.write_place("oldest", row, back=False)
    assert paging.read_place(place, "oldest").values == (row.pk,)
    assert paging.read_place(place, "newest") is None
    naive = paging.write_place("changed", Example(pk=1, changed_at=timezone.now().replace(tzinfo=None)), back=False)
    assert paging.read_place(naive, "changed") is None


def test_as_many_as_are_counted_are_told_exactly(task, monkeypatch):
    every = paging.look(task, read({}))
    assert str(paging.count(every)) == "53"
    assert paging.count(paging.Found(every.rows.none())).value == 0
    monkeypatch.setattr(paging, "EXACT", 20)
    estimated = paging.count(every)
    assert not estimated.exact
    assert str(estimated).startswith("about ")


def test_a_count_that_takes_too_long_is_an_estimate(task, monkeypatch):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        usual = cursor.fetchone()
    monkeypatch.setattr(paging, "COUNT_MS", 1)
    slow = rows(task, read({})).extra(where=["(SELECT pg_sleep(0.1)) IS NOT NULL"])
    assert not paging.count(paging.Found(slow)).exact
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == usual


@pytest.mark.parametrize(("number", "told"), [(10_001, 10_000), (12_499, 12_000), (987_654, 990_000), (7, 7)])
def test_estimates_have_two_figures(number, told):
    assert paging._rounded(number) == told


def test_few_ids_whose_parts_take_long_are_told_as_the_most_there_can_be(task, monkeypatch):
    found = paging.look(task, read({"q": "input:letter"}))
    assert len(found.ids) == 53
    monkeypatch.setattr(paging, "settled", lambda work, ms=0, settings=None: None if ms else work())
    assert str(paging.count(found)) == "at most 53"
