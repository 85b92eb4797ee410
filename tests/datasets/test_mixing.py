"""Mixing, caps, balance, budgets: pure, with numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.content import Content
from curation.datasets.mixing import fitting, index_of, mix, passing, rounded, shares_of
from curation.datasets.recipe import Filters, parse
from curation.datasets.rows import Row, pack

FOUR = 4  # characters of a token


def rows(count, *, space="t1", tags=lambda n: (), text=lambda n: f"Row number {n:05d}", **fields):
    return [
        Row(key=f"{space}/{n}", content=Content("single", text(n)), origin=space, tags=tags(n), **fields)
        for n in range(count)
    ]


def mixed(*groups, **recipe):
    raw = {"sources": [{"kind": "task", "id": n + 1} | recipe.pop(f"s{n}", {}) for n in range(len(groups))], **recipe}
    index = index_of([(n, pack(group)) for n, group in enumerate(groups)], raw.get("seed", 0))
    found = mix(index, parse(raw))
    keys = [row.key for group in groups for row in group]
    return [keys[place] for place in found.places], found, index


def test_everything_stays_without_limits():
    keys, found, _ = mixed(rows(10), rows(5, space="t2", text=lambda n: f"Other {n}"))
    assert len(keys) == 15
    assert found.steps == [("candidates", 15)]


def test_of_repeated_keys_and_texts_the_first_source_keeps_its_own():
    keys, _, _ = mixed(rows(3), rows(3))
    assert keys == ["t1/0", "t1/1", "t1/2"]
    keys, _, _ = mixed(rows(3), rows(3, space="t2"))
    assert keys == ["t1/0", "t1/1", "t1/2"]
    keys, _, _ = mixed(rows(3), rows(3, space="t2"), duplicates="keep")
    assert len(keys) == 6


def test_caps_of_sources_tasks_and_tags():
    keys, _, _ = mixed(rows(20), rows(20, space="t2", text=lambda n: f"Other {n}"), s0={"cap": 4})
    assert sum(key.startswith("t1/") for key in keys) == 4
    keys, _, _ = mixed(rows(20), caps={"task": 7})
    assert len(keys) == 7
    keys, _, _ = mixed(rows(20, tags=lambda n: ("even",) if n % 2 == 0 else ("odd", "all")), caps={"tag": 3})
    assert sum(int(key.split("/")[1]) % 2 for key in keys) == 3
    assert len(keys) == 6


def test_balance_gives_each_its_count_and_tells_what_is_short():
    tags = lambda n: ("a",) if n < 4 else ("b",) if n < 14 else ()  # noqa: E731
    keys, found, _ = mixed(rows(20, tags=tags), balance={"by": "tag", "counts": {"a": 6, "b": 5}})
    assert len(keys) == 9
    assert found.short == [{"what": "a", "wanted": 6, "got": 4, "unit": "rows"}]
    keys, _, _ = mixed(rows(20, tags=tags), balance={"by": "tag", "counts": {"b": 5}, "rest": "keep"})
    assert len(keys) == 15
    keys, _, _ = mixed(rows(20, tags=tags), balance={"by": "tag", "each": 2})
    assert len(keys) == 4


def test_shares_hold_and_take_as_much_as_there_is():
    one, two = rows(80), rows(40, space="t2", text=lambda n: f"Other {n}")
    share = {"s0": {"share": 0.5}, "s1": {"share": 0.5}}
    keys, _, _ = mixed(one, two, mix="share", **share)
    assert len(keys) == 80
    keys, found, _ = mixed(one, two, mix="share", rows=100, **share)
    assert len(keys) == 90
    assert found.short == [{"source": 1, "wanted": 50, "got": 40, "unit": "rows"}]


def test_temperature_makes_small_sources_larger():
    recipe = parse(
        {"sources": [{"kind": "task", "id": 1}, {"kind": "task", "id": 2}], "mix": "temperature", "temperature": 2.0}
    )
    # sqrt(900) : sqrt(100) = 30 : 10
    assert shares_of(recipe, np.array([900.0, 100.0])).tolist() == [0.75, 0.25]
    assert shares_of(recipe, np.array([900.0, 0.0])).tolist() == [1.0, 0.0]


def test_tokens_are_filled_in_order_and_what_does_not_fit_is_skipped():
    sizes = np.array([5, 9, 2, 4, 1])
    order = np.arange(5)
    assert fitting(order, sizes, 8).tolist() == [0, 2, 4]
    assert fitting(order, sizes, 21).tolist() == [0, 1, 2, 3, 4]
    keys, _, index = mixed(rows(50), tokens=100)
    assert index.table.column("tokens")[0].as_py() == 16 // FOUR
    assert len(keys) == 25


def test_weights_keep_more_of_the_heavier_source():
    one, two = rows(1000), rows(1000, space="t2", text=lambda n: f"Other {n}")
    keys, _, _ = mixed(one, two, s1={"weight": 4.0}, rows=500)
    heavy = sum(key.startswith("t2/") for key in keys)
    # A row of weight w stays where u > t^w, and (1 - t) + (1 - t^4) = 0.5 at t = 0.885: 386 of the heavy source.
    assert 340 < heavy < 430


def test_a_row_added_moves_few_others():
    before, _, _ = mixed(rows(1000), rows=300)
    after, _, _ = mixed(rows(1010), rows=300)
    assert len(set(before) & set(after)) > 290
    other, _, _ = mixed(rows(1000), rows=300, seed=1)
    assert 60 < len(set(before) & set(other)) < 130  # 90 by chance


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=8), st.integers(0, 10_000))
def test_rounded_shares_add_up_and_are_off_by_less_than_one(weights, total):
    shares = np.array(weights) / sum(weights)
    found = rounded(shares, total)
    assert sum(found) == total
    assert all(abs(n - share * total) < 1 + 1e-6 for n, share in zip(found, shares, strict=True))


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(30)), st.integers(1, 30), st.sampled_from(["all", "temperature"]))
def test_the_order_of_candidates_does_not_matter(order, amount, how):
    one, two = rows(20), rows(10, space="t2", text=lambda n: f"Other {n}")
    keys, _, _ = mixed(one, two, rows=amount, mix=how)
    every = [*one, *two]
    shuffled = [every[n] for n in order]
    raw = {"sources": [{"kind": "task", "id": 1}, {"kind": "task", "id": 2}], "rows": amount, "mix": how}
    index = index_of([(0 if row.key.startswith("t1/") else 1, pack([row])) for row in shuffled], 0)
    found = mix(index, parse(raw))
    assert sorted(shuffled[place].key for place in found.places) == sorted(keys)


def test_filters_let_through_what_they_say():
    table = pack(
        [
            Row("t1/0", Content("single", "A" * 10), licence="CC-BY-4.0", tags=("a",), day="2026-01-05", agreement=0.5),
            Row("t1/1", Content("single", "B" * 50), licence="", tags=("b",), day="2026-02-05"),
            Row(
                "t1/2",
                Content("single", "C" * 90),
                licence="MIT",
                tags=("a", "b"),
                source="s",
                language="en",
                day="2026-03-05",
            ),
        ]
    )

    def left(**fields):
        return passing(table, Filters(**fields)).tolist()

    assert left() == [True] * 3
    assert left(licences=("cc-by-4.0", "")) == [True, True, False]
    assert left(tags_any=("a",), tags_none=("b",)) == [True, False, False]
    assert left(sources=("s",)) == [False, False, True]
    assert left(sources_not=("s",)) == [True, True, False]
    assert left(languages=("en",)) == [False, False, True]
    assert left(min_chars=50, max_chars=60) == [False, True, False]
    assert left(from_day="2026-02-05", to_day="2026-03-04") == [False, True, False]
    assert left(min_agreement=0.6) == [False, True, True]
    dropped = {}
    passing(table, Filters(licences=("MIT",), tags_any=("b",)), dropped)
    assert dropped == {"licence": 2}


@pytest.mark.parametrize("size", [0, 1])
def test_no_or_one_candidate(size):
    keys, _, _ = mixed(rows(size), rows=5)
    assert len(keys) == size
