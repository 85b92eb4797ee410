"""A server that fails in every way: nothing lost, nothing doubled, nothing paid twice, and the run says why it ends."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from curation.actions import generations
from curation.models import Candidate, EndpointPace, Generation, ModelRequest
from jobs.models import Step
from jobs.runner import drain
from tests.jobs.conftest import in_thread
from tests.jobs.plant import until
from tests.synthesis import made
from tests.synthesis.server import Answer


def number(text: str) -> int:
    return int(text.rsplit(" ", 1)[-1])


def in_order(*answers: Answer):
    """A script: the nth answer for the nth request of one text, then fine ones."""
    return lambda text, nth: answers[nth - 1] if nth <= len(answers) else Answer()


def adds_up(run: Generation) -> None:
    assert run.requests == run.answered + run.failed + run.cancelled
    assert run.asked_for == run.kept + run.dropped + run.lost + run.cancelled
    rows = ModelRequest.objects.filter(uses__generation=run)
    states = Counter(rows.values_list("state", flat=True))
    assert (states["done"], states["failed"]) == (run.answered, run.failed)
    assert states["claimed"] == 0
    assert Candidate.objects.filter(generation=run).count() == run.kept + run.dropped


MISHAPS = {
    "429 with Retry-After": Answer(429, headers={"Retry-After": "0"}),
    "429 in milliseconds": Answer(429, headers={"retry-after-ms": "30"}),
    "500": Answer(500),
    "503 with Retry-After": Answer(503, headers={"Retry-After": "0"}),
    "408": Answer(408),
    "409": Answer(409),
    "timeout": Answer(seconds=3),
    "slow tokens": Answer(drip=0.05),
    "truncated JSON": Answer(cut=30),
    "cut within JSON": Answer(body={}, headers={"Connection": "close"}, cut=1),
    "no choices": Answer(body={"id": "x"}),
    "not an object": Answer(body=["no"]),
    "connection reset": Answer(reset=True),
    "a choice without a message": Answer(body={"choices": [{"finish_reason": "stop"}]}),
    "x-should-retry": Answer(418, headers={"x-should-retry": "true"}),
}


@pytest.mark.parametrize("name", MISHAPS)
def test_one_mishap_each_changes_nothing_but_the_attempts(cast, server, name):
    server.script = in_order(MISHAPS[name])
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url, timeout=1), 4))
    adds_up(run)
    assert (run.state, run.kept, run.failed) == ("complete", 4, 0), run.why
    assert set(server.seen.values()) == {2}
    assert set(server.paid.values()) <= {1} or name == "slow tokens"
    assert set(ModelRequest.objects.values_list("attempts", flat=True)) == {2}


def test_everything_at_once(cast, server):
    """Each seventh request meets another mishap, all answers have the same id."""
    mishaps = [one for name, one in MISHAPS.items() if name not in {"timeout", "slow tokens"}]

    def script(text, nth):
        at = number(text)
        if nth == 1 and at % 3 == 0:
            return mishaps[(at // 3) % len(mishaps)]
        return Answer(id="always-the-same")

    server.script = script
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=16, price_in="1", price_out="1")
    run = made.run(made.start(cast, to, 100))
    adds_up(run)
    assert (run.state, run.kept, run.failed, run.answered) == ("complete", 100, 0, 100), run.why
    assert {text: count for text, count in server.paid.items() if count != 1} == {}
    inputs = Candidate.objects.filter(generation=run).values_list("content__input", "content__outputs")
    assert sorted(inputs) == sorted((f"text {n}", [f"echo of text {n}"]) for n in range(100))
    assert run.spent == made.fresh(cast.team).spending.spent


def test_a_server_that_always_fails_one_request_ends_with_a_row_that_says_so(cast, server):
    server.script = lambda text, nth: Answer(500 if text == "text 3" else 200)
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 6))
    adds_up(run)
    assert (run.state, run.kept, run.failed, run.lost) == ("complete_with_rejects", 5, 1, 1)
    row = ModelRequest.objects.get(state="failed")
    assert (row.reason, row.error, row.attempts, row.response) == ("server", "scripted 500", 3, None)
    assert server.seen["text 3"] == 3

    server.script = lambda text, nth: Answer()
    seen = server.seen.copy()
    assert generations.retry_failed(generation=run, by=cast.curator) == 1
    run = made.run(run)
    adds_up(run)
    assert (run.state, run.kept, run.failed, run.lost) == ("complete", 6, 0, 0)
    assert server.seen - seen == {"text 3": 1}


def test_a_timeout_is_tried_at_most_twice_more(cast, server):
    server.script = lambda text, nth: Answer(seconds=2 if text == "text 1" else 0)
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url, timeout=1), 2))
    adds_up(run)
    assert (run.kept, run.failed, server.seen["text 1"]) == (1, 1, 3)
    assert ModelRequest.objects.get(state="failed").reason == "timeout"


def test_retry_after_is_waited_for_by_all(cast, server):
    """The first request is put off for a second: until then no other one is sent."""
    server.script = lambda text, nth: Answer(429, headers={"Retry-After": "1"}) if len(server.at) == 1 else Answer()
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=1)
    run = made.run(made.start(cast, to, 3))
    assert run.kept == 3
    first, second = server.at[0][0], server.at[1][0]
    assert 1.0 <= second - first < 2.5


def test_a_server_that_wants_more_than_two_minutes_is_left_alone(cast, server):
    server.script = lambda text, nth: Answer(429, headers={"Retry-After": "3000"})
    run = made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 3)
    drain("io")
    step = Step.objects.get(job=run.job)
    assert (step.state, step.transients) == ("waiting", 1)
    assert step.not_before > timezone.now() + timedelta(seconds=2900)
    assert ModelRequest.objects.filter(state="failed").count() == 0


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (Answer(401), "endpoint.key_refused", "scripted 401"),
        (Answer(403), "endpoint.key_refused", "scripted 403"),
        (Answer(429, body={"error": {"message": "Pay.", "code": "insufficient_quota"}}), "endpoint.quota", "Pay."),
    ],
)
def test_a_key_or_quota_pauses_the_run_and_loses_nothing(cast, server, answer, code, says):
    server.script = lambda text, nth: answer if number(text) >= 10 else Answer()
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 30))
    adds_up(run)
    assert (run.state, run.job.state, run.job.error_code) == ("paused", "failed", code)
    assert says in run.why
    assert (run.failed, run.answered >= 9, run.cancelled) == (0, True, 30 - run.answered)
    paid = server.paid.copy()
    server.script = lambda text, nth: Answer()
    generations.resume(generation=run, by=cast.curator)
    run = made.run(run)
    adds_up(run)
    assert (run.state, run.kept, run.cancelled) == ("complete", 30, 0)
    assert set(server.paid.values()) == {1}
    assert sum((server.paid - paid).values()) == 30 - sum(paid.values())


@pytest.mark.parametrize("status", [400, 404, 422])
def test_five_refusals_from_the_first_on_stop_the_run(cast, server, status):
    server.script = lambda text, nth: Answer(status)
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 40))
    adds_up(run)
    assert (run.state, run.job.error_code) == ("paused", "generation.refused")
    assert f"scripted {status}" in run.why
    assert sum(server.seen.values()) == run.failed == 5
    assert run.cancelled == 35


def test_a_refusal_later_fails_its_request_alone(cast, server):
    server.script = lambda text, nth: Answer(400 if number(text) >= 30 else 200)
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 40))
    adds_up(run)
    assert (run.state, run.kept, run.failed, run.lost) == ("complete_with_rejects", 30, 10, 10)
    assert sum(server.seen.values()) == 40


def test_ten_failures_in_a_row_open_the_breaker_and_the_run_goes_on_later(cast, server, settings):
    down = {"until": 25}
    server.script = lambda text, nth: Answer(502 if 8 < len(server.at) <= down["until"] else 200)
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=8)
    run = made.run(made.start(cast, to, 40))
    adds_up(run)
    assert (run.state, run.kept, run.failed) == ("complete", 40, 0), run.why
    assert Step.objects.get(job=run.job).transients >= 1
    assert EndpointPace.objects.get(endpoint=to).failures == 0
    assert set(server.paid.values()) == {1}


@pytest.mark.parametrize(("finish", "why"), [("content_filter", "content_filter"), ("tool_calls", "tool_calls")])
def test_a_filtered_answer_is_kept_as_a_reject_and_never_asked_again(cast, server, finish, why):
    server.script = lambda text, nth: Answer(finish=finish if text == "text 1" else "stop")
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 3))
    adds_up(run)
    assert (run.kept, run.dropped, server.seen["text 1"]) == (2, 1, 1)
    assert ModelRequest.objects.get(finish_reason=finish).state == "done"


def test_text_that_a_database_cannot_hold_is_mended(cast, server):
    server.script = lambda text, nth: Answer(text="a\0b\ud800c")
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 1))
    assert run.kept == 1
    assert Candidate.objects.get(generation=run).content["outputs"] == ["a\ufffdb\ufffdc"]


def test_a_schema_that_is_not_kept_to_is_repaired_once(cast, server):
    def script(text, nth):
        if text.startswith("That answer cannot be read"):
            return Answer(text='{"answer": "mended"}')
        return Answer(text='{"wrong": 1}' if text == "text 1" else '```json\n{"answer": "fine",}\n```')

    server.script = script
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 3, params={"schema": True}))
    adds_up(run)
    assert run.kept == 3
    said = dict(Candidate.objects.values_list("content__input", "content__outputs"))
    assert said == {"text 0": ["fine"], "text 1": ["mended"], "text 2": ["fine"]}
    assert (run.requests, server.seen["text 1"]) == (4, 1)
    repaired = next(body for body in server.bodies if body["messages"][-1]["content"].startswith("That answer"))
    assert [turn["role"] for turn in repaired["messages"]] == ["user", "assistant", "user"]
    assert repaired["temperature"] == 0
    assert repaired["response_format"]["json_schema"]["schema"] == made.SCHEMA


def test_what_cannot_be_repaired_is_drawn_again_and_then_dropped(cast, server):
    server.script = lambda text, nth: Answer(text="no JSON at all")
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 2, params={"schema": True}))
    adds_up(run)
    assert (run.kept, run.dropped) == (0, 2)
    assert server.seen["text 0"] == 3


def test_a_private_address_is_refused_at_the_socket(cast, server, settings):
    to = made.endpoint(cast.team, cast.owner, server.url)
    settings.OUTBOUND_ALLOW = []
    run = made.run(made.start(cast, to, 3))
    adds_up(run)
    assert (run.state, run.job.error_code) == ("paused", "endpoint.unreachable")
    assert "127.0.0.1" in run.why
    assert sum(server.seen.values()) == 0


def test_cancel_keeps_what_is_paid_and_resume_asks_for_the_rest(cast, server):
    server.seconds = 0.2

    run = made.start(cast, made.endpoint(cast.team, cast.owner, server.url, concurrency=4), 60)

    def cancel_after_some():
        until(lambda: len(server.at) >= 12)
        generations.cancel(generation=Generation.objects.get(pk=run.pk), by=cast.curator)

    canceller = in_thread(cancel_after_some)
    run = made.run(run)
    canceller.join()
    assert canceller.outcome is None
    adds_up(run)
    assert (run.state, run.why) == ("stopped", "Somebody cancelled it.")
    assert run.answered == sum(server.paid.values()) < 60
    assert run.cancelled == 60 - run.answered
    server.seconds, server.script = 0.0, lambda text, nth: Answer()
    generations.resume(generation=run, by=cast.curator)
    run = made.run(run)
    adds_up(run)
    assert (run.state, run.kept) == ("complete", 60)
    assert set(server.seen.values()) == {1}
