"""The table of errors and retries, what a request is known by, and how answers are read. No server, no database."""

from datetime import UTC, datetime

import pytest

from curation.content import Message
from curation.generators import Request, Sampling
from curation.models import Endpoint
from curation.synthesis import dialects, keys, outcomes
from curation.synthesis.dialects import Malformed
from curation.synthesis.outcomes import Outcome, Then, of_status, retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "2"}, 2),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({}, None),
    ],
)
def test_retry_after_as_seconds_milliseconds_or_a_date(headers, seconds):
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "body", "then", "reason"),
    [
        (400, {}, {}, Then.FAIL, "refused"),
        (404, {}, {}, Then.FAIL, "refused"),
        (422, {}, {}, Then.FAIL, "refused"),
        (302, {}, None, Then.FAIL, "refused"),
        (401, {}, {}, Then.PAUSE, "key"),
        (403, {}, {}, Then.PAUSE, "key"),
        (429, {}, {"error": {"code": "insufficient_quota"}}, Then.PAUSE, "quota"),
        (429, {}, {"type": "insufficient_quota"}, Then.PAUSE, "quota"),
        (429, {}, {"error": {"code": "rate_limit_exceeded"}}, Then.AGAIN, "busy"),
        (429, {}, "rate limit", Then.AGAIN, "busy"),
        (408, {}, {}, Then.AGAIN, "busy"),
        (409, {}, {}, Then.AGAIN, "busy"),
        (500, {}, {}, Then.AGAIN, "server"),
        (529, {}, {}, Then.AGAIN, "server"),
        (500, {"x-should-retry": "false"}, {}, Then.FAIL, "refused"),
        (400, {"x-should-retry": "true"}, {}, Then.AGAIN, "server"),
    ],
)
def test_what_a_status_means(status, headers, body, then, reason):
    found = of_status(status, headers, body)
    assert (found.then, found.reason) == (then, reason)


def test_pauses_double_to_eight_seconds_with_up_to_a_quarter_less(settings):
    del settings.SYNTHESIS_FIRST_PAUSE
    again = Outcome(Then.AGAIN, "server", status=500)
    for attempt, full in enumerate([0.5, 1, 2, 4, 8, 8, 8], 1):
        for _ in range(20):
            assert 0.75 * full <= outcomes.pause(again, attempt) <= full
    assert outcomes.pause(Outcome(Then.AGAIN, "busy", delay=3.0), 1) == 3.0
    assert outcomes.breaker_pause() == 30


def test_how_often_something_is_tried():
    assert outcomes.most_tries(Outcome(Then.AGAIN, "timeout")) == 3
    assert outcomes.most_tries(Outcome(Then.AGAIN, "server", status=500)) == 3
    assert outcomes.most_tries(Outcome(Then.AGAIN, "busy", status=429)) == 8


# --- keys ---

TARGET = keys.Target("openai", "https://a.example/v1", "big")
REQUEST = Request("s", "k", (Message("system", "Be brief."), Message("user", "Hello.")), Sampling(), seed=5)


def key(request=REQUEST, sample=0, target=TARGET, **more):
    body = dialects.body_of(request, sample, dialect=target.dialect, model=target.model, **more)
    return keys.key_of(target, dialects.path_of(request), body, sample)


def test_everything_that_can_change_the_answer_changes_the_key():
    from dataclasses import replace

    first = key()
    assert first == key(replace(REQUEST, stage="other", key="other", template="t@1"))
    others = [
        key(replace(REQUEST, messages=(Message("system", "Be brief!"), REQUEST.messages[1]))),
        key(replace(REQUEST, messages=REQUEST.messages[1:])),
        key(replace(REQUEST, seed=6)),
        key(replace(REQUEST, schema={"type": "object"})),
        key(sample=1),
        *(key(replace(REQUEST, sampling=Sampling(**change))) for change in (
            {"temperature": 0.1}, {"top_p": 0.9}, {"max_tokens": 7}, {"stop": ("x",)}, {"presence_penalty": 0.1},
            {"logprobs": True},
        )),
        *(key(target=keys.Target(*change)) for change in (
            ("vllm", TARGET.identity, "big"), ("openai", "https://b.example/v1", "big"), ("openai", TARGET.identity, "bi"),
        )),
    ]  # fmt: skip
    assert len({first, *others}) == 1 + len(others)


