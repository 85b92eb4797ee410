"""Embedding: every aggregation against plain numpy on the same vectors, groups, an index, vectors made once."""

import dataclasses

import numpy as np
import pytest

from selection.encoders import load
from selection.methods import METHODS, Ctx, ParamsError, Scores, parse_params, select
from selection.methods.base import notes_of
from selection.methods.local import run_local
from tests.methods.tables import run, small_items, target_of

WORDS = ["apples", "price", "train", "protein", "python", "def", "return", "river", "music", "tax"]
ROWS = [
    (f"r{n:03}", " ".join(WORDS[(n * step + n) % 10] for step in range(1, 4 + n % 3)) + f" {n}", "") for n in range(60)
]
AIMS = ("the price of apples", "def return python", "protein and river")


def cosines():
    encode = load("static").encode
    rows = encode([text for _, text, _ in ROWS]).astype(np.float16).astype(np.float32)
    return encode(AIMS) @ rows.T, encode(AIMS), rows


def told(columns):
    found = {k.decode(): s for column in columns for k, s in zip(column["key"], column["score"], strict=True)}
    return np.array([found[key] for key, _, _ in ROWS if key in found])


@pytest.mark.parametrize("per_item", [None, 7])
@pytest.mark.parametrize("how", ["max", "mean", "prototype"])
def test_equal_to_plain_numpy(how, per_item):
    found, aims, rows = cosines()
    centre = aims.mean(axis=0)
    wanted = {"max": found.max(axis=0), "mean": found.mean(axis=0), "prototype": rows @ centre / np.linalg.norm(centre)}
    columns, _ = run("embedding", [ROWS[:23], ROWS[23:]], target=AIMS, aggregation=how, per_item=per_item)
    np.testing.assert_allclose(told(columns), wanted[how], atol=4e-4)


def test_in_turn_each_target_names_its_nearest_row_that_is_free():
    found, _, _ = cosines()
    picks = select([{"id": k, "text": t} for k, t, _ in ROWS], [{"text": t} for t in AIMS], method="embedding",
                   aggregation="round_robin", budget=3)  # fmt: skip
    best = [ROWS[line.argmax()][0] for line in np.round(found, 3)]
    assert len(set(best)) == 3, "each target has another nearest row, so the first round names those"
    assert [pick.key for pick in picks] == best


def grouped(texts, groups):
    return dataclasses.replace(target_of(texts), groups=tuple(groups))


def scores_with(target, **params):
    method = small_items(METHODS["embedding"], 7)
    sizes = [30, 30]

    def open_item(item):
        from selection.methods import Shard

        held = ROWS[item.shard * 30 + item.start : item.shard * 30 + item.stop]
        texts = [text for _, text, _ in held]
        return Shard.of({"keys": [key for key, _, _ in held], "text": texts, "prompt": texts}, item.start)

    ctx = Ctx(parse_params(METHODS["embedding"].Params, params), target, 0, 60)
    return told(run_local(method, ctx, sizes, open_item)[0])


def test_a_group_weighs_the_same_however_many_rows_it_has():
    texts = [AIMS[0], AIMS[0], AIMS[0], AIMS[1]]
    found, _, _ = cosines()
    alike = scores_with(grouped(texts, ["a", "a", "a", "b"]), aggregation="mean")
    np.testing.assert_allclose(alike, (found[0] + found[1]) / 2, atol=4e-4)
    ignored = scores_with(grouped(texts, ["a", "a", "a", "b"]), aggregation="mean", groups="ignore")
    np.testing.assert_allclose(ignored, (3 * found[0] + found[1]) / 4, atol=4e-4)


def test_groups_take_turns():
    found, _, _ = cosines()
    first = np.round(found, 3).argmax(axis=1)
    order = np.argsort(-scores_with(grouped([AIMS[0], AIMS[0], AIMS[2]], ["a", "a", "b"]), aggregation="round_robin"))
    assert order[:2].tolist() == [first[0], first[2]]


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_an_index_finds_the_best_rows_and_says_how_well(kind):
    exact, _ = run("embedding", [ROWS], target=AIMS)
    columns, ctx = run("embedding", [ROWS[:23], ROWS[23:]], target=AIMS, search=kind, per_item=9)
    assert not any(column["exact"].any() for column in columns)
    both = {}
    for name, found in (("exact", exact), ("index", columns)):
        pairs = [(-s, k) for column in found for k, s in zip(column["key"], column["score"], strict=True)]
        both[name] = [key for _, key in sorted(pairs)[:10]]
    assert both["index"] == both["exact"]
    notes = notes_of(METHODS["embedding"], ctx, Scores.of(columns))
    assert notes[0].kind == "fact"
    assert "100.0% of the rows" in notes[0].text


def test_a_poor_index_is_a_warning():
    columns, ctx = run("embedding", [ROWS], target=AIMS, search="hnsw")
    ctx.values["found"]["recall"][0] = 0.5
    note = notes_of(METHODS["embedding"], ctx, Scores.of(columns))[0]
    assert note.kind == "warning"
    assert "Choose the exact search" in note.text


def test_a_mean_cannot_go_through_an_index():
    method = METHODS["embedding"]
    with pytest.raises(ParamsError) as caught:
        method.passes(parse_params(method.Params, {"search": "ivf", "aggregation": "mean"}))
    assert caught.value.field == "search"


@pytest.mark.parametrize(
    ("model", "why"), [("", "must name a model"), ("no/such folder", "neither"), ("/no/folder", "exist")]
)
def test_a_model_that_is_not_there_is_named_before_rows_are_read(model, why):
    with pytest.raises(ParamsError) as caught:
        run("embedding", [ROWS], encoder="other", model=model)
    assert caught.value.field == "model"
    assert why in caught.value.why


def test_vectors_are_made_once_for_all_runs_of_an_encoder(monkeypatch):
    kept, method = {}, METHODS["embedding"]

    def open_item(item):
        from selection.methods import Shard

        return Shard.of({"keys": [k for k, _, _ in ROWS][item.start : item.stop],
                         "text": [t for _, t, _ in ROWS][item.start : item.stop]}, item.start)  # fmt: skip

    ctx = Ctx(method.Params(), target_of(AIMS), 0, 60)
    first, _ = run_local(method, ctx, [60], open_item, features=kept)
    assert [vectors.shape for vectors in kept.values()] == [(60, load("static").dims)]
    monkeypatch.setattr("selection.methods.features._encode", None)  # a second making would fail
    again, _ = run_local(method, ctx, [60], open_item, features=kept)
    np.testing.assert_array_equal(told(first), told(again))


def test_bad_targets_and_rows_give_an_answer():
    same = [(f"k{n}", "all rows are equal", "") for n in range(5)]
    columns, _ = run("embedding", [same], target=("all rows are equal",))
    assert len({round(float(s), 5) for column in columns for s in column["score"]}) == 1
    empty, _ = run("embedding", [[("a", "", ""), ("b", "words", "")]], target=("words",))
    assert {k: float(s) > 0.5 for c in empty for k, s in zip(c["key"], c["score"], strict=True)} == {
        b"a": False,
        b"b": True,
    }
    huge, _ = run("embedding", [[("a", "word " * 200_000, "")]], target=("word",))
    assert np.isfinite(huge[0]["score"]).all()
