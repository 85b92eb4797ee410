"""Gradients of single rows: held against autograd, padding and batches change nothing, Adam by its formulas."""

import numpy as np
import pytest
import torch

from selection.encoders import causal
from selection.encoders.causal import RowError
from selection.encoders.gradients import EncoderError, Lora, Shape
from selection.encoders.gradients_text import Lesson, form_of, lessons, whole
from selection.encoders.gradients_train import Plan, State, direction, epoch, features, projected
from tests.tiny_lm import tiny

SHAPE = Shape(2, 8, 3)


@pytest.fixture(scope="module")
def lm():
    return causal.load(tiny())


@pytest.fixture
def lora(lm):
    return Lora(lm, SHAPE)


@pytest.fixture
def rows():
    rng = np.random.default_rng(5)
    lengths = (30, 7, 19, 30, 2, 12)
    made = [Lesson(rng.integers(0, 256, long).astype(np.int32), max(1, long // 2), False) for long in lengths]
    return [*made, Lesson(np.array([3, 4], np.int32), 2, False), Lesson(np.empty(0, np.int32), 0, False)]


def drawn(lora, seed=1):
    """Weights of which B is not zero either."""
    return torch.from_numpy((np.random.default_rng(seed).standard_normal(lora.size) * 0.1).astype(np.float32))


def gradients_of(lora, rows, weights):
    made = np.full((len(rows), lora.size), np.nan, np.float32)
    for at, found, _ in lora.gradients(rows, weights):
        made[at] = found.numpy()
    return made


def by_autograd(lora, row, weights):
    """The gradient of the whole vector of weights, by autograd through ordinary LoRA layers; one row, no padding."""
    flat = weights.clone().double().requires_grad_()
    handles, at = [], 0
    for module in lora.places:
        r, into, out = lora.shape.rank, module.in_features, module.out_features
        a, b = flat[at : at + r * into].view(r, into), flat[at + r * into : at + r * (into + out)].view(out, r)
        at += r * (into + out)
        handles.append(
            module.register_forward_hook(lambda m, x, y, a=a, b=b: y + lora.shape.scale * (x[0].double() @ a.T @ b.T))
        )
    ids = torch.from_numpy(row.tokens.astype(np.int64))[None]
    logits = lora.lm.model(input_ids=ids, use_cache=False).logits[0].double()
    for handle in handles:
        handle.remove()
    loss = torch.nn.functional.cross_entropy(logits[row.first - 1 : -1], ids[0, row.first :])
    return torch.autograd.grad(loss, flat)[0].numpy(), float(loss.detach())


def test_gradients_are_those_of_autograd(lora, rows):
    weights = drawn(lora)
    losses = {}
    for at, found, loss in lora.gradients(rows, weights):
        for line, row in enumerate(at.tolist()):
            expected, said = by_autograd(lora, rows[row], weights)
            np.testing.assert_allclose(found[line].numpy(), expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())
            losses[row] = (float(loss[line]), said)
    assert sorted(losses) == [0, 1, 2, 3, 4, 5], "rows with nothing to learn are left out"
    for found, expected in losses.values():
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_batch_changes_no_gradient(lm, rows):
    alone, weights = Lora(lm, SHAPE, batch=1), drawn(Lora(lm, SHAPE))
    one, many = gradients_of(alone, rows, weights), gradients_of(Lora(lm, SHAPE), rows, weights)
    scale = np.nanmax(np.abs(one))
    assert scale > 0
    np.testing.assert_allclose(many, one, rtol=1e-4, atol=1e-6 * scale)
    np.testing.assert_array_equal(gradients_of(alone, rows[::-1], weights)[::-1], one)


def test_the_model_stays_as_it_was(lora, rows):
    ids = torch.tensor([[1, 2, 3]])
    before = lora.lm.model(input_ids=ids).logits
    gradients_of(lora, rows, drawn(lora))
    assert torch.equal(lora.lm.model(input_ids=ids).logits, before)
    assert not any(one.requires_grad or one.grad is not None for one in lora.lm.model.parameters())


def test_untrained_weights_leave_the_model_as_it_is_and_come_from_the_seed(lora, rows):
    begun = lora.start(3)
    (_, _, loss), *_ = lora.gradients(rows[:1], torch.from_numpy(begun))
    _, expected = by_autograd(lora, rows[0], torch.zeros(lora.size))
    assert float(loss[0]) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(lora.start(3), begun)
    assert (lora.start(4) != begun).any()


def test_out_of_memory_halves_the_batch(lora, rows, monkeypatch):
    weights, widths, some = drawn(lora), [], lora._some
    expected = gradients_of(lora, rows, weights)

    def small(found, weights):
        widths.append(len(found))
        if len(found) > 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        return some(found, weights)

    monkeypatch.setattr(lora, "_some", small)
    np.testing.assert_allclose(gradients_of(lora, rows, weights), expected, rtol=1e-4, atol=1e-5)
    assert widths[0] > 1
    assert lora.budget < 1_024

    def none(found, weights):
        raise MemoryError

    monkeypatch.setattr(lora, "_some", none)
    with pytest.raises(RowError, match=r"does not hold the gradient of one row of 30 tokens.*Choose fewer"):
        gradients_of(lora, rows, weights)


def test_other_errors_are_not_taken_for_memory(lora, rows, monkeypatch):
    def broken(found, weights):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(lora, "_some", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        gradients_of(lora, rows, drawn(lora))


def test_a_gradient_that_is_not_finite_names_the_row(lora, rows):
    weights = drawn(lora)
    weights[5] = float("nan")
    with pytest.raises(RowError, match="not finite") as caught:
        gradients_of(lora, [rows[-1], rows[2]], weights)
    assert caught.value.row == 1
    state = State(weights.numpy(), np.zeros(lora.size, np.float32), np.zeros(lora.size, np.float32))
    with pytest.raises(RowError) as caught:
        epoch(lora, [rows[-1], rows[2]], state, Plan(1, 2, 0.1), number=0, seed=0)
    assert caught.value.row == 1, "the place among all rows, not among those that are usable"


def test_a_model_that_does_not_fit_is_refused(lm, monkeypatch):
    with pytest.raises(EncoderError, match="lower rank"):
        Lora(lm, Shape(300_000, 1, 0))
    monkeypatch.setattr("selection.encoders.gradients.PLACES", ())
    with pytest.raises(EncoderError, match="no attention projections"):
        Lora(lm, SHAPE)


def test_only_the_last_blocks_have_weights(lm):
    every, last = Lora(lm, Shape(2, 8, 0)), Lora(lm, Shape(2, 8, 1))
    assert every.size == lm.depth * last.size
    assert len(last.places) == 4
    # q, o: 2 × (32 + 32); k, v: 2 × (32 + 16)
    assert last.size == 2 * 128 + 2 * 96


def test_the_direction_of_adam_by_hand():
    gradient = torch.tensor([[1.0, -2.0, 0.0]])
    first, second = torch.tensor([1.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, 0.0])
    made = direction(gradient.clone(), first, second)[0].tolist()
    # m̂ = .9 m + .1 g; v̂ = .999 v + .001 g²; no correction of bias, ε within the root
    assert made[0] == pytest.approx(1.0 / np.sqrt(1.0 + 1e-8))
    assert made[1] == pytest.approx(0.7 / np.sqrt(0.004 + 1e-8))
    assert made[2] == 0.0
    tiny_one = direction(torch.tensor([[1e-6]]), torch.zeros(1), torch.zeros(1))
    assert float(tiny_one[0, 0]) == pytest.approx(1e-7 / np.sqrt(1e-15 + 1e-8), rel=1e-5), "not divided by ε outside"


def test_a_direction_in_blocks_is_the_same(monkeypatch):
    rng = torch.Generator().manual_seed(0)
    gradient, first = torch.randn((3, 50), generator=rng), torch.randn(50, generator=rng)
    second = torch.rand(50, generator=rng)
    expected = (0.9 * first + 0.1 * gradient) / (0.999 * second + 0.001 * gradient**2 + 1e-8).sqrt()
    torch.testing.assert_close(direction(gradient.clone(), first, second), expected)


def test_the_training_is_that_of_adam(lora, rows):
    plan, state = Plan(2, 4, 0.01), State.begin(lora, 0)
    flat = torch.tensor(state.weights, requires_grad=True)
    adam = torch.optim.Adam([flat], lr=1.0)
    losses = []
    for number in range(2):
        order = np.random.default_rng([9, number, 1]).permutation(6)
        for start in (0, 4):
            picked = order[start : start + 4]
            found = [by_autograd(lora, rows[row], flat.detach()) for row in picked.tolist()]
            flat.grad = torch.tensor(np.mean([one for one, _ in found], axis=0), dtype=torch.float32)
            torch.nn.utils.clip_grad_norm_([flat], 1.0)
            adam.param_groups[0]["lr"] = plan.rate_at(number * 2 + start // 4, 6)
            adam.step()
        state, loss = epoch(lora, rows, state, plan, number=number, seed=9)
        losses.append(loss)
    np.testing.assert_allclose(state.weights, flat.detach().numpy(), atol=2e-4)
    held = adam.state[flat]
    np.testing.assert_allclose(state.first, held["exp_avg"].numpy(), atol=1e-4 * float(held["exp_avg"].abs().max()))
    np.testing.assert_allclose(state.second, held["exp_avg_sq"].numpy(), atol=1e-4 * float(held["exp_avg_sq"].max()))
    assert state.steps == 4
    assert losses[1] < losses[0]


def test_rates_rise_fall_and_are_averaged():
    plan = Plan(4, 10, 1.0, rising=0.25)
    rates = [plan.rate_at(step, 20) for step in range(8)]  # two steps an epoch
    assert rates == pytest.approx([0.5, 1.0, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
    assert [plan.mean_rate(number, 20) for number in range(4)] == pytest.approx([0.75, 11 / 12, 7 / 12, 0.25])
    assert Plan(1, 10, 1.0).mean_rate(0, 3) > 0
    assert Plan(2, 10, 1.0).mean_rate(1, 0) > 0


def test_the_same_seed_trains_the_same(lora, rows):
    plan, begun = Plan(1, 2, 0.01), State.begin(lora, 0)
    one, other = (epoch(lora, rows, begun, plan, number=0, seed=1)[0] for _ in range(2))
    assert one.identity() == other.identity()
    assert epoch(lora, rows, begun, plan, number=0, seed=2)[0].identity() != one.identity()
    assert begun.identity() == State.begin(lora, 0).identity(), "the state before is left as it was"
    nothing, loss = epoch(lora, rows[-2:], begun, plan, number=0, seed=1)
    assert nothing.identity() == begun.identity()
    assert np.isnan(loss)


def test_the_gradients_foretell_how_a_step_on_one_row_changes_the_loss_of_another(lora, rows):
    """What the method rests on: l(v; θ - η Γ(x)) - l(v; θ) ≈ -η ⟨∇l(v), Γ(x)⟩ (Pruthi and others 2020; LESS, §2)."""
    weights, first, second = drawn(lora), drawn(lora, 2) * 0.01, drawn(lora, 3) ** 2
    moves = direction(torch.from_numpy(gradients_of(lora, rows[:3], weights)), first, second)
    own = torch.from_numpy(gradients_of(lora, rows[3:4], weights))[0]
    for move in moves:
        rate = 1e-3 / float(move.norm())
        (_, _, before), (_, _, after) = (next(lora.gradients(rows[3:4], at)) for at in (weights, weights - rate * move))
        assert float(after - before) == pytest.approx(-rate * float(own @ move), rel=0.02, abs=2e-7)


def test_features_are_projected_gradients_of_unit_length(lora, rows):
    state = State(drawn(lora).numpy(), drawn(lora, 2).numpy(), drawn(lora, 3).numpy() ** 2)
    full = gradients_of(lora, rows, torch.from_numpy(state.weights))[:6]
    ticks = []
    plain = features(lora, rows, state, dims=512, seed=4, adam=False, tick=ticks.append)
    assert plain.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(plain[:6], axis=1), 1, atol=1e-6)
    assert not plain[6:].any()
    assert ticks == sorted(ticks)
    assert ticks[-1] == 6
    unit = full / np.linalg.norm(full, axis=1, keepdims=True)
    assert np.abs(plain[:6] @ plain[:6].T - unit @ unit.T).max() < 5 / np.sqrt(512)
    moved = features(lora, rows, state, dims=512, seed=4, adam=True)
    assert np.abs(moved[:6] - plain[:6]).max() > 0.01


def test_a_projection_in_blocks_is_one_product(monkeypatch):
    from selection.kernels import projection

    given = torch.randn((3, 70), generator=torch.Generator().manual_seed(0))
    expected = given @ torch.from_numpy(projection.signs(6, 0, 70, 40)) / np.sqrt(40)
    monkeypatch.setattr(projection, "BLOCK", 32)
    torch.testing.assert_close(projected(given, 40, 6, "cpu"), expected)


# --- rows as lessons ---


def test_the_answer_is_learned_behind_the_question_in_the_models_form(lm):
    (one, none), form = lessons(lm, ["2+2?", "3?"], ["4", " "], 100), form_of(lm)
    assert form.own
    text = lm.tokenizer.decode(one.tokens)
    assert text == form.before + "2+2?" + form.between + "4" + form.after
    assert lm.tokenizer.decode(one.tokens[one.first :]) == "4" + form.after
    assert (one.cut, none.learned) == (False, 0)


def test_a_long_row_is_cut_and_keeps_room_for_its_answer(lm):
    long_question, long_answer, both, short = lessons(
        lm, ["q" * 500, "q", "q" * 500, "q"], ["yes", "a" * 500, "a" * 9_000, "a"], 40
    )
    for one in (long_question, long_answer, both):
        assert len(one.tokens) == 40
        assert one.cut
    assert not short.cut
    assert lm.tokenizer.decode(long_question.tokens[long_question.first :]) == "yes"
    assert both.learned == 20
    assert lm.tokenizer.decode(both.tokens[: both.first]).startswith("qqq")


def test_the_whole_row_is_learned_but_its_first_token(lm):
    one, empty, cut = whole(lm, ["abc", "", "x" * 99], 10)
    assert (len(one.tokens), one.first, one.learned) == (3, 1, 2)
    assert empty.learned == 0
    assert (len(cut.tokens), cut.cut) == (10, True)


def test_a_model_without_a_template_reads_rows_in_a_plain_form(tmp_path):
    from tests.tiny_lm import write

    form = form_of(causal.load(str(write(tmp_path / "lm", chat=""))))
    assert not form.own
    assert form[:2] == ("<|user|>\n", "\n<|assistant|>\n")
    swallows = form_of(causal.load(str(write(tmp_path / "other", chat="{{ messages[0]['content'] }}"))))
    assert not swallows.own
