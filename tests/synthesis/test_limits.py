"""What may be spent and how fast: hard limits, whoever asks at the same time."""

from decimal import Decimal

import pytest

from config.faults import Fault
from curation.actions import endpoints, generations
from curation.models import Spending
from curation.queries_generations import money_of
from tests.jobs.conftest import in_thread
from tests.synthesis import made
from tests.synthesis.server import Answer
from tests.synthesis.test_faults import adds_up

PRICES = {"price_in": "0", "price_out": "10000"}  # 0.05 for the five tokens of an echo; 0.64 for 64


def test_many_at_once_never_pass_the_team_limit(cast, server):
    server.seconds = 0.02
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=16, **PRICES)
    endpoints.limit_spending(team=cast.team, by=cast.owner, limit=Decimal("1.50"))
    run = made.run(made.start(cast, to, 60))
    adds_up(run)
    assert (run.state, run.job.error_code) == ("paused", "generation.team_limit")
    assert Decimal("1.50") - Decimal("0.64") < run.spent <= Decimal("1.50")
    assert run.spent == len(server.at) * Decimal("0.05") == Spending.objects.get(team=cast.team).spent
    assert run.failed == 0
    money = money_of(cast.team)
    assert (money.spent, money.limit, money.reserved) == (run.spent, Decimal("1.50"), 0)
    endpoints.limit_spending(team=cast.team, by=cast.owner, limit=None)
    generations.resume(generation=run, by=cast.curator)
    run = made.run(run)
    assert (run.state, run.kept, run.spent) == ("complete", 60, 60 * Decimal("0.05"))
    assert set(server.seen.values()) == {1}


def test_reservations_count_the_most_that_an_answer_may_cost(cast, server):
    server.script = lambda text, nth: Answer(body=None)
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=16, **PRICES)
    endpoints.limit_spending(team=cast.team, by=cast.owner, limit=Decimal("0.63"))
    run = made.run(made.start(cast, to, 5))
    assert (run.job.error_code, len(server.at)) == ("generation.team_limit", 0)
    assert "0.6300 USD" in run.why


def test_two_runs_share_the_limit_of_the_team(cast, server):
    server.seconds = 0.02
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=16, **PRICES)
    endpoints.limit_spending(team=cast.team, by=cast.owner, limit=Decimal(2))
    runs = [made.start(cast, to, 40, sources=made.sources(40, start=100 * n)) for n in range(2)]
    threads = [in_thread(made.run, run) for run in runs]
    for thread in threads:
        thread.join()
    spent = Spending.objects.get(team=cast.team).spent
    assert Decimal("1.36") < spent <= Decimal(2)
    assert spent == len(server.at) * Decimal("0.05")


def test_the_limit_of_a_run_and_its_raise(cast, server):
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=2, **PRICES)
    run = made.run(made.start(cast, to, 20, money=Decimal("0.8")))
    adds_up(run)
    assert (run.state, run.job.error_code) == ("paused", "generation.own_limit")
    assert run.spent <= Decimal("0.8")
    generations.resume(generation=run, by=cast.curator, money=Decimal(5))
    assert made.run(run).kept == 20


def test_last_month_does_not_count(cast, server):
    to = made.endpoint(cast.team, cast.owner, server.url, **PRICES)
    endpoints.limit_spending(team=cast.team, by=cast.owner, limit=Decimal(3))
    Spending.objects.filter(team=cast.team).update(month="2020-01-01", spent=Decimal("2.99"))
    assert money_of(cast.team).spent == 0
    assert made.run(made.start(cast, to, 4)).kept == 4
    assert Spending.objects.get(team=cast.team).spent == Decimal("0.20")


def test_a_server_that_does_not_count_is_paid_by_our_own_count(cast, server):
    server.script = lambda text, nth: Answer(text="x" * 400, usage=False)
    to = made.endpoint(cast.team, cast.owner, server.url, price_in="1", price_out="1")
    run = made.run(made.start(cast, to, 1))
    assert run.completion_tokens == 101
    assert run.spent > 0


def test_requests_a_minute(cast, server):
    """The bucket starts full: 60 at once, then one a second; so 61 take a second and 60 take none."""
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=32, requests_per_minute=60)
    run = made.run(made.start(cast, to, 61))
    assert run.kept == 61
    times = sorted(at for at, _ in server.at)
    took = times[-1] - times[0]
    assert took < 20
    within = max(sum(1 for one in times if start <= one < start + 0.5) for start in times)
    assert within <= 61


def test_tokens_a_minute_hold_requests_back(cast, server):
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=8, tokens_per_minute=1500)
    run = made.run(made.start(cast, to, 20))
    assert run.kept == 20  # each reserves about 74 tokens and gives most of them back


def test_the_endpoints_concurrency_is_never_passed(cast, server):
    server.seconds = 0.02
    made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url, concurrency=3), 30))
    assert server.most_flying == 3


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"wanted": 0}, "Between 1"), ({"ceiling": 0}, "At least one"), ({"money": Decimal(0)}, "more than nothing")],
)
def test_limits_that_cannot_be_used(cast, server, fields, says):
    with pytest.raises(Fault, match=says):
        made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 5, **fields)


def test_the_ceiling_of_requests_stops_the_run(cast, server):
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 30, ceiling=12))
    adds_up(run)
    assert (run.state, len(server.at)) == ("stopped", 12)
    assert "ceiling" in run.why
