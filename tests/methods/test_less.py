"""LESS: the published arithmetic by hand, groups of any size, rows and models that cannot be used, the second place."""

import numpy as np
import pytest

from curation.content import Content
from selection.methods import METHODS, Ctx, ParamsError, Shard, Target, parse_params, select
from selection.methods.base import kept
from selection.methods.less import influence, weighted
from selection.methods.less_settings import SETTINGS, plan, seconds, setting, warm_rows
from selection.methods.local import run_local
from tests.tiny_lm import tiny, write

QUICK = {
    "model": tiny(), "epochs": 2, "warmup": 4, "rank": 2, "blocks": 2, "tokens": 90, "dims": 64, "batch": 1, "rate": 0.01,
}  # fmt: skip
SUMS = [{"instruction": f"add {n} and {n + 1}", "output": f"{2 * n + 1}"} for n in range(8)]
TALK = [{"instruction": f"say hello to {name}", "output": f"hello {name}"} for name in ("ann", "bob", "cid", "dee")]
ROWS = SUMS + TALK


def run(table=ROWS, target=SUMS[:2], groups=(), *, seed=0, made=None, wanted=0, name="less", **params):
    contents = [Content("single", instruction=row["instruction"], outputs=(row["output"],)) for row in table]
    aims = tuple(Content("single", instruction=row["instruction"], outputs=(row["output"],)) for row in target)
    goal = Target(tuple(f"t{at}" for at in range(len(aims))), aims, tuple(groups))
    from curation.content import render

    columns = {view: [render(one, view) for one in contents] for view in ("text", "prompt", "response")}
    columns |= {"keys": [f"k{at:02}" for at in range(len(table))], "sources": [""] * len(table)}

    def opened(item):
        return Shard.of({name: column[item.start : item.stop] for name, column in columns.items()}, item.start)

    given = parse_params(METHODS[name].Params, {**(QUICK if name == "less" else {}), **params})
    ctx = Ctx(given, goal, seed, len(table), wanted=wanted)
    parts, ctx = run_local(METHODS[name], ctx, [len(table)], opened, features=made)
    scores = {
        key.decode(): float(score) for part in parts for key, score in zip(part["key"], part["score"], strict=True)
    }
    return scores, ctx


# --- the arithmetic ---


def test_two_checkpoints_and_two_groups_by_hand():
    """Cosines of v1 (.5, .1), v2 (.1, .3) with weights .6 and .4: .34 and .18, mean .26; a second group at .30 wins."""
    cosines = [np.array([[0.5], [0.1], [0.3]]), np.array([[0.1], [0.3], [0.3]])]
    total = weighted(cosines, [6e-5, 4e-5])
    np.testing.assert_allclose(total[:, 0], [0.34, 0.18, 0.30])
    assert influence(total, [np.array([0, 1])]) == pytest.approx([0.26])
    assert influence(total, [np.array([0, 1]), np.array([2])]) == pytest.approx([0.30])


def test_groups_of_any_size_and_number():
    """The authors' code shapes the targets to equal groups of three named tasks, and fails for others."""
    rng = np.random.default_rng(0)
    cosines = rng.uniform(-1, 1, (11, 5))
    groups = [np.arange(7), np.array([7]), np.empty(0, np.int64), np.array([8, 9, 10])]
    expected = [max(cosines[group, row].mean() for group in groups if len(group)) for row in range(5)]
    np.testing.assert_allclose(influence(cosines, groups), expected)
    with pytest.raises(ValueError, match="no group"):
        influence(cosines, [np.empty(0, np.int64)])


def test_scores_are_the_formula_over_the_kept_gradients():
    made = {}
    scores, ctx = run(target=[*SUMS[:2], TALK[0]], groups=("sums", "sums", "talk"), made=made)
    assert len(made) == 2, "a set of gradients for each epoch"
    value = ctx["target"]
    rates = value["rates"] / value["rates"].sum()
    total = sum(
        rate * (vectors @ gradients.astype(np.float64).T)
        for rate, vectors, gradients in zip(rates, value["vectors"], made.values(), strict=True)
    )
    expected = np.maximum(total[:2].mean(0), total[2])
    np.testing.assert_allclose([scores[f"k{at:02}"] for at in range(12)], expected, atol=1e-3)
    plain, _ = run(target=[*SUMS[:2], TALK[0]], groups=("sums", "sums", "talk"), made=made)
    assert plain == scores, "a second run reads what the first one kept"


