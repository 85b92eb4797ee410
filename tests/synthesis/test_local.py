"""The model inside the worker: SmolLM2 from its package, with real weights. Its prose is poor; the machinery is tested."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from curation.content import Message
from curation.generators import Request, Sampling
from curation.models import Candidate, ModelRequest
from curation.synthesis import dialects, local
from curation.synthesis.outcomes import Then
from selection.encoders import causal
from tests.synthesis import made


def body(text: str, seed: int = 1, **sampling) -> dict:
    request = Request("s", "k", (Message("user", text),), Sampling(**({"max_tokens": 12} | sampling)), seed=seed)
    return dialects.body_of(request, 0, dialect="local", model="smollm2")


def answers(*bodies: dict) -> list[str]:
    found = local.generate(model(), [(dialects.CHAT, one) for one in bodies])
    return [dialects.read(one).text for one in found]


def model():
    """In float32: bfloat16 rounds so coarsely that the neighbours in a batch would show."""
    return causal.load("smollm2", precision="float32")


def test_an_answer_depends_on_its_seed_and_not_on_its_neighbours():
    one, other = body("Name a fruit.", seed=3, temperature=1.0), body("Name a fruit.", seed=4, temperature=1.0)
    long = body("Tell me of the sea, of ships, and of the wind. " * 3, seed=5, temperature=0.8, max_tokens=20)
    alone = answers(one)[0]
    together = answers(long, one, other)
    assert together[1] == alone
    assert together[2] != alone
    assert answers(one)[0] == alone


def test_temperature_nought_is_the_likeliest_answer_whatever_the_seed():
    first = answers(body("What is the capital of France?", seed=1, temperature=0.0))
    assert first == answers(body("What is the capital of France?", seed=9, temperature=0.0))
    assert "Paris" in first[0]


def test_limits_stops_usage_and_logprobs():
    short, stopped, told = local.generate(
        model(),
        [
            (dialects.CHAT, body("Count from one to twenty in words.", temperature=0.0, max_tokens=4)),
            (dialects.CHAT, body("What is the capital of France?", temperature=0.0, stop=("Paris",))),
            (dialects.CHAT, body("Say yes or no.", temperature=0.0, max_tokens=3, logprobs=True)),
        ],
    )
    reply = dialects.read(short)
    assert (reply.finish_reason, reply.usage.completion_tokens) == ("length", 4)
    assert "Paris" not in dialects.read(stopped).text
    assert dialects.read(stopped).finish_reason == "stop"
    logprobs = dialects.read(told).logprobs
    assert 0 < len(logprobs) <= 20
    assert all(value <= 0 for value in logprobs.values())


def test_a_prompt_that_does_not_fit_is_refused_in_words():
    found = local.generate(model(), [(dialects.CHAT, body("word " * 9000))])
    assert "tokens" in found[0]


def test_the_draws_follow_the_distribution():
    """Gumbel's trick against softmax: 2,000 draws of one step from three tokens, with top-p cutting the last."""
    import torch

    logits = torch.log(torch.tensor([[0.6, 0.3, 0.1]]))
    counts = [0, 0, 0]
    for seed in range(2000):
        drawn = {"seed": seed, "temperature": 1.0, "top_p": 0.85, "max_tokens": 5}
        chosen = local._Draw([drawn], {2}, 1)(torch.zeros(1, 1), logits.clone())
        counts[int(chosen.argmax())] += 1
    assert counts[2] == 0
    assert counts[0] / 2000 == pytest.approx(2 / 3, abs=0.03)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(local, "load", lambda name: model())


def test_a_run_on_a_local_model_goes_through_the_same_table(cast, quick):
    to = made.endpoint(cast.team, cast.owner, "", kind="local", model="smollm2", key="", concurrency=4, timeout=120)
    assert (to.queue, to.identity, to.dialect) == ("gpu", "local", "local")
    run = made.run(made.start(cast, to, 3, params={"max_tokens": 8}))
    assert (run.answered, run.failed) == (run.requests, 0)
    assert run.kept + run.dropped == 3
    assert run.completion_tokens > 0
    assert ModelRequest.objects.filter(state="done").count() == run.requests
    again = made.run(made.start(cast, to, 3, params={"max_tokens": 8}))
    assert again.cached == again.answered
    outputs = [
        list(Candidate.objects.filter(generation=one).order_by("key").values_list("content", "state"))
        for one in (run, again)
    ]
    assert outputs[0] == outputs[1]


def test_a_model_that_is_not_there_pauses_in_words(cast, monkeypatch):
    to = made.endpoint(cast.team, cast.owner, "", kind="local", model="/no/such/folder", key="")
    run = made.run(made.start(cast, to, 2))
    assert run.job.error_code == "endpoint.local_model"
    assert "/no/such/folder" in run.why


def test_close_leaves_no_thread(cast, quick):
    to = made.endpoint(cast.team, cast.owner, "", kind="local", model="smollm2")

    async def open_and_close():
        sender = local.LocalModel(to)
        outcome = await sender.send(dialects.CHAT, body("Say hello.", max_tokens=2))
        await sender.close()
        return outcome

    with ThreadPoolExecutor(1) as apart:  # a browser that is open in this process has a loop in the main thread
        assert apart.submit(asyncio.run, open_and_close()).result().then == Then.DONE
