"""RDS+: numbers by hand, the faults of its published code, and what a run says. On a GPU where there is one."""

import json

import numpy as np
import pytest
import torch

from selection.encoders import causal
from selection.methods import METHODS, Ctx, ParamsError, Scores, Shard, parse_params, select
from selection.methods.base import pass_on
from selection.methods.rds_plus import pooled
from selection.methods.turns import Lists, places
from tests import tiny_lm
from tests.encoders.conftest import DEVICE
from tests.methods.tables import picks, run, target_of

MODEL = tiny_lm.tiny()
TEXTS = ["add the price of apples", "x", "def sum return " * 3, "gene", "", "to is the of a train", "é" * 9]
ROWS = [(f"k{at}", text, "") for at, text in enumerate(TEXTS)]


def test_a_mean_that_grows_along_the_row():
    hidden = torch.tensor([[[1.0, 0], [0, 1], [1, 1]]], device=DEVICE)
    mean = np.array([4 / 6, 5 / 6])
    found = pooled(hidden, torch.ones(1, 3, dtype=torch.bool, device=DEVICE))
    np.testing.assert_allclose(found, [mean / np.linalg.norm(mean)], rtol=1e-6)


def test_padding_has_no_weight():
    """In the published code the weights run over the padding too, so a row in a batch got another vector."""
    hidden = torch.tensor([[[1.0, 0], [0, 1], [1, 1], [7, -9], [torch.inf, torch.nan]]], device=DEVICE)
    real = torch.tensor([[True, True, True, False, False]], device=DEVICE)
    np.testing.assert_array_equal(pooled(hidden, real), pooled(hidden[:, :3], real[:, :3]))


@pytest.mark.parametrize("budget", [1, 40, 100_000])
def test_any_batch_gives_the_vectors_of_a_batch_of_one(budget):
    lm = causal.load(MODEL, DEVICE)
    tokens = lm.tokens(TEXTS)
    found = {}
    for rows, hidden, mask in lm.hidden(tokens, lm.depth, budget=budget):
        found |= dict(zip(rows.tolist(), pooled(hidden, mask), strict=True))
    for row, ids in enumerate(tokens):
        if not len(ids):
            assert row not in found
            continue
        with torch.inference_mode():
            given = torch.tensor(ids[None].astype(np.int64), device=lm.device)
            states = lm.model(input_ids=given, output_hidden_states=True).hidden_states[-1][0].double().cpu().numpy()
        weights = np.arange(1, len(ids) + 1)
        mean = (states * weights[:, None]).sum(axis=0) / weights.sum()
        np.testing.assert_allclose(found[row], mean / np.linalg.norm(mean), atol=1e-6)


def taken(scores, duplicates, count):
    best = Lists(len(scores), 10)
    keys = np.array([b"0", b"1", b"2", b"3"])
    best.offer(np.array(scores, np.float32), keys)
    told = places(best.part(), len(scores), duplicates)
    order = told["key"][np.argsort(told["place"], kind="stable")]
    return [int(key) for key in order[:count]]


def test_turns_by_hand():
    scores = [[0.9, 0.8, 0.1, 0.2], [0.95, 0.3, 0.7, 0.1]]
    assert taken(scores, "consume", 2) == [0, 1]
    assert taken(scores, "consume", 3) == [0, 1, 2]
    assert taken(scores, "skip", 2) == [0, 2]
    assert taken(scores, "skip", 3) == [0, 2, 1]
    both = np.array(scores)
    assert np.argsort(-both.mean(axis=0))[:2].tolist() == [0, 1]
    assert np.argsort(-both.max(axis=0))[:3].tolist() == [0, 1, 2]


def vectors(texts, **params):
    lm = causal.load(MODEL, DEVICE)
    tokens = lm.tokens(texts, params.get("tokens", 64))
    out = np.zeros((len(texts), lm.dims), np.float32)
    for rows, hidden, mask in lm.hidden(tokens, params.get("layer", lm.depth)):
        out[rows] = pooled(hidden, mask)
    return out


@pytest.mark.parametrize("layer", [-1, 2, 0])
@pytest.mark.parametrize("aggregation", ["max", "mean", "prototype"])
def test_scores_are_cosines(aggregation, layer):
    texts = ["add the price", "def sum"]
    columns, _ = run("rds_plus", [ROWS], target=texts, model=MODEL, aggregation=aggregation, layer=layer, tokens=64)
    at = {"layer": layer} if layer >= 0 else {}
    aims = vectors(texts, **at)
    sims = vectors(TEXTS, **at) @ aims.T
    middle = aims.mean(axis=0)
    wanted = {"max": sims.max(axis=1), "mean": sims.mean(axis=1),
              "prototype": vectors(TEXTS, **at) @ (middle / np.linalg.norm(middle))}[aggregation]  # fmt: skip
    found = dict(zip(columns[0]["key"].tolist(), columns[0]["score"].tolist(), strict=True))
    np.testing.assert_allclose([found[key.encode()] for key, _, _ in ROWS], wanted, atol=5e-4)


