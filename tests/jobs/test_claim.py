"""Who gets which step next."""

import pytest
from django.db import connection, transaction

from jobs import lease
from jobs.models import Job, Step
from tests.jobs.conftest import in_thread, values


def claimed(count: int, queue: str = "cpu") -> list[Job]:
    return [lease.claim(queue, "w").job for _ in range(count)]


def test_within_a_lane_the_oldest_job_goes_first_step_by_step(start):
    first, second = start(values(1, 2)), start(values(3))
    assert claimed(3) == [first, first, second]
    assert lease.claim("cpu", "w") is None


def test_interactive_goes_before_older_background_work(start):
    background = start(values(1, 2), interactive=False)
    interactive = start(values(3), lane="z")
    assert claimed(3) == [interactive, background, background]


def test_the_lane_with_fewest_running_steps_goes_next(start):
    big, small, late = (start(values(*range(4)), lane=lane) for lane in "abc")
    assert claimed(6) == [big, small, late, big, small, late]
    Step.objects.filter(job=late, state="leased").update(state="cancelled", token=None, leased_until=None)
    assert claimed(2) == [late, late]


def test_running_steps_of_another_queue_do_not_count(start):
    start(values(1, 2, queue="gpu"), lane="a")
    claimed(2, "gpu")
    first, _ = start(values(1), lane="a"), start(values(1), lane="b")
    assert claimed(1) == [first]


def test_each_queue_sees_its_own_steps(start):
    start([{"value": 1, "queue": "gpu"}])
    assert lease.claim("cpu", "w") is None
    assert lease.claim("io", "w") is None
    assert lease.claim("gpu", "w").payload["value"] == 1


def test_a_claim_sets_token_lease_attempt_and_worker_by_the_clock_of_the_database(start):
    job = start(values(1))
    step = lease.claim("cpu", "cpu-1@here")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, attempt, worker, leased_until - started_at, now() - started_at < interval '5 s' "
            "FROM jobs_step WHERE token = %s",
            [step.token],
        )
        state, attempt, worker, length, recent = cursor.fetchone()
    assert (state, attempt, worker, length.total_seconds(), recent) == ("leased", 1, "cpu-1@here", 2, True)
    job.refresh_from_db()
    assert job.state == "running"
    assert job.started_at


def test_a_waiting_step_is_claimed_when_its_pause_is_over(start):
    job = start(values(1, 2))
    Step.objects.filter(index=0).update(state="waiting", not_before="2999-01-01T00:00Z")
    assert lease.claim("cpu", "w").index == 1
    assert lease.claim("cpu", "w") is None
    Step.objects.filter(job=job, index=0).update(not_before="2000-01-01T00:00Z")
    assert lease.claim("cpu", "w").index == 0


def test_a_step_in_other_hands_is_skipped_without_waiting(start):
    start(values(1, 2))
    with transaction.atomic():
        Step.objects.select_for_update().get(index=0)
        other = in_thread(lambda: lease.claim("cpu", "w").index)
        other.join(5)
        assert other.outcome == 1


def test_claims_at_the_same_time_get_different_steps(start):
    start(values(*range(40)))

    def claim_all():
        found = []
        while (step := lease.claim("cpu", "w")) is not None:
            found.append(step.index)
        return found

    threads = [in_thread(claim_all) for _ in range(4)]
    for thread in threads:
        thread.join(30)
    assert sorted(index for thread in threads for index in thread.outcome) == list(range(40))


@pytest.fixture
def backlog(start):
    with connection.cursor() as cursor:
        # While it is empty: the worst that the planner can know. What tests before have deleted goes too.
        cursor.execute("VACUUM (ANALYZE) jobs_step")
    jobs = [start(values(*range(2500)), lane=f"team-{number}", interactive=False) for number in range(4)]
    assert Step.objects.filter(state="ready").count() == 10_000
    return jobs


def test_another_team_overtakes_ten_thousand_ready_steps(backlog, start):
    urgent = start(values(7), lane="team-9")
    assert lease.claim("cpu", "w").job == urgent
    assert lease.claim("cpu", "w").job != urgent


def test_a_claim_reads_a_few_rows_of_the_backlog_not_all(backlog):
    """By the plan as it ran, so that no slow machine can fail it and no fast one can hide a scan."""
    with transaction.atomic(), connection.cursor() as cursor:
        facts = {"queue": "cpu", "token": "00000000-0000-0000-0000-000000000000", "lease": "2 s", "worker": "w"}
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) " + lease.CLAIM.replace("%(lease)s", "%(lease)s::interval"), facts
        )
        plan = cursor.fetchone()[0][0]["Plan"]
        transaction.set_rollback(True)

    def most_rows(node: dict) -> float:
        read = node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
        return max([read, *(most_rows(child) for child in node.get("Plans", []))])

    assert most_rows(plan) <= 4 * lease.AHEAD
