"""A run from its start to its candidates, against a server that behaves."""

from decimal import Decimal

from curation.models import Candidate, Generation, ModelRequest, RequestUse
from tests.curation import made_tasks
from tests.synthesis import made
from tests.synthesis.server import Answer


def test_a_run_asks_once_for_each_input_and_keeps_what_comes(cast, server):
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 20))
    assert (run.state, run.why, run.job.state) == ("complete", "", "succeeded")
    assert (run.requests, run.answered, run.failed, run.cancelled) == (20, 20, 0, 0)
    assert (run.kept, run.dropped, run.lost) == (20, 0, 0)
    assert run.asked_for == 20
    assert set(server.seen.values()) == {1}
    assert server.keys == {"Bearer sk-test-0123456789abcd"}
    first = Candidate.objects.filter(generation=run).order_by("pk").first()
    assert first.content == {
        "kind": "single",
        "instruction": "Answer.",
        "input": "text 0",
        "outputs": ["echo of text 0"],
    }
    assert (first.parents, first.uses) == (["s0"], ["write/s0"])
    assert first.verdicts[0]["filter"] == "test"
    row = ModelRequest.objects.get(uses__generation=run, uses__name="write/s0")
    assert row.body["messages"] == [{"role": "user", "content": "text 0"}]
    assert row.response["choices"][0]["message"]["content"] == "echo of text 0"
    assert (row.state, row.attempts, row.prompt_tokens, row.completion_tokens) == ("done", 1, 10, 5)
    assert (run.prompt_tokens, run.completion_tokens) == (200, 100)


def test_two_stages_and_drops_add_up(cast, server):
    server.script = lambda text, nth: Answer(text="please drop it" if text in {"text 3", "text 5"} else None)
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 10, params={"look": True}))
    assert run.state == "complete_with_rejects"
    assert (run.kept, run.dropped, run.requests, run.answered) == (8, 2, 18, 18)
    dropped = Candidate.objects.filter(generation=run, state="dropped")
    assert {one.why for one in dropped} == {"It says drop."}


def test_the_same_run_again_costs_nothing(cast, server):
    to = made.endpoint(cast.team, cast.owner, server.url, price_in="1", price_out="2")
    first = made.run(made.start(cast, to, 10, params={"samples": 2}))
    again = made.run(made.start(cast, to, 10, params={"samples": 2}))
    assert sum(server.seen.values()) == 20
    assert (again.answered, again.cached, again.spent, again.kept) == (20, 20, 0, 10)
    assert first.spent == Decimal(20 * (10 * 1 + 5 * 2)) / 1_000_000
    assert ModelRequest.objects.count() == 20
    assert RequestUse.objects.count() == 40


def test_more_tokens_ask_again_only_for_what_was_cut(cast, server):
    server.script = lambda text, nth: Answer(finish="length" if text == "text 2" else "stop")
    to = made.endpoint(cast.team, cast.owner, server.url)
    made.run(made.start(cast, to, 4, params={"max_tokens": 2000}))
    asked = server.seen.copy()
    assert asked["text 2"] == 2  # once more with twice the limit
    made.run(made.start(cast, to, 4, params={"max_tokens": 4000}))
    assert server.seen - asked == {"text 2": 2}  # with 4,000, and once more with the most there is


def test_another_team_pays_for_itself(cast, server):
    one = made.endpoint(cast.team, cast.owner, server.url)
    made.run(made.start(cast, one, 3))
    other = made.endpoint(cast.other_team, cast.stranger, server.url)
    run = made.run(made.start(cast, other, 3, task=made_tasks.task(cast.other_team, name="Theirs")))
    assert (run.cached, sum(server.seen.values())) == (0, 6)
    assert Generation.objects.count() == 2