def test_groups_can_be_ignored():
    target, groups = [*SUMS[:3], TALK[0]], ("a", "a", "a", "b")
    contents = {"target": target}
    used, _ = run(**contents, groups=groups)
    from selection.methods.less import groups_of

    _, ctx = run(**contents, groups=groups)
    assert [one.tolist() for one in groups_of(ctx)] == [[0, 1, 2], [3]]
    other = Ctx(parse_params(METHODS["less"].Params, {"groups": "ignore"}), ctx.target, values=ctx.values)
    assert [one.tolist() for one in groups_of(other)] == [[0, 1, 2, 3]]
    assert max(used.values()) <= 1


# --- what is kept, and when it is used again ---


def names(seed=0, table=ROWS, target=SUMS[:2], **params):
    _, ctx = run(table, target, seed=seed, **params)
    steps = [step for step in METHODS["less"].passes(ctx.params) if step.keeps]
    return [kept(step, ctx) for step in steps]


def test_gradients_are_kept_under_the_warm_up_that_made_them():
    usual = names()
    assert len(set(usual)) == 2
    assert all(len(name) <= 200 for name in usual)
    assert names(target=TALK) == usual, "another target reads the same"
    assert names(groups=("a", "b")) == usual
    for other in (
        names(seed=1), names(table=ROWS[::-1][:11]), names(rank=3), names(dims=32), names(tokens=60), names(rate=0.02),
        names(learn="text"), names(table=[{**row, "output": row["output"] + "!"} for row in ROWS]),
    ):  # fmt: skip
        assert not set(other) & set(usual)


def test_batches_move_scores_by_rounding_only():
    alone, _ = run()
    many, _ = run(batch=0)
    assert alone.keys() == many.keys()
    assert max(abs(alone[key] - many[key]) for key in alone) < 2e-3


def test_a_long_pool_warms_up_on_a_share_drawn_by_chance():
    params = parse_params(METHODS["less"].Params, {})
    assert [warm_rows(params, rows) for rows in (0, 10, 1_000, 4_000, 100_000)] == [0, 10, 50, 200, 256]
    _, ctx = run(ROWS * 3)
    assert len(ctx["drawn"]["place"]) == 4
    _, other = run(ROWS * 3, seed=5)
    assert ctx["drawn"]["place"].tolist() != other["drawn"]["place"].tolist()


# --- what cannot be used ---


def test_a_row_without_an_answer_comes_last_and_is_told():
    scores, ctx = run([*ROWS, {"instruction": "add 3 and 4", "output": ""}])
    assert scores["k12"] == -2
    assert min(score for key, score in scores.items() if key != "k12") >= -1
    from selection.methods import Scores

    notes = METHODS["less"].notes(ctx, Scores(13, 0, 0, -2, 1))
    assert any(note.kind == "warning" and "nothing to learn" in note.text for note in notes)
    assert not any("nothing to learn" in note.text for note in METHODS["less"].notes(ctx, Scores(13, 0, 0, -1, 1)))


def test_targets_without_answers_do_not_count_and_are_told():
    bare = {"instruction": "add", "output": " "}
    scores, ctx = run(target=[bare, *SUMS[:2]])
    expected, _ = run(target=SUMS[:2])
    assert scores == expected
    notes = METHODS["less"].notes(ctx, scores_of(scores))
    assert any("1 of the 3 target rows have no answer" in note.text for note in notes)
    with pytest.raises(ParamsError, match="must be text for this target"):
        run(target=[bare, bare])


def scores_of(scores):
    from selection.methods import Scores

    values = list(scores.values())
    return Scores(len(values), float(np.mean(values)), 0.0, min(values), max(values))


def test_cut_rows_are_counted():
    long = [{**row, "output": row["output"] * 90} for row in ROWS]
    scores, ctx = run(long, target=long[:1])
    said = " ".join(note.text for note in METHODS["less"].notes(ctx, scores_of(scores)))
    assert "4 of the 4 rows of the warm-up have more than 90 tokens and were cut" in said
    assert "1 target rows were cut at 90 tokens" in said
    assert "loss by epoch" in said


