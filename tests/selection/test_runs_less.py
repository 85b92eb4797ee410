"""LESS on the real engine: the picks of the library, gradients kept for later targets, a warm-up resumed by epoch."""

import pytest

from curation.content import Mapping
from selection.actions import runs as actions
from selection.methods import less_passes, select
from selection.models import Feature
from tests.selection import made
from tests.tiny_lm import tiny

pytestmark = pytest.mark.django_db(transaction=True)

LESS = {
    "model": tiny(), "epochs": 2, "warmup": 8, "rank": 2, "blocks": 1, "tokens": 24, "dims": 64, "batch": 1, "rate": 0.01,
}  # fmt: skip
MAPPING = Mapping(instruction="instruction", input="input", output="output", source="source", id="id")


@pytest.fixture
def data():
    return [{"id": f"row-{number:04d}", **row} for number, row in enumerate(made.rows(70))]


@pytest.fixture
def goal():
    return [row for row in made.rows(200, seed=9) if row["source"] == "sums"][:4]


def picks_of(run):
    assert run.job.state == "succeeded", (run.job.error_title, run.job.error_what)
    return [(pick.key, round(pick.score, 6)) for pick in run.picks.all()]


def steps_of(run, name):
    return run.job.steps.filter(payload__stage="map", pass_index=run.job.passes.get(name=name).index)


def test_the_picks_of_the_library_and_gradients_that_serve_the_next_target(cast, data, goal):
    there = [(pick.key, round(pick.score, 6)) for pick in select(data, goal, method="less", budget=12, seed=3, **LESS)]
    target = made.target(cast.team, goal)
    found = []
    for name, cuts in (("whole", ()), ("cut", (9, 10, 41))):
        pool = made.pool(cast.team, data, name=name, cuts=cuts, mapping=MAPPING)
        run = made.run(cast.team, pool, target, method="less", budget="12", seed=3, **LESS)
        found.append(picks_of(run))
    assert found == [there, there]
    assert steps_of(run, "encode0").count() == 4
    names = set(Feature.objects.filter(shard__pool=pool).values_list("name", flat=True))
    assert len(names) == 2, "one for each epoch"
    other = made.target(cast.team, data[:3], name="Another")
    again = made.run(cast.team, pool, other, method="less", budget="12", seed=3, **LESS)
    assert steps_of(again, "encode0").count() == steps_of(again, "encode1").count() == 0
    assert picks_of(again) != there
    luck = made.run(cast.team, pool, other, method="less", budget="12", seed=4, **LESS)
    assert steps_of(luck, "encode0").count() == 4, "another seed is another warm-up"


def test_a_run_that_stops_in_the_warm_up_goes_on_with_its_epoch(cast, data, goal, monkeypatch):
    pool, target = made.pool(cast.team, data, mapping=MAPPING), made.target(cast.team, goal)
    whole = picks_of(made.run(cast.team, pool, target, method="less", budget="12", **LESS))
    Feature.objects.all().delete()
    warm, asked = less_passes._warm, []

    def failing(number, shard, ctx):
        asked.append(number)
        if asked == [0, 1]:
            raise MemoryError
        return warm(number, shard, ctx)

    monkeypatch.setattr(less_passes, "_warm", failing)
    run = made.run(cast.team, pool, target, method="less", budget="12", **LESS)
    assert (run.job.state, run.job.error_code) == ("failed", "run.memory")
    actions.resume(run=run, by=cast.curator)
    made.end(run)
    assert picks_of(run) == whole
    assert asked == [0, 1, 1], "the first epoch is not trained again"


def test_a_target_without_answers_ends_the_run_with_what_to_do(cast, data):
    pool = made.pool(cast.team, data, mapping=MAPPING)
    target = made.target(cast.team, [{"instruction": "add", "input": "", "output": ""}])
    run = made.run(cast.team, pool, target, method="less", budget="5", **LESS)
    assert (run.job.state, run.job.error_code) == ("failed", "run.params")
    assert "must be text for this target" in run.job.error_what
