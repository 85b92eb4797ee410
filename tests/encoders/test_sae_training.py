"""Training a sparse autoencoder: gradients, stopping and going on, the gate, and the stream of activations."""

import itertools

import numpy as np
import pytest
import torch

from selection.encoders import EncoderError, causal
from selection.encoders.sae import fit, gradients, train
from tests.tiny_lm import DIMS, tiny

BATCH = 256


@pytest.fixture(scope="module")
def lm():
    return causal.load(tiny(), "cpu", "float32")


@pytest.fixture(scope="module")
def texts():
    return list(fit.sample())


def mixed(seed, count=BATCH, dims=12, hidden=16, on=3):
    """Activations that are sums of a few of `hidden` directions, far from the origin."""
    chance = np.random.default_rng(7)
    directions = chance.normal(size=(hidden, dims))
    draw = np.random.default_rng(seed)
    weights = np.where(draw.random((count, hidden)) < on / hidden, draw.random((count, hidden)) + 0.5, 0)
    return (5 + weights @ directions).astype(np.float32)


def trainer(**changed):
    told = {"expansion": 3, "k": 4, "tokens_wanted": 60 * BATCH, "seed": 3, "lr": 0.01, "batch": BATCH} | changed
    return train.Trainer("a-model", 2, device="cpu", **told)


def steps(one, start, stop):
    return [one.step(mixed(seed)) for seed in range(start, stop)]


# --- gradients ---


@pytest.mark.parametrize("backward", [gradients._on_cpu, gradients._on_gpu])
def test_gradients_are_those_of_autograd(backward, monkeypatch):
    monkeypatch.setattr(gradients, "_on_cpu", backward)
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(40, 12, generator=chance)
    held = {
        "weight": torch.randn(30, 12, generator=chance), "bias": torch.randn(30, generator=chance) - 4,
        "decoder": torch.randn(30, 12, generator=chance), "offset": torch.randn(12, generator=chance),
    }  # fmt: skip
    held = {name: torch.nn.Parameter(tensor) for name, tensor in held.items()}
    with torch.no_grad():
        found = gradients.of(held, x, 6)
    assert (found.value == 0).any(), "unused places must not count"
    value, index = ((x - held["offset"]) @ held["weight"].T + held["bias"]).relu().topk(6)
    back = torch.zeros(40, 30).scatter(1, index, value) @ held["decoder"] + held["offset"]
    loss = (x - back).pow(2).sum() / (x - x.mean(dim=0)).pow(2).sum()
    loss.backward()
    assert found.loss == pytest.approx(loss.detach().item(), rel=1e-5)
    for name, tensor in held.items():
        torch.testing.assert_close(found.gradients[name], tensor.grad, rtol=1e-4, atol=1e-6)


def test_silent_features_learn_what_is_left():
    one = trainer()
    one.step(mixed(0))
    x = torch.from_numpy((mixed(1) - one.mean) / one.scale)
    with torch.no_grad():
        found = gradients.of(one._held, x, 4)
    before = {name: tensor.clone() for name, tensor in found.gradients.items()}
    dead = torch.zeros(36, dtype=torch.bool)
    dead[[5, 6]] = True
    loss = gradients.silent(one._held, x, found, dead, 1 / 32)
    assert 0 < loss < 0.1
    for name in ("weight", "bias", "decoder"):
        changed = (found.gradients[name] != before[name]).reshape(36, -1).any(dim=1).nonzero()[:, 0].tolist()
        assert set(changed) <= {5, 6}
        assert changed


def test_features_that_never_fire_count_as_dead_after_a_tenth_of_the_run():
    one = trainer(k=1, lr=1e-9, batch=8, tokens_wanted=60 * 8)
    told = [one.step(mixed(0, 8)).dead_fraction for _ in range(12)]
    assert told[:6] == [0] * 6
    fired = len(np.unique(one.sae().encode(mixed(0, 8))[1]))
    assert told[6:] == [pytest.approx(1 - fired / 36)] * 6
    assert one.dead_fraction == told[-1]


# --- the run ---


