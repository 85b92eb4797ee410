"""Adding examples: keys, slots, what is known already, what cannot be stored."""

import threading

import pytest
from django.db import connection, transaction

from curation.actions import adding
from curation.actions.adding import NewExample, add_examples
from curation.content import Content, ContentError, Message, key_of, load
from curation.models import Example, Slot
from tests.curation.examples.made import add, content, some, task


def test_content_key_and_facts_are_kept(cast):
    to = task(cast.team)
    chat = Content(
        "chat", messages=(Message("user", 'Grüße \\ \t\n"x"'), Message("assistant", "y", {"name": "ä"})), system="s"
    )
    rows = [
        NewExample(chat, source="a\tb\\c", lineage={"file": "f.jsonl", "line": 3}, tags=('say "hi"', "a\\b,{}")),
        NewExample(content(1), key="own", suggestion={"answer": {"output": "x"}, "by": "file", "score": None}, priority=2.5),
    ]  # fmt: skip
    added = add(to, rows, by=cast.curator)
    assert (added.good, added.known, len(added.ids)) == (2, 0, 2)
    first, second = Example.objects.filter(task=to).order_by("pk")
    assert load(first.content) == chat
    assert (first.key, first.source, first.lineage["line"]) == (key_of(chat), "a\tb\\c", 3)
    assert first.tags == ['say "hi"', "a\\b,{}"]
    assert (second.key, second.suggestion["answer"], second.priority) == ("own", {"output": "x"}, 2.5)
    assert (second.state, second.done, second.chars) == ("open", 0, len("Summarise letter 1.\nBody 1"))


def test_repeats_get_numbers_and_known_keys_stay_as_they_are(cast):
    to = task(cast.team)
    assert add(to, [NewExample(content(n), key="same") for n in range(3)]).good == 3
    assert list(to.examples.order_by("pk").values_list("key", flat=True)) == ["same", "same~2", "same~3"]
    again = add(to, [NewExample(content("other"), key="same"), NewExample(content(9), key="new")])
    assert (again.good, again.known, again.known_keys) == (1, 1, ["same"])
    assert to.examples.get(key="same").content["instruction"] == "Summarise letter 0."
    assert Slot.objects.filter(task=to).count() == 4


def test_a_call_of_several_batches_numbers_repeats_across_them(cast, monkeypatch):
    monkeypatch.setattr(adding, "BATCH", 2)
    to = task(cast.team)
    assert add(to, [NewExample(content(n), key=f"k{n % 2}") for n in range(5)]).good == 5
    assert set(to.examples.values_list("key", flat=True)) == {"k0", "k1", "k0~2", "k1~2", "k0~3"}


def test_slots_by_share_and_order(cast):
    to = task(cast.team, wanted=1, shared_wanted=3, shared_share=0.3, order="random")
    examples = some(to, 300)
    shared = [one for one in examples if one.wanted == 3]
    assert 60 < len(shared) < 120  # 90 expected, standard deviation 8
    assert Slot.objects.filter(task=to).count() == 300 + 2 * len(shared)
    orders = list(Slot.objects.filter(task=to, number=1).order_by("example_id").values_list("order", flat=True))
    assert len(set(orders)) == 300
    assert all(0 <= order < 1 for order in orders)
    assert orders != sorted(orders)
    other = task(cast.team, "first come")
    assert [one.slots.get().order for one in some(other, 3)] == [float(one.pk) for one in other.examples.order_by("pk")]
    third = task(cast.team, "priority", order="priority")
    assert [one.slots.get().order for one in some(third, 1, priority=4.0)] == [-4.0]


def test_accepted_and_gold_only_examples_are_not_asked(cast):
    to = task(cast.team)
    add(to, [
        NewExample(content(1, "x"), key="done", answer={"output": "x"}),
        NewExample(content(2), key="gold", gold={"output": "y"}, gold_only=True),
    ], by=cast.curator)  # fmt: skip
    done, gold = to.examples.get(key="done"), to.examples.get(key="gold")
    assert (done.state, done.accepted_by_id) == ("accepted", cast.curator.pk)
    assert done.accepted_at is not None
    assert (gold.state, gold.gold, gold.gold_only) == ("open", {"output": "y"}, True)
    assert not Slot.objects.filter(task=to).exists()


def test_long_ids_fit_and_stay_apart(cast):
    to = task(cast.team)
    add(to, [NewExample(content(n), key="x" * 500 + str(n)) for n in range(2)])
    keys = list(to.examples.values_list("key", flat=True))
    assert len(set(keys)) == 2
    assert max(map(len, keys)) <= adding.KEY_CHARS


@pytest.mark.parametrize(
    "row",
    [
        NewExample(Content("single", "a\0b")), NewExample(Content("single", "a"), key="k\0"),
        NewExample(Content("single", "half \ud800")), NewExample(Content("single", "a"), suggestion={"answer": {"x": "\0"}}),
    ],
)  # fmt: skip
def test_what_cannot_be_stored_is_a_content_error_and_nothing_stays(cast, row):
    to = task(cast.team)
    with pytest.raises(ContentError):
        add(to, [NewExample(content(1)), row])
    assert not to.examples.exists()


def test_a_backslash_before_u0000_is_text(cast):
    to = task(cast.team)
    add(to, [NewExample(Content("single", "write \\u0000 here"))])
    assert load(to.examples.get().content).instruction == "write \\u0000 here"


@pytest.mark.django_db(transaction=True)
def test_two_calls_at_once_make_no_double(cast):
    """The second finds the first one's keys only when it has copied its own batch, and then counts them as known."""
    to = task(cast.team)
    results = []

    def second():
        try:
            results.append(
                add_examples(
                    task=to, rows=[NewExample(content(n), key=f"k{n}") for n in range(5)], by=None, origin="hand"
                )
            )
        finally:
            connection.close()

    with transaction.atomic():
        add(to, [NewExample(content(n), key=f"k{n}") for n in range(3)])
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()  # it waits for the keys that are not committed yet
    thread.join(20)
    assert (results[0].good, results[0].known) == (2, 3)
    assert to.examples.count() == 5
    assert Slot.objects.filter(task=to).count() == 5
