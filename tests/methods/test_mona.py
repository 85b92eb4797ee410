"""MONA: bounds that decide, features that are muted, baselines, and everything that can be wrong with its inputs."""

import numpy as np
import pytest

from selection.encoders import causal, sae
from selection.encoders.sae.fit import tokens_of
from selection.kernels import sparse, truncated
from selection.methods import METHODS, Ctx, ParamsError, Scores, mona_size, notes_of, parse_params, select
from selection.methods.local import Table, run_local
from tests.methods.test_sparse import dense_jaccard
from tests.tiny_lm import DIMS, tiny
from tests.tiny_sae import LATENTS, made, tiny_sae, write

MONA = METHODS["mona"]
ROWS = [
    {"id": f"r{n:03}", "text": f"add the price of {n} apples to {n * 7 % 13} pears " * (1 + n % 3)} for n in range(90)
]
TARGETS = [{"text": "sum the price of pears"}, {"text": "def add(a, b): return a + b"}]


def ran(rows=ROWS, targets=TARGETS, wanted=9, kept=None, groups=(), **params):
    """(score by key, exact by key, ctx)."""
    table, goal = Table(rows), Table(targets).target()
    if groups:
        from dataclasses import replace

        goal = replace(goal, groups=tuple(groups))
    given = parse_params(MONA.Params, {"sae": tiny_sae(), **params})
    ctx = Ctx(given, goal, 0, len(table), wanted=wanted)
    columns, ctx = run_local(MONA, ctx, [len(table)], table.open, features=kept)
    score, exact = {}, {}
    for column in columns:
        for key, value, said in zip(column["key"], column["score"], column["exact"], strict=True):
            score[key.decode()], exact[key.decode()] = float(value), bool(said)
    return score, exact, ctx


def best(scores, count=9):
    return sorted(scores, key=lambda key: (-scores[key], key))[:count]


def features_of(texts):
    """Dense features of each text, one after the other, without anything of the method's own."""
    lm, coder = causal.load(tiny()), sae.load(tiny_sae())
    out = np.zeros((len(texts), LATENTS), np.float32)
    for at, text in enumerate(texts):
        for _, hidden, _ in tokens_of(lm, [text], 2, most=2048):
            acts, index = coder.encode(hidden)
            dense = np.zeros((len(acts), LATENTS), np.float32)
            np.put_along_axis(dense, index[:, ::-1], acts[:, ::-1], 1)  # unused places are 0 at index 0: last wins
            out[at] = dense.mean(axis=0)
    return out


def test_scores_are_the_papers():
    """Mean over tokens, mean over targets, generalised Jaccard: by dense arrays."""
    z, v = features_of([row["text"] for row in ROWS]), features_of([row["text"] for row in TARGETS])
    found, exact, ctx = ran(keep=False)
    assert int(ctx["target"]["layer"][0]) == 2
    assert all(exact.values())
    wanted = dense_jaccard(z, v.mean(axis=0, keepdims=True))[:, 0]
    assert [found[row["id"]] for row in ROWS] == pytest.approx(wanted.tolist(), abs=2e-3)
    found, _, _ = ran(keep=False, aggregation="max")
    wanted = dense_jaccard(z, v).max(axis=1)
    assert [found[row["id"]] for row in ROWS] == pytest.approx(wanted.tolist(), abs=2e-3)


@pytest.mark.parametrize("aggregation", ["prototype", "max", "round_robin"])
@pytest.mark.parametrize("entries", [16, 64])
def test_kept_features_pick_what_whole_ones_do(aggregation, entries):
    streamed, _, _ = ran(keep=False, aggregation=aggregation)
    kept, exact, ctx = ran(entries=entries, aggregation=aggregation)
    count = 9 if aggregation != "round_robin" else 6
    assert set(best(kept, count)) == set(best(streamed, count))
    again = ctx["bounds"]["again"]
    assert 0 < len(again) <= len(ROWS)
    assert {key for key, said in exact.items() if said} == {ROWS[place]["id"] for place in again}
    for place in again:
        if aggregation != "round_robin":
            assert kept[ROWS[place]["id"]] == streamed[ROWS[place]["id"]]


