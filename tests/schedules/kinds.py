"""Kinds of schedules for tests: what a firing starts is a job of one step that does nothing."""

import os
import signal
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from config.faults import Fault
from jobs import actions, schedules
from jobs.models import Firing, Job, Schedule
from jobs.registry import Kind, PassPlan, StepPlan, register

COUNTS: dict[int, int] = {}


@register
class Nothing(Kind):
    name = "test.nothing"

    def open_pass(self, job, index):
        return PassPlan("nothing", "Nothing", [StepPlan({})]) if index == 0 else None

    def run(self, step, beat):
        return {}


def die(asked):
    """The process is killed with a job begun and nothing committed, or with all of it committed."""
    if asked.get("die") == "in the hook":
        actions.start(kind="test.nothing", params={}, lane="a")
        os.kill(os.getpid(), signal.SIGKILL)
    if asked.get("die") == "after commit":
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))


@schedules.register
class Test(schedules.ScheduleKind):
    """`settings`: fault, error, nothing, or die: in the hook, after commit. `stages`: jobs one after the other."""

    name = "test"
    __test__ = False

    def start(self, firing):
        asked = firing.schedule.settings
        die(asked)
        if asked.get("fault"):
            raise Fault("schedule.no_kind", kind="a thing that is gone")
        if asked.get("error"):
            raise RuntimeError("secret text of a row")
        firing.facts |= {"stage": 1}
        return None if asked.get("nothing") else actions.start(kind="test.nothing", params={}, lane="a")

    def follow(self, firing, job):
        die(firing.schedule.settings)
        if firing.facts["stage"] >= firing.schedule.settings.get("stages", 1):
            return None
        firing.facts |= {"stage": firing.facts["stage"] + 1}
        return actions.start(kind="test.nothing", params={}, lane="a")


@schedules.counter("test.count")
def count(key):
    return COUNTS.get(key)


def make(name="nightly", *, lane="a", due=None, **fields):
    """A schedule every day at two; `due`: hours ago that it was due first."""
    fields = {"kind": "test", "cron": "0 2 * * *"} | fields
    row = schedules.plan(Schedule(lane=lane, name=name, **fields))
    if due is not None:
        Schedule.objects.filter(pk=row.pk).update(next_at=timezone.now() - timedelta(hours=due))
        row.refresh_from_db()
    return row


def make_due(row):
    Schedule.objects.filter(pk=row.pk).update(next_at=timezone.now() - timedelta(seconds=1))


def finish(firing, state=Job.State.SUCCEEDED, **fields):
    firing.refresh_from_db()
    firing.job.steps.update(state="done", result={})
    Job.objects.filter(pk=firing.job_id).update(state=state, ended_at=timezone.now(), **fields)


def states(row):
    return [firing.state for firing in Firing.objects.filter(schedule=row).order_by("due_at")]
