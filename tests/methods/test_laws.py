"""What every registered method promises, whatever it computes."""

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selection.methods import METHODS, Ctx, Shard, dump, load, params_dict, params_schema, parse_params
from tests.methods.tables import USUAL, cut_tables, picks, run, small_items, tables, target_of

few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**40)


# Fields whose code is that of another method here, for methods where a row takes milliseconds.
SHARED = {
    "rds_plus": {"groups", "duplicates", "view"},
    "mona": {"groups", "duplicates", "view"},
    "less": {"groups", "setting", "learn"},
}
FEW_ROWS = {"zipfit": 8, "uncertainty": 8, "rds_plus": 600, "perplexity": 600, "ifd": 600}


def variants(method):
    """The defaults, and every choice of every field once."""
    usual = USUAL.get(method.name, {})
    yield usual
    for entry in params_schema(method.Params):
        for value in entry["choices"]:
            if entry["name"] in SHARED.get(method.name, ()):
                continue
            # Who makes the vectors changes nothing but their numbers, and a sentence encoder takes minutes.
            if value != entry["default"] and entry["name"] != "encoder" and value != "minilm":
                yield {**usual, entry["name"]: value}


# A method that adds up finished runs has nothing to do without them; tests/methods/test_runs_fusion.py is for it.
NAMES = [name for name, method in METHODS.items() if not getattr(method, "needs_runs", False)]
BY_CHANCE = {
    "random",
    "dedup",
    "semdedup",
    "d4",
    "tsds",
    "ideal",
    "uncertainty",
}  # drawn by chance, or of equal rows one stays
LEAVES_OUT = {"d4"}  # some of any three rows
DRAWN = [("dsir", {"draw": "gumbel"}), ("dsir", {"mode": "paper"})]  # chance is added to the scores
CASES = [(name, params) for name in NAMES for params in variants(METHODS[name])]
every = pytest.mark.parametrize(
    ("name", "params"), CASES, ids=[f"{n}-{'-'.join(p.values()) or 'default'}" for n, p in CASES]
)
each = pytest.mark.parametrize("name", NAMES)


@every
@few
@given(cut=cut_tables(), seed=seeds, per_item=st.integers(1, 5))
def test_cutting_the_pool_changes_nothing(name, params, cut, seed, per_item):
    rows, shards = cut
    assert METHODS[name].exact, "a method that is not exact states a measured bound instead"
    assert picks(name, [rows], seed=seed, **params) == picks(name, shards, seed=seed, per_item=per_item, **params)


@every
@few
@given(rows=tables(), seed=seeds, order=st.randoms())
def test_the_order_of_rows_changes_nothing(name, params, rows, seed, order):
    shuffled = rows[:]
    order.shuffle(shuffled)
    # Of exact duplicates the first in order of score and key stays, so that does not depend on the order either.
    assert picks(name, [rows], seed=seed, **params) == picks(name, [shuffled], seed=seed, **params)


@each
@few
@given(rows=tables(), seed=seeds, budget=st.integers(1, 20))
def test_never_more_than_the_budget_no_row_twice_only_known_keys(name, rows, seed, budget):
    found = [key for key, _ in picks(name, [rows], budget=budget, seed=seed, **USUAL.get(name, {}))]
    assert len(found) <= budget
    assert len(set(found)) == len(found)
    assert set(found) <= {key for key, _, _ in rows}


@each
@few
@given(rows=tables(), seed=seeds, small=st.integers(1, 6))
def test_a_larger_budget_only_adds_picks(name, rows, seed, small):
    usual = USUAL.get(name, {})
    many = picks(name, [rows], budget=20, seed=seed, **usual)
    assert many[:small] == picks(name, [rows], budget=small, seed=seed, **usual)


@every
def test_equal_scores_are_ordered_by_key(name, params):
    rows = [(key, "the same text in every row", "") for key in ("b", "a", "é", "a~2", "Z")]
    columns, _ = run(name, [rows[:2], rows[2:]], **params)
    for column in columns:
        order = list(zip(-column["score"], column["key"], strict=True))
        assert order == sorted(order)
    if name not in BY_CHANCE and (name, params) not in DRAWN:
        from selection.methods import Options

        found = [key for key, _ in picks(name, [rows[:2], rows[2:]], options=Options(exact_duplicates=False), **params)]
        assert found == sorted(key for key, _, _ in rows)


@every
@pytest.mark.parametrize("shards", [[], [[]], [[], []], [[], [("only", "add apples", "one")], []]], ids=len)
def test_empty_shards_and_a_single_row(name, params, shards):
    assert [key for key, _ in picks(name, shards, **params)] == ["only" for shard in shards for _ in shard]