def test_a_pool_with_nothing_to_learn_still_runs():
    scores, ctx = run([{"instruction": "add", "output": ""}] * 3)
    assert set(scores.values()) == {-2.0}
    assert "stayed as it is" in METHODS["less"].notes(ctx, scores_of(scores))[0].text


def test_a_gradient_that_is_not_finite_names_the_row(tmp_path):
    from tests.tiny_lm import weights

    spoilt = weights()
    spoilt["model.embed_tokens.weight"][ord("z") - 33] = np.nan  # the byte-level token of z
    folder = str(write(tmp_path / "lm", chat="", tensors=spoilt, tie_word_embeddings=True))
    with pytest.raises(ParamsError, match="cannot be used") as caught:
        run(model=folder)
    assert caught.value.field == "model"
    assert "row" in caught.value.why


def test_a_model_that_cannot_be_used_is_named(tmp_path, monkeypatch):
    with pytest.raises(ParamsError, match="does not exist"):
        run(model=str(tmp_path / "none"))
    monkeypatch.setattr("selection.encoders.gradients.MOST_WEIGHTS", 10)
    with pytest.raises(ParamsError, match="lower rank"):
        run()


def test_a_model_without_a_template_is_told(tmp_path):
    scores, ctx = run(model=str(write(tmp_path / "lm", chat="")))
    assert any("no chat template" in note.text for note in METHODS["less"].notes(ctx, scores_of(scores)))


# --- settings, cost, company ---


def test_settings_are_those_published_unless_changed():
    paper = setting(parse_params(METHODS["less"].Params, {"setting": "paper"}))
    assert (paper.epochs, paper.rate, paper.rank, paper.alpha, paper.tokens, paper.dims) == (
        4,
        2e-5,
        128,
        512,
        2_048,
        8_192,
    )
    changed = setting(parse_params(METHODS["less"].Params, {"setting": "paper", "rank": 16, "epochs": 3, "blocks": 2}))
    assert (changed.rank, changed.alpha, changed.epochs, changed.blocks, changed.dims) == (16, 64, 3, 2, 8_192)
    assert plan(parse_params(METHODS["less"].Params, {})).rate == SETTINGS["quick"].rate


def test_the_estimate_says_that_a_cpu_is_slow():
    quick, paper = (parse_params(METHODS["less"].Params, {"setting": name}) for name in ("quick", "paper"))
    assert seconds(quick, 100_000, 100) > 3 * 3_600, "hours"
    assert seconds(paper, 100_000, 100) > 5 * seconds(quick, 100_000, 100)
    assert seconds(parse_params(METHODS["less"].Params, {"model": "/other"}), 1_000, 10) > seconds(quick, 1_000, 10)


def test_in_the_second_place_of_a_cascade_only_few_rows_have_gradients(monkeypatch):
    from selection.methods import less_passes

    seen, encode = [], less_passes._encode

    def counted(number, shard, ctx):
        seen.append(len(shard))
        return encode(number, shard, ctx)

    monkeypatch.setattr(less_passes, "_encode", counted)
    monkeypatch.setattr("selection.methods.cascade.LEAST", 4)
    then = "less:" + ";".join(f"{name}={value}" for name, value in QUICK.items())
    alone, _ = run()
    seen.clear()
    both, ctx = run(name="cascade", wanted=2, first="bm25", then=then, factor=2, audit=2)
    looked = np.isfinite(ctx["then.scores"]["score"])
    assert looked.sum() == 6
    assert seen == [6, 6], "each epoch once"
    for at in np.flatnonzero(looked):
        assert both[f"k{at:02}"] == alone[f"k{at:02}"], "the score that it has in a run of its own"
    steps = {step.name: step for step in METHODS["cascade"].passes(ctx.params)}
    assert steps["then.scores"].queue == "gpu", "gradients are made on the way, where encoders run"


def test_reasons_name_the_target_that_a_row_helps():
    picks = select(ROWS, TALK[:2], method="less", budget=3, seed=0, **QUICK)
    assert len(picks) == 3
    assert "helps target" in picks[0].reason[0].text
    assert picks[0].reason[0].data["target"] in (0, 1)