def test_it_learns_and_passes(tmp_path):
    one = trainer()
    told = steps(one, 0, 60)
    assert one.done
    assert [metrics.step for metrics in told] == list(range(1, 61))
    assert told[-1].tokens == 60 * BATCH
    assert told[-1].fvu < 0.3 < told[0].fvu
    assert one._held["decoder"].norm(dim=1).detach().numpy() == pytest.approx(1, abs=1e-5)
    report = one.finish(mixed(999, 1_000))
    assert (report.passed, report.why) == (True, "")
    assert report.fvu == pytest.approx(told[-1].fvu, abs=0.1)
    from selection.encoders import sae

    found = sae.load(str(one.save(tmp_path / "made")))
    assert found.fvu(mixed(999, 1_000)) == pytest.approx(report.fvu, rel=1e-4)
    assert (found.model, found.layer, found.latents, found.k) == ("a-model", 2, 36, 4)
    assert found.facts["fvu"] == pytest.approx(report.fvu, abs=1e-6)
    assert found.mean == pytest.approx(mixed(0).mean(axis=0), rel=1e-5)
    assert found.scale == pytest.approx(np.linalg.norm(mixed(0) - mixed(0).mean(axis=0), axis=1).mean(), rel=1e-5)


def test_the_same_seed_gives_the_same(tmp_path):
    first, second, other = trainer(), trainer(), trainer(seed=4)
    assert steps(first, 0, 5) == steps(second, 0, 5)
    steps(other, 0, 5)
    assert all(np.array_equal(first.state()[name], value) for name, value in second.state().items())
    assert not np.array_equal(first.state()["weight"], other.state()["weight"])


@pytest.mark.parametrize("at", [0, 1, 7])
def test_stopped_and_taken_up_again_it_is_as_if_it_had_not(tmp_path, at):
    whole = trainer(k=1)  # few features fire, so that the silent ones are in it too
    told = steps(whole, 0, 14)
    half = trainer(k=1)
    steps(half, 0, at)
    train.save_state(half.state(), tmp_path / "state.safetensors")
    again = trainer(k=1).restore(train.load_state(tmp_path / "state.safetensors"))
    assert steps(again, at, 14) == told[at:]
    assert told[-1].loss > told[-1].fvu, "the silent ones are in it"
    for name, value in whole.state().items():
        np.testing.assert_array_equal(again.state()[name], value)


def test_a_state_of_something_else_is_refused(tmp_path):
    one = trainer()
    one.step(mixed(0))
    state = one.state()
    with pytest.raises(EncoderError, match=r"other settings \(k, seed\).*Begin a new"):
        trainer(k=3, seed=9).restore(state)
    with pytest.raises(EncoderError, match="damaged"):
        trainer().restore({name: value for name, value in state.items() if name != "weight.exp_avg"})
    (tmp_path / "state").write_bytes(b"half")
    with pytest.raises(EncoderError, match="cannot be read"):
        train.load_state(tmp_path / "state")


def test_the_rate_warms_up_and_falls():
    one = trainer(lr=None)
    one.step(mixed(0))
    rates = []
    for step in range(one.steps):
        one.step_number = step
        rates.append(one._rate())
    assert rates.index(max(rates)) == 2
    assert max(rates) == pytest.approx(8e-4 / (36 / 2**14) ** 0.5, rel=0.02)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert 0 < rates[-1] < max(rates) / 100


def test_the_gate():
    assert train.judge(0.29, 0.19) == (0.29, 0.19, True, "")
    poor = train.judge(0.3, 0.1)
    assert not poor.passed
    assert "30% of the variance unexplained" in poor.why
    assert "more tokens" in poor.why
    dead = train.judge(0.1, 0.25)
    assert not dead.passed
    assert "25% of its features never fire" in dead.why
    assert "smaller expansion" in dead.why
    assert not train.judge(float("nan"), 0.0).passed
    short = trainer(lr=1e-9)
    steps(short, 0, 3)
    report = short.finish(mixed(999))
    assert not report.passed