def test_groups_take_turns_by_their_best_target():
    texts = ["add the price", "def sum", "gene of a train"]
    sims = vectors(TEXTS) @ vectors(texts).T
    goal = target_of(texts)
    goal = type(goal)(goal.keys, goal.contents, ("one", "one", "two"))
    method = METHODS["rds_plus"]
    ctx = Ctx(parse_params(method.Params, {"model": MODEL, "tokens": 64}), goal, 0, len(ROWS))
    from selection.methods.local import run_local

    held = {"keys": [row[0] for row in ROWS], "text": TEXTS, "sources": [""] * len(ROWS)}
    columns, _ = run_local(method, ctx, [len(ROWS)], lambda item: Shard.of(held))
    order = columns[0]["key"].tolist()
    best = np.stack([sims[:, :2].max(axis=1), sims[:, 2]])
    first = int(best[0].argmax())
    second = next(row for row in np.argsort(-best[1], kind="stable") if row != first)
    assert order[:2] == [f"k{first}".encode(), f"k{second}".encode()]


def test_chat_view_and_its_note(tmp_path):
    rows = [{"messages": [{"role": "user", "content": text}]} for text in TEXTS if text]
    bare = str(tiny_lm.write(tmp_path / "bare", chat=""))
    for model, notes in ((MODEL, []), (bare, ["no chat template"])):
        found = select(rows, rows[:1], method="rds_plus", budget=3, model=model, view="messages", tokens=64)
        assert found[0].score == 1
        method = METHODS["rds_plus"]
        ctx = Ctx(parse_params(method.Params, {"model": model, "view": "messages", "tokens": 64}), target_of(["a"]))
        first = method.passes(ctx.params)[0]
        value = pass_on(iter([first.map(Shard.of({"keys": []}), ctx)]), ctx)
        told = method.notes(Ctx(ctx.params, values={"target": value, "cut": {"rows": np.array([0])}}), Scores.of([]))
        assert len(told) == len(notes)
        assert all(part in note.text for part, note in zip(notes, told, strict=True))


def test_rows_that_are_cut_are_counted():
    method = METHODS["rds_plus"]
    _, ctx = run("rds_plus", [ROWS], model=MODEL, tokens=10)
    assert ctx["cut"]["rows"].tolist() == [sum(len(text.encode()) > 10 for text in TEXTS)]
    (note,) = method.notes(ctx, Scores.of([]))
    assert note.text.startswith("4 rows are longer than 10 tokens")
    _, ctx = run("rds_plus", [ROWS], model=MODEL, tokens=64)
    assert method.notes(ctx, Scores.of([])) == []


def test_the_feature_set_tells_what_it_depends_on():
    params = METHODS["rds_plus"].Params
    names = {
        params(model=MODEL, **given).feature_set()
        for given in ({}, {"layer": 2}, {"layer": 0}, {"tokens": 99}, {"view": "prompt"}, {"aggregation": "max"})
    }
    assert len(names) == 5, "the aggregation is not of the vectors"
    assert all(len(name) <= 200 for name in names)


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({"model": "/no/such/folder"}, "model", "does not exist"),
        ({"model": "no such"}, "model", "neither a known"),
        ({"layer": 40}, "layer", "from 0"),
    ],
)
def test_bad_settings_name_the_field(given, field, why):
    with pytest.raises(ParamsError, match=why) as caught:
        picks("rds_plus", [ROWS], **{"model": MODEL, **given})
    assert caught.value.field == field


def test_a_row_that_the_model_cannot_read_is_named(monkeypatch):
    lm = causal.load(MODEL)
    whole = lm.blocks.run

    def spoilt(ids, layer):
        hidden = whole(ids, layer)
        hidden[(ids == ids[:, :1]).all(1) & (ids.shape[1] == 45)] = torch.nan
        return hidden if ids.shape[1] != 45 else hidden * torch.nan

    monkeypatch.setattr(lm.blocks, "run", spoilt)
    with pytest.raises(ParamsError, match="for the row k2: The model's numbers") as caught:
        picks("rds_plus", [ROWS], model=MODEL, tokens=64)
    assert "float32" in str(caught.value)


def test_reasons_name_the_nearest_target():
    made = {}
    _, ctx = run("rds_plus", [ROWS], target=["gene", "add the price of apples"], model=MODEL, tokens=64, kept=made)
    shard = Shard.of({"keys": [row[0] for row in ROWS], "text": TEXTS, **made})
    found = METHODS["rds_plus"].reasons(shard, ctx)
    assert [found[0][0].data["key"], found[3][0].data["key"]] == ["t1", "t0"]
    json.dumps(found[0][0].to_dict())