@every
@few
@given(cut=cut_tables(), seed=seeds)
def test_what_travels_between_workers_survives_the_journey(name, params, cut, seed):
    """Every part and value goes through `dump` and `load`, as it does between the workers of a run."""
    _rows, shards = cut
    method = METHODS[name]

    class Travelling:
        def passes(self, given):
            return [
                step._replace(map=sent(step.map), reduce=step.reduce and sent(step.reduce))
                for step in method.passes(given)
            ]

    def sent(work):
        return lambda *args: load(dump(work(*args)))

    plain, _ = run(name, shards, seed=seed, **params)
    METHODS._made[name], kept = Travelling(), METHODS[name]
    Travelling.name, Travelling.Params = kept.name, kept.Params
    try:
        moved, _ = run(name, shards, seed=seed, **params)
    finally:
        METHODS._made[name] = kept
    for one, other in zip(plain, moved, strict=True):
        assert set(one) == set(other) == {"key", "row", "score", "exact"}
        for column in one:
            assert one[column].dtype.kind == other[column].dtype.kind
            np.testing.assert_array_equal(one[column], other[column])


@every
def test_score_columns_have_the_agreed_form(name, params):
    columns, _ = run(
        name, [[("k1", "add", "one"), ("k2", "sum the price", "two"), ("k3", "x", "")]], per_item=2, **params
    )
    for column, there in zip(columns, ([0], [1, 2]), strict=True):
        found = sorted(column["row"])
        assert found == there or (name in LEAVES_OUT and set(found) < set(there)), (
            "places within the shard, not the item"
        )
        assert len(column["key"]) == len(found)
    for column in columns:
        assert (column["key"].dtype.kind, column["score"].dtype, column["row"].dtype) == ("S", np.float32, np.uint32)
        assert column["exact"].dtype == bool
        assert column["exact"].all() or params.keys() & {"search", "mode", "entries"}, (
            "only a quicker way estimates, and says so"
        )


@every
def test_progress_is_told_and_work_can_be_stopped(name, params):
    class Stopped(Exception):
        pass

    def stop(done):
        raise Stopped

    method, told = METHODS[name], []
    rows = [(f"k{n}", "add the price of apples", "one") for n in range(FEW_ROWS.get(name, 3000))]
    held = {
        "keys": [r[0] for r in rows],
        "text": [r[1] for r in rows],
        "prompt": [r[1] for r in rows],
        "response": [r[1] for r in rows],
        "sources": [r[2] for r in rows],
    }
    targets = target_of(["add"] if name != "zipfit" else ["add"] * 6000)
    ctx = Ctx(parse_params(method.Params, params), targets, 0, len(rows), tick=told.append)
    first = method.passes(ctx.params)[0]
    first.map(Shard.of(held), ctx)
    assert told == sorted(told)
    if name == "random":
        return  # too quick to tell anything within an item
    assert told
    assert told[-1] <= len(rows)
    with pytest.raises(Stopped):
        first.map(Shard.of(held), dataclasses.replace(ctx, tick=stop))


@every
def test_reasons_are_one_list_a_row_and_json(name, params):
    import json

    rows = [("a", "add the price of apples", "one"), ("b", "nothing shared", ""), ("c", "def sum return", "two")]
    made = {}
    _, ctx = run(name, [rows], kept=made, **params)
    texts = [text for _, text, _ in rows]
    views = dict.fromkeys(("text", "prompt", "response"), texts)
    shard = Shard.of({"keys": ["a", "b", "c"], "sources": ["one", "", "two"], **views, **made})
    found = METHODS[name].reasons(shard, ctx)
    assert len(found) == 3
    for reasons in found:
        assert reasons
        for reason in reasons:
            assert reason.text.endswith(".")
            json.dumps(reason.to_dict(), allow_nan=False)
    none = {key: [] for key in ("keys", "text", "prompt", "response", "sources")}
    empty = Shard.of({**none, **{key: vectors[:0] for key, vectors in made.items()}})
    assert METHODS[name].reasons(empty, ctx) == []


@every
def test_params_make_the_round_trip(name, params):
    cls = METHODS[name].Params
    made = parse_params(cls, params)
    assert parse_params(cls, params_dict(made)) == made
    assert parse_params(cls, {key: str(value) for key, value in params_dict(made).items()}) == made, (
        "as a form sends them"
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.anything = 1


@each
def test_a_method_says_what_a_person_needs(name):
    method = METHODS[name]
    assert method.name == name
    assert method.title
    assert method.summary.endswith((".", "?"))
    assert method.version
    assert method.memory in ("stream", "pool")
    for entry in params_schema(method.Params):
        assert entry["label"], entry["name"]
        assert entry["type"] in ("int", "float", "bool", "str")
    defaults = method.Params()
    small, large = method.seconds(1000, 10, defaults), method.seconds(100_000, 10, defaults)
    assert 0 < small < large
    passes = method.passes(defaults)
    assert len({step.name for step in passes}) == len(passes)
    for step in passes:
        assert step.title
        assert step.rows_per_item(Ctx(defaults, target_of(["a"]), rows=1000)) >= 1


@each
def test_several_processes_pick_the_same(name):
    rows = [(f"k{n:02}", f"add the price of {n} apples {'x' * (n % 7)}", "one") for n in range(40)]
    usual = USUAL.get(name, {})
    assert picks(name, [rows[:25], rows[25:]], processes=2, **usual) == picks(name, [rows], **usual)


def test_small_items_really_cut():
    """The laws above would say little if their driver did not cut."""
    columns, _ = run("random", [[(str(n), "x", "") for n in range(10)]], per_item=3)
    assert len(columns) == 4
    assert small_items(METHODS["random"], 1).name == "random"
