"""Recipes, splits, leakage, differences, licences: pure."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.content import Content, Message
from curation.datasets import recipe as recipes
from curation.datasets import splits as splitting
from curation.datasets.comparing import differences
from curation.datasets.leakage import Text, look
from curation.datasets.licences import conflicts
from curation.datasets.recipe import RecipeError
from curation.datasets.rows import Row, canonical, dull, pack, records, unpack

quickly = settings(max_examples=60, deadline=None)
TEXT = "the patient came to the clinic with a letter from her doctor and went home again in the evening"
WORDS = TEXT.split()


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"colour": 1}, "colour"),
        ({"sources": {}}, None),
        ({"sources": "x"}, "sources"),
        ({"sources": [{"kind": "pool", "id": 1}]}, "sources[0].kind"),
        ({"sources": [{"kind": "task", "id": "1"}]}, "sources[0].id"),
        ({"sources": [{"kind": "task", "id": 1}] * 2}, "sources[1]"),
        ({"sources": [{"kind": "task", "id": 1, "weight": 0}]}, "sources[0].weight"),
        ({"sources": [{"kind": "task", "id": 1, "weight": float("nan")}]}, "sources[0].weight"),
        ({"sources": [{"kind": "task", "id": 1, "state": "open"}]}, "sources[0].state"),
        ({"sources": [{"kind": "task", "id": 1}], "mix": "share"}, "sources[0].share"),
        ({"sources": [{"kind": "task", "id": 1, "share": 0.4}], "mix": "share"}, "sources"),
        ({"filters": {"min_chars": 9, "max_chars": 3}}, "filters.min_chars"),
        ({"filters": {"from_day": "May"}}, "filters.from_day"),
        ({"filters": {"licences": [3]}}, "filters.licences"),
        ({"filters": {"min_agreement": 2}}, "filters.min_agreement"),
        ({"caps": {"word": 3}}, "caps.word"),
        ({"caps": {"tag": 0}}, "caps.tag"),
        ({"balance": {"by": "mood", "each": 1}}, "balance.by"),
        ({"balance": {"by": "tag"}}, "balance"),
        ({"temperature": 0}, "temperature"),
        ({"rows": -1}, "rows"),
        ({"rows": True}, "rows"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_a_wrong_recipe_names_the_place(raw, place):
    if place is None:
        assert recipes.parse(raw).sources == ()
        return
    with pytest.raises(RecipeError) as raised:
        recipes.parse(raw)
    assert raised.value.place == place


def test_a_recipe_goes_through_json_unchanged():
    raw = {
        "sources": [{"kind": "task", "id": 3, "share": 1.0}], "mix": "share", "rows": 10, "filters": {"licences": ["", "MIT"]},
        "balance": {"by": "tag", "counts": {"a": 3}}, "caps": {"tag": 9},
    }  # fmt: skip
    whole = recipes.parse(raw).to_dict()
    assert recipes.parse(whole).to_dict() == whole


@pytest.mark.parametrize(
    "raw",
    [
        {"shares": {"train": 0.5}}, {"shares": {"Train": 1.0}}, {"shares": {"train": 2}}, {"shares": [1]}, {"group": "mood"},
        {"group": "tag"}, {"seed": "x"},
    ],
)  # fmt: skip
def test_wrong_splits_are_refused(raw):
    with pytest.raises(RecipeError):
        splitting.parse(raw)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=50, unique=True), st.integers(0, 99))
def test_a_split_follows_from_the_group_alone(keys, seed):
    splits = splitting.parse({"shares": {"train": 0.5, "test": 0.3, "dev": 0.2}, "seed": seed})
    whole = dict(zip(keys, splitting.assign(splits, keys), strict=True))
    for key in keys:
        assert splitting.assign(splits, [key]) == [whole[key]]


def test_shares_are_kept_and_smaller_ones_lie_within():
    keys = [f"row {n}" for n in range(20_000)]
    found = splitting.assign(splitting.parse({"shares": {"train": 0.8, "test": 0.2}}), keys)
    assert abs(found.count("train") / len(keys) - 0.8) < 0.01
    assert set(splitting.assign(splitting.parse({"shares": {"train": 1.0}}), keys)) == {"train"}


def test_groups_by_prompt_tag_source_and_lineage():
    def of(raw, **fields):
        given = {"key": "k", "content": Content("single", "Say  IT", "now", ("x",)), "source": "s", "tags": ("doc-7",)}
        return splitting.group_of(splitting.parse(raw), **(given | {"lineage": {"file": "f"}} | fields))

    same = of({"group": "prompt"}, content=Content("single", "say it", "NOW", ("another answer",)))
    assert of({"group": "prompt"}) == same
    assert of({"group": "row"}) == "k"
    assert of({"group": "source"}) == "s"
    assert of({"group": "tag", "name": "doc-"}) == "doc-7"
    assert of({"group": "tag", "name": "other-"}) == "k"
    assert of({"group": "lineage", "name": "file"}) == "f"


def text(key, split, words):
    return Text(key, split, " ".join(words[:3]) + key, " ".join(words))


def test_leakage_is_found_exactly_and_nearly_between_splits_alone():
    near = [*WORDS * 3, "indeed"]
    held = [
        text("h1", "test", WORDS * 3),
        text("h2", "dev", ["other", *reversed(WORDS)]),
        text("h3", "test", WORDS * 3),
    ]
    largest = [
        text("t1", "train", near), Text("t2", "train", "x", " ".join(["OTHER", *reversed(WORDS)])),
        text("t3", "train", ["nothing", "like", "it", "at", "all"]), Text("t4", "train", "", ""),
    ]  # fmt: skip
    found = look(held, largest).to_dict()
    assert (found["exact"], found["near"], found["held"]) == (1, 1, 3)
    assert {(one["kind"], one["key"], one["other"]) for one in found["pairs"]} == {
        ("exact", "t2", "h2"),
        ("near", "t1", "h1"),
    }


def test_leakage_among_held_out_splits_is_found():
    near = [*WORDS * 3, "indeed"]
    found = look([text("h1", "test", WORDS * 3), text("h2", "dev", near), Text("h3", "dev", "", "")], [])
    assert (found.exact, found.near) == (0, 1)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(max_size=4), st.binary(min_size=1, max_size=1)),
    st.dictionaries(st.text(max_size=4), st.binary(min_size=1, max_size=1)),
)
def test_differences_are_those_of_the_two_sets(before, after):
    def entries(found):
        return [(key, found[key], "train") for key in sorted(found)]

    said = {(one.kind, one.key) for one in differences(entries(before), entries(after))}
    assert said == (
        {("added", key) for key in after.keys() - before.keys()}
        | {("removed", key) for key in before.keys() - after.keys()}
        | {("changed", key) for key in after.keys() & before.keys() if after[key] != before[key]}
    )


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"MIT": 3, "CC-BY-4.0": 2}, []),
        ({"MIT": 3, "": 2}, ["2 rows name no licence"]),
        ({"CC-BY-SA-4.0": 1, "CC-BY-NC-4.0": 1}, ["forbids further limits"]),
        ({"CC-BY-SA-4.0": 1, "GPL-3.0": 1}, ["each ask that the whole"]),
        ({"CC-BY-SA-3.0": 1, "CC-BY-SA-4.0": 1}, ["passed on under the same licence"]),
        ({"CC-BY-NC-4.0": 1, "MIT": 1}, ["may not be used commercially"]),
        ({"CC-BY-ND-4.0": 1}, ["allows no changed copies"]),
    ],
)
def test_licences_that_stand_against_each_other_are_pointed_out(counts, said):
    found = [one.text for one in conflicts(counts)]
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))


SAFE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


@settings(max_examples=60, deadline=None)
@given(SAFE, SAFE, st.lists(SAFE, max_size=3), st.lists(SAFE, max_size=2), st.none() | SAFE, st.none() | st.booleans())
def test_rows_come_back_as_they_went(instruction, given_text, outputs, tags, chosen, desirable):  # noqa: PLR0917
    row = Row(
        "t1/a", Content("single", instruction, given_text, tuple(outputs)), tags=tuple(tags), chosen=chosen,
        desirable=desirable, answer={"output": given_text}, lineage={"file": instruction, "line": 3},
    )  # fmt: skip
    assert list(unpack(pack([row]))) == [row]
    assert canonical({"b": 1, "a": 2}) == '{"a":2,"b":1}'


def test_numbers_of_any_size_in_calls_of_tools_stay_whole():
    call = {"tool_calls": [{"function": {"name": "f", "arguments": {"n": 2**70}}}]}
    content = Content("chat", messages=(Message("user", "x"), Message("assistant", "", call)))
    row = Row("t1/a", content, tools=({"type": "function", "most": 2**70},))
    table = pack([row])
    assert list(unpack(table)) == [row]
    [record] = records(table)
    assert (record.content, record.tools) == (content, row.tools)


@pytest.mark.parametrize(
    ("content", "missing", "shown"),
    [
        (Content("single", "a", "b", ("c",)), set(), False),
        (Content("single", "a", "b", ("c",), system="d"), set(), True),
        (Content("chat", messages=(Message("user", "a"),)), set(), True),
        (Content("single", "a", "b", ("c", "d")), set(), False),
        (Content("single", "a", "b", ("c", "d")), {"outputs"}, True),
        (Content("single", "a", "b", ("c",)), {"key"}, True),
        # Texts that look like the JSON around them, and such as end in a backslash.
        (Content("single", '"system":"x"', '"kind":"chat"', ('","',)), {"outputs"}, False),
        (Content("single", '\\"system":"', "b\\", ("c\\", "d")), {"outputs"}, True),
        (Content("single", '\\', "b\\", ("c\\",)), {"outputs"}, False),
    ],
)  # fmt: skip
def test_rows_that_show_nothing_new_are_known_without_opening_them(content, missing, shown):
    [batch] = pack([Row("t1/a", content)]).to_batches()
    assert dull(batch, missing) == [not shown]
    [batch] = pack([Row("t1/a", content, chosen="x", rejected="y", desirable=False)]).to_batches()
    assert dull(batch, missing | {"chosen"}) == [False]
    assert [one.content for one in records(batch)] == [content]


@quickly
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc "), st.sampled_from(["dev", "test"])), max_size=12),
       st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd ")), max_size=8))  # fmt: skip
def test_exact_leakage_is_what_a_plain_search_finds(held, largest):
    """A row leaks when the first row with its prompt or its text, case and space apart, is of another split."""
    rows = [Text(f"h{n}", split, prompt, f" {said.upper()} ") for n, (prompt, said, split) in enumerate(held)]
    mine = [Text(f"t{n}", "train", prompt, said) for n, (prompt, said) in enumerate(largest)]
    first = {}
    for one in rows:
        for mark in (one.prompt.strip().lower(), one.text.strip().lower()):
            first.setdefault(mark, one.split)
    marks = lambda one: {one.prompt.strip().lower(), one.text.strip().lower()} - {""}  # noqa: E731
    among = sum(any(first[mark] != one.split for mark in marks(one)) for one in rows)
    across = sum(bool(one.text.strip()) and any(mark in first for mark in marks(one)) for one in mine)
    assert look(rows, mine).exact == among + (across if rows else 0)