def test_only_rows_near_the_cut_are_read_again():
    _, _, loose = ran(entries=16)
    _, _, tight = ran(entries=128)
    assert len(tight["bounds"]["again"]) < len(loose["bounds"]["again"])
    assert len(tight["bounds"]["again"]) < len(ROWS) / 2
    _, _, all_of_them = ran(entries=16, wanted=len(ROWS))
    assert len(all_of_them["bounds"]["again"]) == 0, "there is no cut"


def test_bounds_that_were_wrong_would_be_seen(monkeypatch):
    """If nothing were read again, the picks of few entries would differ from the true ones."""
    monkeypatch.setattr("selection.methods.mona_score._largest", lambda numbers, at: np.inf)
    wrong, _, ctx = ran(entries=16, wanted=30)
    assert len(ctx["bounds"]["again"]) == 0
    right, _, _ = ran(keep=False)
    assert best(wrong, 30) != best(right, 30)


def test_kept_features_serve_later_runs(monkeypatch):
    kept = {}
    first, _, _ = ran(kept=kept)
    ((name, matrix),) = kept.items()
    assert (matrix.dtype, matrix.shape) == (np.uint8, (len(ROWS), truncated.row_bytes(2048)))
    assert name.startswith(f"features:{sae.identity(tiny_sae())}-")
    assert name.endswith("-own-m2048-t2048-text")
    monkeypatch.setattr("selection.methods.mona.encode", None)
    assert ran(kept=kept)[0] == first
    other, _, _ = ran(kept=kept, targets=TARGETS[:1])
    assert other != first


# --- size ---

MANY = [
    {"id": f"m{n:03}", "text": f"add the price of {n} apples to {n * 7 % 13} pears " * (1 + n % 7) + "and " * (n % 5)}
    for n in range(150)
]


def above(z, p):
    """The definition, by dense arrays: likeness, less a quadratic of log(1 + features) fitted to all rows."""
    likeness, size = dense_jaccard(z, p[None])[:, 0], np.log1p((z > 0).sum(axis=1))
    return likeness - np.polyval(np.polyfit(size, likeness, 2), size)


@pytest.mark.parametrize("keep", [True, False])
def test_a_score_is_what_a_row_has_above_others_of_its_size(keep):
    z, v = features_of([row["text"] for row in MANY]), features_of([row["text"] for row in TARGETS])
    found, _, ctx = ran(MANY, keep=keep, wanted=15)
    assert [found[row["id"]] for row in MANY] == pytest.approx(above(z, v.mean(axis=0)).tolist(), abs=2e-3)
    plain, _, _ = ran(MANY, keep=keep, wanted=15, size="published")
    wanted = dense_jaccard(z, v.mean(axis=0, keepdims=True))[:, 0]
    assert [plain[row["id"]] for row in MANY] == pytest.approx(wanted.tolist(), abs=2e-3)
    said = " ".join(note.text for note in notes_of(MONA, ctx, Scores(150, 0, 0, 0, 0)))
    assert "A score is what a row has above others of its size." in said


@pytest.mark.parametrize("aggregation", ["prototype", "max"])
def test_kept_features_pick_what_whole_ones_do_above_their_size(aggregation):
    streamed, _, _ = ran(MANY, keep=False, aggregation=aggregation, wanted=15)
    kept, exact, ctx = ran(MANY, entries=128, aggregation=aggregation, wanted=15)
    ours, theirs = ([streamed[key] for key in best(one, 15)] for one in (kept, streamed))
    assert ours == pytest.approx(theirs, abs=3e-4)  # near ties may change places
    assert 0 < len(ctx["bounds"]["again"]) < len(MANY)
    for place in ctx["bounds"]["again"]:
        assert exact[MANY[place]["id"]]
        assert kept[MANY[place]["id"]] == pytest.approx(streamed[MANY[place]["id"]], abs=2e-4)


def test_what_hangs_on_size_alone_is_taken_off():
    rng = np.random.default_rng(0)
    size = rng.integers(1, 400, 2_000).astype(np.int32)
    own = rng.normal(0, 0.02, 2_000)
    likeness = (0.05 * np.log1p(size) + own).astype(np.float32)
    score = likeness - mona_size.average(mona_size.learned(size, likeness), size)
    assert np.corrcoef(likeness, own)[0, 1] < 0.5
    assert np.corrcoef(score, own)[0, 1] > 0.99


