"""The plan of a generator: limits, retries, replay."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from curation.generators import (
    Candidate,
    Job,
    Need,
    NoFilters,
    Reply,
    Request,
    Sampling,
    Spec,
    Template,
    Verdict,
    ask,
    drive,
    missing,
    plan,
)
from curation.generators.base import Batch, Plan, Replies


@dataclass(frozen=True)
class Params:
    pass


class Echo:
    """Asks for one line per index, and takes every answer that is no "bad"."""

    name, title, summary = "echo", "Echo", "Says it again."
    needs = (Need("instruction"),)
    stages = ("say",)
    templates = {"say": Template(system="Say {{ task.instruction }}.", action="One word.", data="{{ word }}")}
    Params = Params

    def __init__(self, most: int = 50) -> None:
        self.most = most

    def estimate(self, job: Job) -> int:
        return job.wanted

    def run(self, job: Job) -> Plan:
        at = 0
        while at < self.most and not job.done:
            requests = [job.request("say", at + n, data={"word": f"w{at + n}"}) for n in range(5)]
            for found in (yield from ask(requests, _read, job)):
                if found.value:
                    told = {"input": f"q {found.request.key}", "outputs": (found.value,)}
                    job.emit(Candidate(instruction="i", requests=found.requests, **told))
            at += 5


def _read(request: Request, reply: Reply) -> str:
    if reply.text == "bad":
        raise ValueError("the answer is bad")
    return reply.text


def job(**given: Any) -> Job:
    return Job(**({"spec": Spec(instruction="hello"), "params": Params(), "seed": 3} | given))


def answering(text: Callable[[Request], Reply]) -> Callable[[Batch], Replies]:
    return lambda batch: [[text(request) for _ in range(request.samples)] for request in batch]


def test_same_seed_same_requests_and_another_seed_others() -> None:
    seen: dict[str, list[Request]] = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        asked: list[Request] = []
        drive(
            plan(Echo(), job(seed=seed, wanted=10)),
            answering(lambda request, asked=asked: asked.append(request) or Reply(request.key)),
        )
        seen[name] = asked
    assert seen["a"] == seen["b"]
    assert [one.seed for one in seen["a"]] != [one.seed for one in seen["c"]]
    assert seen["a"][0].template.startswith("say@")


def test_replay_after_a_cut_gives_the_same_candidates() -> None:
    kept: dict[str, list[Reply]] = {}

    def paid(batch: Batch) -> Replies:
        out = []
        for request in batch:
            if request.key not in kept:
                if len(kept) == 7:
                    raise KeyboardInterrupt
                kept[request.key] = [Reply(f"answer {request.seed}")]
            out.append(kept[request.key])
        return out

    first = job(wanted=7)
    with pytest.raises(KeyboardInterrupt):
        drive(plan(Echo(), first), paid)
    assert len(first.candidates) == 5
    again, whole = job(wanted=7), job(wanted=7)
    kept_before = dict(kept)
    kept_more: dict[str, list[Reply]] = kept_before
    drive(plan(Echo(), again), lambda b: [kept_more.setdefault(r.key, [Reply(f"answer {r.seed}")]) for r in b])
    drive(plan(Echo(), whole), answering(lambda r: Reply(f"answer {r.seed}")))
    assert again.candidates == whole.candidates
    assert again.candidates[:5] == first.candidates


def test_the_ceiling_holds_and_what_was_paid_is_used() -> None:
    asked: list[str] = []
    one = job(ceiling=7)
    drive(plan(Echo(), one), answering(lambda r: asked.append(r.key) or Reply(r.key)))
    assert len(asked) == 7 == one.asked
    assert len(one.candidates) == 7
    assert one.stopped == "the ceiling of requests is reached"


def test_a_run_that_gives_nothing_ends() -> None:
    class Drops(NoFilters):
        def one(self, candidate: Candidate) -> tuple[Any, ...]:
            return (Verdict("never", 1, False, "Nothing is good enough."),)

    one = job(filters=Drops(), wanted=10_000)
    drive(plan(Echo(most=100_000), one), answering(lambda r: Reply(r.key)))
    assert len(one.candidates) == 200
    assert one.stopped == "of the last 200 candidates fewer than 2% were kept"
    assert one.candidates[0].reason == "Nothing is good enough."


def test_what_cannot_be_read_is_drawn_again_under_another_key_and_seed() -> None:
    asked: list[Request] = []

    def text(request: Request) -> Reply:
        asked.append(request)
        return Reply("bad" if request.key in ("say/1", "say/2", "say/2~1", "say/2~2") else "good")

    one = job(wanted=5)
    drive(plan(Echo(most=5), one), answering(text))
    assert [c.key for c in one.candidates] == ["say/0", "say/1~1", "say/3", "say/4"]
    assert one.candidates[1].requests == ("say/1", "say/1~1")
    by_key = {r.key: r for r in asked}
    assert by_key["say/1"].seed != by_key["say/1~1"].seed
    assert "say/2~3" not in by_key


def test_an_answer_that_was_cut_off_gets_twice_the_tokens_once() -> None:
    asked: list[Request] = []

    def text(request: Request) -> Reply:
        asked.append(request)
        return Reply("half an ans", finish_reason="length") if request.key.startswith("say/0") else Reply("ok")

    drive(plan(Echo(most=5), job(wanted=5)), answering(text))
    tokens = [(r.key, r.sampling.max_tokens) for r in asked if r.key.startswith("say/0")]
    assert tokens == [("say/0", 512), ("say/0~1", 1024)]


def test_an_answer_that_repeats_the_marks_of_its_prompt_is_drawn_again() -> None:
    one = job(wanted=5)
    drive(
        plan(Echo(most=5), one), answering(lambda r: Reply(f"<{one.tag.upper()}>\nw1" if r.key == "say/1" else "good"))
    )
    assert [c.key for c in one.candidates][1] == "say/1~1"


@pytest.mark.parametrize("reply", [Reply(error="401"), Reply("no", finish_reason="content_filter")])
def test_a_failed_or_filtered_request_is_not_asked_again(reply: Reply) -> None:
    asked: list[str] = []
    one = job(wanted=5)
    drive(plan(Echo(most=5), one), answering(lambda r: asked.append(r.key) or reply))
    assert len(asked) == 5
    assert one.candidates == []


def test_at_temperature_0_another_sample_is_drawn_with_some() -> None:
    class Cold(Echo):
        def run(self, job: Job) -> Plan:
            request = job.request("say", 0, data={"word": "w"}, sampling=Sampling(temperature=0))
            yield from ask([request], _read, job)

    asked: list[Request] = []
    drive(plan(Cold(), job()), answering(lambda r: asked.append(r) or Reply("bad")))
    assert [r.sampling.temperature for r in asked] == [0, 0.3, 0.3]


def test_what_is_missing_is_said() -> None:
    assert missing(Echo(), Spec(), job().sources) == ["an instruction"]
    with pytest.raises(ValueError, match="echo needs an instruction"):
        next(plan(Echo(), Job(params=Params())))


def test_two_requests_or_candidates_with_one_key_are_a_fault() -> None:
    class Twice(Echo):
        def run(self, job: Job) -> Plan:
            yield [job.request("say", 1, data={"word": ""}), job.request("say", 1, data={"word": ""})]

    with pytest.raises(ValueError, match="have the key"):
        next(plan(Twice(), job()))
    one = job()
    one.emit(Candidate("k"))
    with pytest.raises(ValueError, match="have the key"):
        one.emit(Candidate("k"))