def test_what_cannot_be_trained_is_refused():
    for changed in ({"k": 0}, {"expansion": 0}, {"tokens_wanted": 0}, {"batch": 0}, {"lr": -1.0}):
        with pytest.raises(EncoderError, match="0 or less"):
            trainer(**changed)
    with pytest.raises(EncoderError, match="36 features, and k is 37"):
        trainer(k=37).step(mixed(0))
    with pytest.raises(EncoderError, match="Nothing is trained yet"):
        trainer().sae()
    with pytest.raises(EncoderError, match="activations are the same"):
        trainer().step(np.ones((BATCH, 12), np.float32))
    one = trainer()
    one.step(mixed(0))
    before = one.state()
    with pytest.raises(EncoderError, match="12 numbers, and these have 8"):
        one.step(mixed(0, dims=8))
    bad = mixed(1)
    bad[4, 4] = np.inf
    with pytest.raises(EncoderError, match=r"not finite.*float32"):
        one.step(bad)
    for name, value in before.items():
        np.testing.assert_array_equal(one.state()[name], value), "a refused step leaves nothing behind"


def test_a_gpu_that_is_full_is_told(monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    one = trainer()
    one.step(mixed(0))
    monkeypatch.setattr(gradients, "of", full)
    with pytest.raises(EncoderError, match=r"36 features do not fit in memory.*smaller expansion"):
        one.step(mixed(1))


# --- the stream ---


def test_the_stream_can_be_taken_up_anywhere(lm, texts, monkeypatch):
    monkeypatch.setattr("selection.encoders.sae.stream.BUFFER", 700 * DIMS)

    def stream(skip, count, seed=5):
        return list(itertools.islice(train.activations(texts, lm, 2, seed=seed, batch=64, most=80, skip=skip), count))

    whole = stream(0, 60)
    assert {batch.shape for batch in whole} == {(64, DIMS)}
    for skip in (1, 10, 41, 57):
        np.testing.assert_array_equal(stream(skip, 3), whole[skip : skip + 3])
    assert not np.array_equal(stream(0, 2, seed=6), whole[:2])
    # A round holds every token once, but for what is left over of each buffer.
    sizes = [len(row) - 1 for row in lm.tokens(texts, 80)]
    assert sum(sizes) > 1_500
    some = np.concatenate(whole)[:1_500].round(5)
    assert len(np.unique(some, axis=0)) > 1_200, "rows share beginnings, whose states are the same"


def test_first_tokens_do_not_reach_the_stream(lm):
    first = next(train.activations(["ab"] * 40, lm, 1, batch=16))
    _, hidden, _ = next(iter(lm.hidden(lm.tokens(["ab"]), 1)))
    assert np.abs(first - hidden[0, 1].numpy()).max() < 1e-5


def test_too_few_tokens_are_told(lm):
    with pytest.raises(EncoderError, match=r"have 2 tokens, and one step of training takes 4,096.*larger pool"):
        next(train.activations(["abc"], lm, 1))


def test_rows_to_measure_on_are_set_apart(lm, texts):
    learn, measure = train.split(200, 1)
    assert (len(learn), len(measure)) == (190, 10)
    assert set(learn) | set(measure) == set(range(200))
    assert [len(part) for part in train.split(1, 1)] == [1, 0]
    assert train.held_out(texts[:5], lm, 1, tokens=100).shape == (100, DIMS)
    assert train.held_out([], lm, 1).shape == (0, DIMS)


def test_a_layer_is_proposed():
    assert [train.layer_for(depth) for depth in (1, 12, 30, 32)] == [1, 8, 20, 21]


def test_with_a_real_model(texts):
    """SmolLM2, a shallow layer and few steps: it reads, learns, fits its model and is refused for being unfinished."""
    lm = causal.load("smollm2", "cpu")
    one = train.Trainer("smollm2", 2, 1, 16, 12 * 128, batch=128, lr=4e-3, model_identity=lm.identity, device="cpu")
    stream = train.activations(texts[:30], lm, 2, batch=128, most=64)
    told = [one.step(next(stream)) for _ in range(12)]
    assert told[-1].fvu < 0.9 * told[0].fvu
    assert one.sae().d_in == lm.dims
    assert one.finish(train.held_out(texts[:4], lm, 2)).fvu < 1