def test_the_order_of_the_rows_changes_no_average():
    rng = np.random.default_rng(0)
    size, likeness = rng.integers(1, 400, 5_000).astype(np.int32), rng.random(5_000, np.float32)
    mixed = rng.permutation(5_000)
    one, other = mona_size.learned(size, likeness), mona_size.learned(size[mixed], likeness[mixed])
    assert one["curve"].tobytes() == other["curve"].tobytes()


def test_few_rows_or_rows_of_one_size_teach_nothing():
    size, likeness = np.arange(99, dtype=np.int32), np.linspace(0, 1, 99, dtype=np.float32)
    assert not mona_size.average(mona_size.learned(size, likeness), size).any()
    size, likeness = np.full(500, 12, np.int32), np.linspace(0, 1, 500, dtype=np.float32)
    assert not mona_size.average(mona_size.learned(size, likeness), size).any()
    _, _, ctx = ran(keep=False)
    assert "there are fewer than 100 rows" in " ".join(
        note.text for note in notes_of(MONA, ctx, Scores(90, 0, 0, 0, 0))
    )


def test_in_a_cascade_the_rows_that_are_read_are_held_against_each_other():
    told = {"first": "random", "then": f"mona:sae={tiny_sae()};keep=no", "factor": 8, "audit": 30}
    picks = select(MANY, TARGETS, method="cascade", budget=15, processes=1, **told)
    assert len(picks) == 15
    assert all("Rows of its size have a likeness of" in pick.reason[0].text for pick in picks)


def test_muting_is_what_it_says():
    """As if the features did not exist, from kept features and from text alike."""
    muted = [3, 7, 25, 54]
    z, v = features_of([row["text"] for row in ROWS]), features_of([row["text"] for row in TARGETS])
    z[:, muted], v[:, muted] = 0, 0
    wanted = dense_jaccard(z, v.mean(axis=0, keepdims=True))[:, 0]
    told = ", ".join(map(str, muted))
    streamed, _, ctx = ran(keep=False, muted=told)
    assert [streamed[row["id"]] for row in ROWS] == pytest.approx(wanted.tolist(), abs=2e-3)
    kept, _, _ = ran(muted=told, entries=32)
    assert set(best(kept)) == set(best(streamed))
    assert "4 features were left out" in " ".join(note.text for note in notes_of(MONA, ctx, Scores(90, 0, 0, 0, 0)))
    plain, _, _ = ran(keep=False)
    assert plain != streamed


def test_groups_are_prototypes_of_their_own():
    targets = [*TARGETS, {"text": "subtract the price of plums"}]
    found, _, _ = ran(keep=False, targets=targets, groups=("a", "b", "a"))
    z, v = features_of([row["text"] for row in ROWS]), features_of([row["text"] for row in targets])
    wanted = dense_jaccard(z, np.stack([v[[0, 2]].mean(axis=0), v[1]])).max(axis=1)
    assert [found[row["id"]] for row in ROWS] == pytest.approx(wanted.tolist(), abs=2e-3)


def test_baselines():
    """Cosine of features, and of hidden states."""
    z, v = features_of([row["text"] for row in ROWS]), features_of([row["text"] for row in TARGETS])
    p = v.mean(axis=0)
    wanted = z @ p / np.linalg.norm(z, axis=1) / np.linalg.norm(p)
    kept = {}
    found, _, _ = ran(measure="cosine", kept=kept)
    assert [found[row["id"]] for row in ROWS] == pytest.approx(wanted.tolist(), abs=2e-3)
    assert kept == {}
    lm = causal.load(tiny())
    one = next(tokens_of(lm, [ROWS[0]["text"]], 2, most=2048))[1].mean(dim=0).numpy()
    aims = [next(tokens_of(lm, [row["text"]], 2, most=2048))[1].mean(dim=0).numpy() for row in TARGETS]
    mean = np.mean(aims, axis=0)
    found, _, ctx = ran(codes="hidden", kept=kept)
    assert found["r000"] == pytest.approx(one @ mean / np.linalg.norm(one) / np.linalg.norm(mean), abs=5e-3)
    assert kept == {}
    assert ctx["target"]["vectors"].shape == (2, DIMS)


