"""Perplexity and IFD: against plain transformers, by hand, and what is said of rows without an answer."""

import numpy as np
import pytest
import torch

from selection.encoders import causal
from selection.methods import METHODS, Scores, Shard, loss, select
from selection.methods.ifd import ratio, score_of
from tests import tiny_lm
from tests.encoders.conftest import DEVICE
from tests.methods.tables import run

MODEL = tiny_lm.tiny()
PROMPTS = ["add two numbers", "", "name a gene", "say", "repeat after me " * 2, "nothing"]
ANSWERS = ["four", "an answer by itself", "BRCA1", "a", "repeat after me", ""]
ASKED = [(p, a) for p, a in zip(PROMPTS, ANSWERS, strict=True) if p]
ROWS = [{"instruction": p, "output": a, "id": f"k{n}"} for n, (p, a) in enumerate(ASKED)]


@pytest.fixture(scope="module")
def lm():
    return causal.load(MODEL, DEVICE)


def by_hand(lm, before, text, skipped=0):
    """The mean loss of the bytes of `text` behind `before`, of which the first that stands alone is not counted."""
    if not text:
        return np.nan
    ids = list(before.encode()) + list(text.encode())
    ids = [int(lm.tokens([chr(byte)])[0][0]) for byte in ids]
    begin = max(len(before.encode()) + skipped, 1)
    with torch.inference_mode():
        logits = lm.model(input_ids=torch.tensor([ids], device=lm.device)).logits[0].float()
    told = torch.log_softmax(logits, -1)
    lost = [-float(told[at - 1, ids[at]]) for at in range(begin, len(ids))]
    return np.mean(lost) if lost else np.nan


def test_losses_of_answers_count_the_answer_alone(lm):
    found = loss.of_answers(lm, PROMPTS, ANSWERS, 64)
    wanted = [by_hand(lm, f"{p}\n" if p else "", a) for p, a in zip(PROMPTS, ANSWERS, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    np.testing.assert_allclose(loss.of_texts(lm, ANSWERS, 64), [by_hand(lm, "", a) for a in ANSWERS], rtol=1e-5)


def test_with_and_without_the_prompt_the_same_tokens_count(lm):
    after, gain = loss.with_and_without(lm, PROMPTS, ANSWERS, 64).T
    said = [f"{p}\n" if p else "" for p in PROMPTS]
    np.testing.assert_allclose(after, [by_hand(lm, p, a, 1) for p, a in zip(said, ANSWERS, strict=True)], rtol=1e-5)
    np.testing.assert_allclose(after + gain, [by_hand(lm, "", a, 1) for a in ANSWERS], rtol=1e-5)
    assert np.isnan(gain[[3, 5]]).all(), "one token or none"
    assert abs(gain[1]) < 1e-6, "without a prompt nothing helps"


def test_a_first_token_stands_before_prompt_and_answer(tmp_path):
    lm = causal.load(str(tiny_lm.write(tmp_path / "opening", opening=True)), DEVICE)
    rows, first = loss.answered(lm, ["ab", ""], ["cd", "cd"], 64)
    assert [row[0] for row in rows] == [256, 256]
    assert [len(row) for row in rows] == [6, 3]
    assert first == [4, 1]
    rows, first = loss.answered(lm, ["ab" * 50], ["cd"], 10)
    assert (len(rows[0]), rows[0][0], first) == (10, 256, [8])


@pytest.mark.parametrize(
    ("prompt", "answer", "kept", "first"),
    [(3, 3, 6, 3), (20, 3, 10, 7), (3, 20, 10, 3), (20, 20, 10, 5), (0, 20, 10, 0), (20, 0, 10, 10)],
)
def test_too_long_loses_the_opening_of_the_prompt(prompt, answer, kept, first):
    rows, begins = loss.joined([np.arange(prompt, dtype=np.int32)], [np.arange(100, 100 + answer, dtype=np.int32)], 10)
    assert (len(rows[0]), begins) == (kept, [first])
    assert rows[0][:first].tolist() == list(range(prompt))[-first:] * bool(first)
    assert rows[0][first:].tolist() == list(range(100, 100 + kept - first))


def test_ratio_by_hand():
    gain = np.log([10.0, 5.0, 1.0, 0.5])
    np.testing.assert_allclose(ratio(gain), [0.1, 0.2, 1, 2])
    np.testing.assert_allclose(score_of(ratio(gain)), [0.1, 0.2, -1, -2])
    assert np.isnan(score_of(ratio(np.array([np.nan])))).all()


def order(method, **params):
    return [(pick.key, pick.score) for pick in select(ROWS, method=method, budget=10, model=MODEL, tokens=64, **params)]


@pytest.mark.parametrize("keep", ["low", "high", "middle"])
@pytest.mark.parametrize("view", ["response", "text"])
def test_which_perplexity_comes_first(lm, keep, view):
    from curation.content import Content, render

    if view == "text":
        rows = [Content("single", instruction=p, outputs=(a,)) for p, a in ASKED]
        values = loss.of_texts(lm, [render(row, "text") for row in rows], 64)
    else:
        values = loss.of_answers(lm, *zip(*ASKED, strict=True), 64)
    told = values[np.isfinite(values)]
    scores = {"low": -values, "high": values, "middle": -np.abs(values - np.median(told))}[keep]
    wanted = sorted(((-s, f"k{n}") for n, s in enumerate(scores) if np.isfinite(s)))
    found = order("perplexity", keep=keep, view=view)
    np.testing.assert_allclose([score for _, score in found], [-s for s, _ in wanted], rtol=2e-3, atol=2e-2)
    assert {key for key, _ in found} == {key for _, key in wanted}


def test_ifd_puts_rows_that_the_prompt_does_not_help_last(lm):
    values = ratio(loss.with_and_without(lm, *zip(*ASKED, strict=True), 64)[:, 1])
    found = order("ifd")
    np.testing.assert_allclose(sorted(s for _, s in found), np.sort(score_of(values[np.isfinite(values)])), rtol=2e-3)
    assert any(score < 0 for _, score in found)
    reasons = [pick.reason[0].text for pick in select(ROWS, method="ifd", budget=10, model=MODEL, tokens=64)]
    for (_, score), reason in zip(found, reasons, strict=True):
        assert ("comes last" in reason) == (score < 0)
        assert "perplexity of the answer" in reason


def test_notes_say_the_median_and_rows_without_an_answer():
    rows = [(f"k{n}", text, "") for n, text in enumerate(["abc", "a", "some words"])]
    columns, ctx = run("ifd", [rows], model=MODEL)
    (note,) = METHODS["ifd"].notes(ctx, Scores.of(columns))
    assert note.text.startswith("1 row has no answer long enough")
    columns, ctx = run("perplexity", [rows], model=MODEL)
    assert [note.text.split(" is ")[0] for note in METHODS["perplexity"].notes(ctx, Scores.of(columns))] == [
        "The median perplexity"
    ]
    made = {}
    _, ctx = run("perplexity", [rows], model=MODEL, kept=made)
    shard = Shard.of({"keys": ["k0", "k1", "k2"], **made})
    assert all("where the median is" in why[0].text for why in METHODS["perplexity"].reasons(shard, ctx))


def test_the_model_reads_a_pool_once_for_every_keep(monkeypatch):
    rows, made, read = [("a", "some words", ""), ("b", "x y", "")], {}, []
    run("perplexity", [rows], model=MODEL, kept=made)
    monkeypatch.setattr(causal.CausalLM, "losses", lambda *args: read.append(args))
    for keep in ("low", "high", "middle"):
        run("perplexity", [rows], model=MODEL, kept=made, keep=keep)
    assert read == []