def test_the_base_leaves_out_the_limit_of_tokens_alone():
    from dataclasses import replace

    def base(request, sample=0):
        body = dialects.body_of(request, sample, dialect="openai", model="big")
        return keys.base_of(TARGET, dialects.CHAT, body, sample)

    assert base(REQUEST) == base(replace(REQUEST, sampling=Sampling(max_tokens=9)))
    assert base(REQUEST) != base(replace(REQUEST, sampling=Sampling(temperature=0.1)))
    assert base(REQUEST) != base(REQUEST, 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://A.example/v1/", "https://a.example/v1", True),
        ("https://a.example/v1", "http://a.example/v1", False),
        ("https://a.example:8000/v1", "https://a.example/v1", False),
    ],
)
def test_an_address_has_one_spelling(one, other, same):
    assert (Endpoint(base_url=one).identity == Endpoint(base_url=other).identity) is same


def test_more_tokens_than_a_prompt_can_have():
    body = {"messages": [{"role": "user", "content": "ü" * 10}]}
    assert keys.most_prompt_tokens(body) == 36
    assert keys.bytes_of({"prompt": "abc"}) == 3


# --- dialects ---


@pytest.mark.parametrize(
    ("dialect", "form"),
    [
        ("openai", {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}),
        ("vllm", {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}),
        ("tgi", {"type": "json", "value": {"type": "object"}}),
    ],
)
def test_each_dialect_says_its_schema_in_its_own_form(dialect, form):
    assert dialects.schema_form(dialect, {"type": "object"}) == form


def test_fields_that_a_server_may_not_know_are_left_out():
    request = Request("s", "k", (Message("user", "x"),), Sampling(top_k=5, stop=("a",)), samples=3)
    assert "top_k" not in dialects.body_of(request, 0, dialect="openai", model="m")
    body = dialects.body_of(request, 2, dialect="vllm", model="m")
    assert (body["top_k"], body["stop"], "n" in body, "top_p" in body) == (5, ["a"], False, False)
    raw = Request("s", "k", (Message("user", "x"),), raw=True)
    assert dialects.path_of(raw) == "completions"
    assert dialects.body_of(raw, 0, dialect="openai", model="m")["prompt"] == "x"
    seeds = {dialects.body_of(request, sample, dialect="vllm", model="m")["seed"] for sample in range(50)}
    assert len(seeds) == 50
    assert all(0 <= seed < 1 << 31 for seed in seeds)


@pytest.mark.parametrize(
    "raw",
    [None, [], {}, {"choices": []}, {"choices": [1]}, {"choices": [{}]}, {"choices": [{"message": {"content": 5}}]}],
)
def test_what_is_no_answer_is_said_to_be_none(raw):
    with pytest.raises(Malformed):
        dialects.read(raw)


def test_what_an_answer_says():
    def read(message, **more):
        return dialects.read({"choices": [{"message": message, "finish_reason": "stop"} | more]})

    assert read({"content": "a"}).why == ""
    assert read({"content": None}).why == "empty answer"
    assert read({"content": None, "refusal": "No."}).finish_reason == "refusal"
    assert read({"content": None, "tool_calls": [{}]}).finish_reason == "tool_calls"
    assert "content_filter" in read({"content": "a"}, finish_reason="content_filter").why
    told = {
        "content": [{"token": "a", "top_logprobs": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1}]}]
    }
    assert read({"content": "a"}, logprobs=told).logprobs == {"a": -0.5, "b": -1.0}
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 12}}
    found = dialects.usage_of({"usage": usage})
    assert (found.prompt_tokens, found.completion_tokens, found.cached_tokens) == (9, 4, 9)
    assert dialects.usage_of({"usage": {"prompt_tokens": "many", "completion_tokens": True}}).prompt_tokens == 0


def test_json_that_a_database_takes():
    raw = {"a\0": ["x\0", "\ud83d\ude00", "\ud800", float("nan"), 1 << 70, 3, None, True]}
    assert dialects.storable(raw) == {
        "a\ufffd": ["x\ufffd", "\U0001f600", "\ufffd", None, float(1 << 70), 3, None, True]
    }