def test_a_row_with_one_token_is_like_nothing():
    rows = [*ROWS[:5], {"id": "one", "text": "a"}]
    for keep in (True, False):
        found, _, _ = ran(rows, keep=keep, wanted=2)
        assert found["one"] == 0
        assert min(found[f"r{n:03}"] for n in range(5)) > 0.1


def test_reasons_name_the_features_that_weigh_most():
    for params in ({}, {"keep": False}, {"aggregation": "max"}):
        for pick in select(ROWS, TARGETS, method="mona", budget=3, sae=tiny_sae(), processes=1, **params):
            why = pick.reason[0]
            assert why.kind == "features"
            weights = [both for *_, both in why.data["features"]]
            assert weights == sorted(weights, reverse=True)
            assert len(weights) == 12
            assert all(both == min(mine, theirs) for _, mine, theirs, both in why.data["features"])
            assert sum(weights) <= why.data["shared"] * (1 + 1e-4)
            assert [reason.kind for reason in pick.reason] == ["features"] + ["near"] * bool(params.get("aggregation"))


def test_notes_say_what_is_estimated():
    _, _, ctx = ran(entries=16)
    said = notes_of(MONA, ctx, Scores(90, 0, 0, 0, 0))
    assert any("measured at layer 2" in note.text for note in said)
    (warning,) = [note for note in said if note.kind == "warning"]
    assert f"{len(ctx['bounds']['again'])} rows near the cut were read again" in warning.text
    assert "Keep more features of a row" in warning.text
    _, _, ctx = ran(entries=128, tokens=24)
    said = notes_of(MONA, ctx, Scores(90, 0, 0, 0, 0))
    assert {note.kind for note in said} == {"fact"}
    assert any("90 rows are longer than 24 tokens" in note.text for note in said)


@pytest.mark.parametrize(
    ("params", "field", "said"),
    [
        ({"sae": ""}, "sae", "must name a sparse autoencoder"),
        ({"sae": "/nowhere/at/all"}, "sae", "does not exist"),
        ({"muted": "3, x"}, "muted", "numbers of features with commas between"),
        ({"muted": "3, 4000"}, "muted", "names feature 4000, and the autoencoder has 128"),
        ({"layer": 7}, "sae", r"layer 7, and .* has 4"),
        ({"model": "/nowhere/at/all"}, "model", "does not exist"),
    ],
)
@pytest.mark.parametrize("keep", [True, False])
def test_bad_parameters(params, field, said, keep):
    with pytest.raises(ParamsError, match=said) as error:
        ran(keep=keep, **params)
    assert error.value.field == field


def test_an_autoencoder_of_another_model(tmp_path):
    with pytest.raises(ParamsError, match=r"24 numbers, and .* has 32"):
        ran(sae=str(write(tmp_path / "other", dims=24, k=24)))
    with pytest.raises(ParamsError, match="% of the variance"):
        ran(sae=str(write(tmp_path / "poor", k=1)))
    with pytest.raises(ParamsError, match="must name the language model"):
        ran(sae=str(write(tmp_path / "bare", model="")))
    found, _, _ = ran(sae=str(write(tmp_path / "named", model="")), model=tiny())
    assert found == ran()[0]


def test_a_row_that_overflows_is_named(monkeypatch):
    from selection.encoders.causal import RowError

    def broken(self, tokens, layer, **_):
        raise RowError("The model's numbers for row 2 are not finite.", "Use the precision float32.", 1)

    passes = MONA.passes(parse_params(MONA.Params, {"sae": tiny_sae(), "keep": False}))
    first = next(one for one in passes if one.name == "read")
    _, _, ctx = ran(keep=False)
    table = Table(ROWS)
    from selection.methods import Item

    monkeypatch.setattr(causal.CausalLM, "hidden", broken)
    with pytest.raises(ParamsError, match="cannot be used for the row r001"):
        first.map(table.open(Item(0, 0, 0, 5)), ctx)


def test_the_autoencoders_mean_is_pooled_without_a_dense_matrix():
    rows = sparse.pooled(np.ones((2, 1), np.float32), np.array([[100_000], [5]]), np.array([2]), 131_072)
    assert rows.index.tolist() == [5, 100_000]
    assert rows.value.tolist() == [0.5, 0.5]


def test_the_tiny_autoencoder_is_what_it_should_be():
    assert (made().d_in, made().latents) == (DIMS, LATENTS)
