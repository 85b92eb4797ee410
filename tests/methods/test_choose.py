"""choose: order, budgets, and options that read as far as they must."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.content import Content
from selection.methods import Budget, Options, ParamsError, Place, Row, choose, params_dict, parse_params
from selection.methods.base import score_column
from selection.methods.budget import tokens
from tests.methods import reference


def pool(rows):
    """rows: {key: (score, Row)} as one column, with its lookup; the lookup remembers what it was asked."""
    column = score_column(list(rows), np.array([score for score, _ in rows.values()]), start=0)
    asked = []

    def lookup(places):
        asked.extend(place.key for place in places)
        return [rows[place.key][1] for place in places]

    return [column], lookup, asked


def keys(chosen):
    return [pick.key for pick in chosen.picks]


def numbered(count, make):
    return {f"k{n:05}": (count - n, make(n)) for n in range(count)}


def test_a_cap_on_sources_fills_up_though_one_source_holds_the_top():
    """The first 5,000 rows are of one source: keeping only the best 500 would leave 100."""
    rows = numbered(10_000, lambda n: Row("big" if n < 5000 else f"s{n % 7}", 10, str(n)))
    columns, lookup, _ = pool(rows)
    chosen = choose(columns, budget=Budget.parse(500), options=Options(source_cap=0.2), lookup=lookup)
    assert len(chosen.picks) == 500
    counts = Counter(rows[key][1].source for key in keys(chosen))
    assert counts["big"] == 100
    assert max(counts.values()) == 100
    assert chosen.skipped["source_cap"] >= 4900
    assert keys(chosen)[:100] == [f"k{n:05}" for n in range(100)], "the best of the capped source come first"


def test_rows_without_a_source_are_not_capped():
    columns, lookup, _ = pool(numbered(50, lambda n: Row("", 10, str(n))))
    assert len(choose(columns, budget=Budget.parse(50), options=Options(source_cap=0.01), lookup=lookup).picks) == 50


def test_a_cap_that_cannot_be_kept_gives_fewer_and_says_why():
    columns, lookup, _ = pool(numbered(50, lambda n: Row("one", 10, str(n))))
    chosen = choose(columns, budget=Budget.parse(20), options=Options(source_cap=0.5), lookup=lookup)
    assert (len(chosen.picks), chosen.skipped, chosen.read, chosen.wanted) == (10, {"source_cap": 40}, 50, 20)


def test_exact_duplicates_keep_the_first_in_order():
    columns, lookup, _ = pool(numbered(10, lambda n: Row("", 10, str(n // 3))))
    assert keys(choose(columns, budget=Budget.parse(9), lookup=lookup)) == ["k00000", "k00003", "k00006", "k00009"]
    off = choose(columns, budget=Budget.parse(9), options=Options(exact_duplicates=False))
    assert len(off.picks) == 9, "without an option that asks, no lookup is needed"
    with pytest.raises(ValueError, match="lookup"):
        choose(columns, budget=Budget.parse(9))


def test_near_duplicates_of_what_is_picked_are_passed_over():
    base = "how many apples does the farmer have left after he sold the half of them at the market"
    near = base.replace("market", "fair")
    texts = [
        base,
        near,
        "a different sentence about trains that leave the station at noon",
        base.upper(),
        near + " today",
    ]
    rows = {f"k{n}": (9 - n, Row("", len(text), text, text)) for n, text in enumerate(texts)}
    columns, lookup, _ = pool(rows)
    chosen = choose(columns, budget=Budget.parse(5), options=Options(near_duplicates=0.7), lookup=lookup)
    kept = keys(chosen)
    assert kept == ["k0", "k2"]
    assert chosen.skipped == {"near_duplicates": 3}
    for n, text in enumerate(texts):
        near_one = any(reference.jaccard(text, texts[int(k[1])]) >= 0.7 for k in kept if k != f"k{n}")
        assert near_one is (f"k{n}" not in kept)


def test_length_limits():
    columns, lookup, _ = pool(numbered(10, lambda n: Row("", n, str(n))))
    chosen = choose(columns, budget=Budget.parse(10), options=Options(min_chars=3, max_chars=5), lookup=lookup)
    assert keys(chosen) == ["k00003", "k00004", "k00005"]
    assert chosen.skipped == {"min_chars": 3, "max_chars": 4}


FINE = "Please add the numbers that stand in the table below and say how you came to the sum of them."
FILTERS = {
    "repetition": (Options(repetition=0.3), lambda n: f"{FINE} {n}. {FINE}"),
    "pii": (Options(pii=True), lambda n: f"{FINE} Write to mary{n}@mail.org."),
    "language": (
        Options(language="en"),
        lambda n: f"Bitte zähle die Zahlen der Tabelle zusammen, Reihe für Reihe, {n}.",
    ),
    "decontaminate": (
        Options(decontaminate="7"),
        lambda n: f"Row {n}: a farmer has seventeen apples and sells five of them at the market before noon.",
    ),
}
TESTS = ["A farmer has seventeen apples, and sells five of them at the market before noon. How many are left?"]


@pytest.mark.parametrize("name", list(FILTERS))
def test_a_filter_holds_back_what_it_should_and_reads_on(name):
    """Nine rows in ten of the better half are held back; the budget is filled from below them all the same."""
    options, bad = FILTERS[name]
    fine = {n for n in range(3000) if n % 10 == 3 or n >= 1500}
    rows = numbered(3000, lambda n: made(f"{FINE} Number {n}." if n in fine else bad(n)))
    columns, lookup, _ = pool(rows)
    tests = TESTS if name == "decontaminate" else []
    chosen = choose(columns, budget=Budget.parse(500), options=options, lookup=lookup, tests=tests)
    assert keys(chosen) == [f"k{n:05}" for n in sorted(fine)[:500]]
    assert chosen.skipped == {name: chosen.read - 500}
    assert max(fine & set(range(chosen.read))) == chosen.read - 1, "read no further than the last pick"


def made(text):
    return Row("", len(text), text, text)


def test_all_filters_at_once_count_each_row_under_the_first_that_holds_it_back():
    every = Options(repetition=0.3, pii=True, language="en", decontaminate="7", near_duplicates=0.8, min_chars=10)
    texts = [FILTERS[name][1](n) for n, name in enumerate(FILTERS)] + ["short", FINE, FINE, FINE + " Now!"]
    columns, lookup, _ = pool({f"k{n}": (9 - n, made(text)) for n, text in enumerate(texts)})
    chosen = choose(columns, budget=Budget.parse(8), options=every, lookup=lookup, tests=TESTS)
    assert keys(chosen) == ["k5"]
    assert chosen.skipped == dict.fromkeys((*FILTERS, "min_chars", "exact_duplicates", "near_duplicates"), 1)


def test_an_answer_that_quotes_its_prompt_does_not_repeat_itself():
    content = Content("single", instruction="Mend the spelling.", input=FINE, outputs=(FINE, FINE.upper()))
    row = Row.of(content, "", 300, "x")
    assert row.parts == (f"Mend the spelling.\n{FINE}", FINE, FINE.upper())
    columns, lookup, _ = pool({"a": (1, row), "b": (0, made(f"{FINE} {FINE}"))})
    assert keys(choose(columns, budget=Budget.parse(2), options=Options(repetition=0.3), lookup=lookup)) == ["a"]


def test_rows_whose_language_nobody_can_tell_stay():
    texts = ["2 + 2 = 4", "Ja.", "for (i = 0; i < 10; i++) { a[i] = b[i] * 2; }", FILTERS["language"][1](1)]
    columns, lookup, _ = pool({f"k{n}": (9 - n, made(text)) for n, text in enumerate(texts)})
    assert keys(choose(columns, budget=Budget.parse(4), options=Options(language="en, fr"), lookup=lookup)) == [
        "k0", "k1", "k2",
    ]  # fmt: skip


def test_options_of_filters_are_read_and_checked():
    assert parse_params(Options, {"language": "EN,pt-BR"}).language == "en, pt"
    assert parse_params(Options, {"language": " , "}).language is None
    assert parse_params(Options, params_dict(Options(language="de"))) == Options(language="de")
    with pytest.raises(ParamsError, match="english is none"):
        parse_params(Options, {"language": "english"})
    with pytest.raises(ParamsError):
        parse_params(Options, {"repetition": "0"})
    with pytest.raises(ValueError, match="texts of the test rows"):
        choose([], budget=Budget.parse(1), options=Options(decontaminate="7"), lookup=lambda places: [])


def test_tests_alone_are_enough_to_hold_back():
    columns, lookup, _ = pool({"a": (1, made(TESTS[0])), "b": (0, made(FINE))})
    chosen = choose(
        columns, budget=Budget.parse(2), options=Options(exact_duplicates=False), lookup=lookup, tests=TESTS
    )
    assert (keys(chosen), chosen.skipped) == (["b"], {"decontaminate": 1})


def test_tokens_are_filled_in_order_past_rows_that_do_not_fit():
    sizes = [40, 4000, 40, 40, 400, 20]
    columns, lookup, _ = pool({f"k{n}": (9 - n, Row("", size, str(n))) for n, size in enumerate(sizes)})
    chosen = choose(columns, budget=Budget.parse("35tok"), lookup=lookup)
    assert keys(chosen) == ["k0", "k2", "k3", "k5"]
    assert (chosen.tokens, chosen.skipped) == (35, {"budget": 2})


def test_after_a_hundred_rows_that_do_not_fit_the_search_stops():
    rows = numbered(5000, lambda n: Row("", 40 if n < 3 or n > 4000 else 4000, str(n)))
    columns, lookup, asked = pool(rows)
    chosen = choose(columns, budget=Budget.parse("100tok"), lookup=lookup)
    assert (len(chosen.picks), chosen.skipped["budget"]) == (3, 100)
    assert len(asked) < 1000


def test_the_cap_counts_tokens_when_the_budget_does():
    columns, lookup, _ = pool(numbered(100, lambda n: Row("a" if n < 50 else "b", 40, str(n))))
    chosen = choose(columns, budget=Budget.parse("100tok"), options=Options(source_cap=0.5), lookup=lookup)
    assert [key < "k00050" for key in keys(chosen)] == [True] * 5 + [False] * 5


def test_reads_no_further_than_it_must():
    columns, lookup, asked = pool(numbered(20_000, lambda n: Row("", 10, str(n))))
    choose(columns, budget=Budget.parse(50), lookup=lookup)
    assert len(asked) <= 100


def test_rows_without_a_score_are_never_picked():
    column = score_column(["a", "b", "c", "d"], np.array([1.0, np.nan, -np.inf, 2.0]), start=0)
    chosen = choose([column], budget=Budget.parse(4), options=Options(exact_duplicates=False))
    assert keys(chosen) == ["d", "a"]


def test_progress_is_told_and_may_stop_the_reading():
    columns, lookup, _ = pool(numbered(3000, lambda n: Row("", 10, str(n))))
    told = []
    choose(columns, budget=Budget.parse(3000), lookup=lookup, tick=told.append)
    assert told[-1] == 3000
    assert told == sorted(told)

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        choose(columns, budget=Budget.parse(3000), lookup=lookup, tick=stop)


@settings(max_examples=100, deadline=None)
@given(
    scores=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, -1.0]), max_size=30),
    cut=st.integers(0, 30),
    wanted=st.integers(1, 40),
)
def test_merged_columns_are_one_order(scores, cut, wanted):
    names = [f"{n * 7919 % 100:02}" for n in range(len(scores))]
    pieces = (slice(0, cut), slice(cut, None))
    columns = [score_column(names[piece], np.array(scores[piece]), start=0) for piece in pieces]
    chosen = choose(columns, budget=Budget.parse(wanted), options=Options(exact_duplicates=False))
    expected = sorted(zip(scores, names, strict=True), key=lambda pair: (-pair[0], pair[1]))[:wanted]
    assert [(pick.score, pick.key) for pick in chosen.picks] == expected
    for pick in chosen.picks:
        assert names[pieces[pick.column]][pick.row] == pick.key


@pytest.mark.parametrize(
    ("text", "rows"),
    [("1000", 1000), ("1,000", 1000), ("5%", 500), ("0.5%", 50), ("100%", 10_000), ("20000", 10_000), ("0.001%", 1),
     (250, 250), ("1 000 rows", 1000), ("29%", 2900)],
)  # fmt: skip
def test_budgets_in_rows(text, rows):
    assert Budget.parse(text).rows(10_000) == rows


def test_a_budget_in_tokens():
    budget = Budget.parse("200000tok")
    assert (budget.kind, budget.amount, budget.rows(10)) == ("tokens", 200_000, None)
    assert [tokens(chars) for chars in (0, 1, 4, 5, 400)] == [1, 1, 1, 2, 100]


@pytest.mark.parametrize(
    "text", ["", "0", "-5", "abc", "0%", "101%", "5 %%", "1e3", "1.5", "1,2", "nan", "9" * 20, "5,5%"]
)
def test_budgets_that_mean_nothing(text):
    with pytest.raises(ParamsError) as caught:
        Budget.parse(text)
    assert caught.value.field == "budget"


@pytest.mark.parametrize("text", ["1000", "5%", "0.25%", "200000tok"])
def test_a_budget_is_written_as_it_was_read(text):
    assert str(Budget.parse(text)) == text
    assert Budget.parse(Budget.parse(text)) == Budget.parse(text)


def test_rows_of_the_same_meaning_are_held_back_but_never_come_up_short():
    """Compared with picked rows only: what is like a dropped row, but not like a picked one, stays."""
    from selection.encoders import load

    texts = [
        "the cat sat on the mat",
        "the cats sat on mats",
        "a python function that sorts",
        "sort with a python function",
        "",
    ]
    vectors = load("static").encode(texts)
    alike = vectors @ vectors.T
    limit = float(min(alike[0, 1], alike[2, 3])) - 0.01
    assert limit > max(alike[0, 2], alike[0, 3], alike[1, 2], alike[1, 3]) + 0.02, "the pairs are told apart"
    keys = [f"k{n}" for n in range(len(texts))]
    column = score_column(keys, np.arange(len(texts), 0, -1.0), start=0)

    def lookup(places):
        return [Row("", len(texts[place.row]), texts[place.row], texts[place.row]) for place in places]

    options = Options(same_meaning=limit)
    chosen = choose([column], budget=Budget.parse(3), options=options, lookup=lookup)
    assert [pick.key for pick in chosen.picks] == ["k0", "k2", "k4"]
    assert chosen.skipped == {"same_meaning": 2}
    loose = choose([column], budget=Budget.parse(3), options=Options(same_meaning=0.999), lookup=lookup)
    assert [pick.key for pick in loose.picks] == ["k0", "k1", "k2"]


def themes():
    """30 rows, best first: 20 about cats, then 5 about sums and 5 about trains; a column and its lookup."""
    texts = [f"the cat number {n} sat on the mat" for n in range(20)]
    texts += [f"add the numbers {n} and seven and give the sum" for n in range(5)]
    texts += [f"which platform does the railway train to station {n} leave from" for n in range(5)]
    keys = [f"k{n:02d}" for n in range(len(texts))]

    def lookup(places):
        return [
            Row("cats" if place.row < 20 else "", len(texts[place.row]), texts[place.row], texts[place.row])
            for place in places
        ]

    return score_column(keys, np.arange(len(texts), 0, -1.0), start=0), lookup


@pytest.mark.parametrize("way", ["k_center", "facility_location"])
def test_a_spread_takes_every_theme_where_the_order_of_scores_takes_one(way):
    column, lookup = themes()
    plain = choose([column], budget=Budget.parse(4), lookup=lookup)
    assert {pick.row < 20 for pick in plain.picks} == {True}
    chosen = choose([column], budget=Budget.parse(4), options=Options(spread=way, spread_over=8), lookup=lookup)
    assert {0 if p.row < 20 else 1 if p.row < 25 else 2 for p in chosen.picks} == {0, 1, 2}
    assert len(chosen.picks) == 4
    near = choose([column], budget=Budget.parse(4), options=Options(spread=way, spread_over=2), lookup=lookup)
    assert {pick.row < 8 for pick in near.picks} == {True}, "the head is 2 × 4 rows, all of them cats"
    assert [p.score for p in chosen.picks] == [30.0 - p.row for p in chosen.picks], "scores stay those of the method"


@pytest.mark.parametrize("way", ["k_center", "facility_location"])
def test_a_spread_never_comes_up_short(way):
    """Held back rows are made up for from the rest of the head, then from behind it."""
    column, lookup = themes()
    options = Options(spread=way, spread_over=2, source_cap=0.2)
    chosen = choose([column], budget=Budget.parse(10), options=options, lookup=lookup)
    assert len(chosen.picks) == 10
    assert sum(pick.row < 20 for pick in chosen.picks) == 2
    every = choose([column], budget=Budget.parse(30), options=Options(spread=way), lookup=lookup)
    assert sorted(pick.row for pick in every.picks) == list(range(30))
    short = Options(spread=way, spread_over=2, min_chars=40)
    picks = choose([column], budget=Budget.parse(3), options=short, lookup=lookup)
    assert {pick.row >= 20 for pick in picks.picks} == {True}, "rows that are too short take no place in the head"
    assert picks.skipped["min_chars"] == 20
    assert picks.read >= 23


def test_a_spread_counts_tokens():
    column, lookup = themes()
    options = Options(spread="k_center", spread_over=3)
    chosen = choose([column], budget=Budget.parse("40tok"), options=options, lookup=lookup)
    assert 30 < chosen.tokens <= 40
    assert chosen.tokens == sum(tokens(row.chars) for row in lookup([Place(0, p.row, p.key) for p in chosen.picks]))
