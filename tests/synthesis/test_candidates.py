"""What people do with candidates; and what pages read."""

from decimal import Decimal

import pytest

from config.faults import Fault
from curation import queries_generations as queries
from curation.actions import candidates, generations
from curation.generators import GENERATORS
from curation.models import AuditEvent, Example, Generation, ModelRequest, Slot
from curation.synthesis import running
from tests.synthesis import made
from tests.synthesis.server import Answer


@pytest.fixture
def run(cast, server):
    server.script = lambda text, nth: Answer(text="drop me" if text in {"text 1", "text 3"} else None)
    to = made.endpoint(cast.team, cast.owner, server.url, price_in="1000", price_out="1000")
    return made.run(made.start(cast, to, 6))


def ids(run, *inputs):
    return list(run.candidates.filter(content__input__in=inputs).values_list("pk", flat=True))


def test_kept_ones_enter_the_queue_with_where_they_came_from(cast, run):
    added = candidates.accept(generation=run, by=cast.curator)
    assert (added.good, added.known) == (4, 0)
    example = Example.objects.get(task=run.task, content__input="text 0")
    assert (example.origin, example.source, example.state) == ("generation", "test_echo", "open")
    assert example.suggestion["answer"] == {"output": "echo of text 0"}
    assert example.suggestion["by"] == "test-model"
    assert "outputs" not in example.content
    came = example.lineage
    assert (came["generation"], came["model"], came["generator"]) == (run.pk, "test-model", "test_echo")
    assert (came["parents"], came["requests"], came["seed"]) == (["s0"], ["write/s0"], 0)
    assert came["templates"] == {name: one["sha"] for name, one in run.templates.items()}
    assert came["verdicts"][0] == "test passed"
    assert Slot.objects.filter(example=example, state="free").count() == 1
    assert run.candidates.get(content__input="text 0").example_id == example.pk
    assert candidates.accept(generation=run, by=cast.curator).good == 0
    assert Example.objects.filter(task=run.task).count() == 4


def test_a_rescued_one_is_taken_and_keeps_its_verdicts(cast, run):
    assert candidates.rescue(generation=run, ids=ids(run, "text 1", "text 0"), by=cast.curator) == 1
    one = run.candidates.get(content__input="text 1")
    assert (one.state, one.decided_by, one.why) == ("rescued", cast.curator, "")
    assert [verdict["filter"] for verdict in one.verdicts if not verdict["passed"]] == ["test"]
    assert one.verdicts[-1]["filter"] == "person"
    assert (made.fresh(run).kept, run.dropped) == (5, 1)
    added = candidates.accept(generation=run, by=cast.curator, ids=ids(run, "text 1", "text 3"), outputs_as="accepted")
    assert added.good == 1
    assert Example.objects.get(task=run.task).state == "accepted"


def test_a_person_drops_and_what_is_an_example_stays(cast, run):
    assert candidates.drop(generation=run, ids=ids(run, "text 0"), by=cast.curator, why="Too short.") == 1
    assert run.candidates.get(content__input="text 0").why == "Too short."
    candidates.accept(generation=run, by=cast.curator)
    with pytest.raises(Fault) as caught:
        candidates.drop(generation=run, ids=ids(run, "text 2"), by=cast.curator)
    assert caught.value.code == "candidate.taken"
    assert Example.objects.filter(task=run.task).count() == 3
    done = set(AuditEvent.objects.filter(action__startswith="candidates.").values_list("action", flat=True))
    assert done == {"candidates.dropped", "candidates.accepted"}


def test_a_replay_leaves_a_persons_word(cast, server, run):
    candidates.rescue(generation=run, ids=ids(run, "text 1"), by=cast.curator)
    candidates.drop(generation=run, ids=ids(run, "text 0"), by=cast.curator)
    Generation.objects.filter(pk=run.pk).update(state="stopped")
    generations._go_on(Generation.objects.select_related("task__team", "job").get(pk=run.pk), {"state": "waiting"})
    again = made.run(run)
    states = dict(again.candidates.values_list("content__input", "state"))
    assert (states["text 1"], states["text 0"], states["text 2"]) == ("rescued", "dropped", "kept")
    assert sum(server.seen.values()) == 6


def test_a_pair_keeps_both_answers():
    from curation.models import Candidate

    row = Candidate(
        content={"kind": "single", "instruction": "i", "outputs": ["good"]}, pair={"chosen": "good", "rejected": "bad"}
    )
    assert candidates.content_of(row).outputs == ("good", "bad")


def test_errors_drops_and_exact_prompts(cast, server, run):
    [drop] = queries.drops_of(run)
    assert (drop.filter, drop.count, drop.example) == ("test", 2, "It says drop.")
    one = run.candidates.get(content__input="text 0")
    [exchange] = queries.exchanges_of(one)
    assert exchange.messages == [{"role": "user", "content": "text 0"}]
    assert (exchange.text, exchange.prompt_tokens, exchange.stage) == ("echo of text 0", 10, "write")
    assert exchange.template.startswith("write@")
    assert exchange.sampling["max_tokens"] == 64
    assert queries.cost_per_kept(run) == run.spent / 4 == Decimal("0.0225")
    assert list(queries.runs_of(cast.team)) == [run]
    assert list(queries.runs_of(cast.other_team)) == []
    assert list(queries.errors_of(run)) == []
    server.script = lambda text, nth: Answer(500)
    to = run.endpoint
    failed = made.run(made.start(cast, to, 2, sources=made.sources(2, start=50)))
    assert queries.error_counts(failed) == {"server": 2}
    use = queries.errors_of(failed).first()
    assert (use.name, use.request.error, use.request.attempts) == ("write/s50", "scripted 500", 3)


def test_a_preview_is_three_candidates_and_tells_what_the_run_will_cost(cast, server):
    server.seconds = 0.05
    to = made.endpoint(cast.team, cast.owner, server.url, price_in="1000", price_out="1000", concurrency=4)
    preview = made.run(made.start(cast, to, 100, sources=made.sources(3), preview=True))
    assert (preview.wanted, preview.ceiling, preview.kept) == (3, 20, 3)
    assert list(queries.runs_of(cast.team)) == []
    run = made.start(cast, to, 100)
    job = running.job_of(run)
    generator = GENERATORS["test_echo"]
    told = queries.estimate(generator, job, to, preview)
    assert (told.requests, told.prompt_tokens, told.completion_tokens, told.measured) == (100, 1000, 500, True)
    assert told.cost == Decimal("1.5")
    took = list(ModelRequest.objects.filter(uses__generation=preview).values_list("seconds", flat=True))
    assert told.seconds == pytest.approx(100 * sum(took) / len(took) / 4)
    assert min(took) >= 0.05
    blind = queries.estimate(generator, running.job_of(run), to)
    assert (blind.measured, blind.requests, blind.completion_tokens) == (False, 100, 3200)
    [first, *_] = queries.preview_of(generator, running.job_of(run))
    assert first["messages"] == [{"role": "user", "content": "text 0"}]
    generations.cancel(generation=run, by=cast.curator)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"generator": "nothing"}, "generation.unknown"),
        ({"params": {"samples": "many"}}, "generation.params"),
        ({"filters": {"near": 7}}, "generation.params"),
        ({"sources": made.sources(0)}, "generation.missing"),
        ({"templates": {"write": {"system": "", "action": "{{ x.__class__ }}"}}}, "generation.template"),
        ({"templates": {"other": {"system": "", "action": ""}}}, "generation.template"),
    ],
)
def test_what_cannot_be_started_says_why(cast, server, fields, code):
    to = made.endpoint(cast.team, cast.owner, server.url)
    with pytest.raises(Fault) as caught:
        made.start(cast, to, 5, **fields)
    assert caught.value.code == code


def test_retry_and_resume_say_when_there_is_nothing_to_do(cast, server):
    run = made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 2)
    for act in (generations.resume, generations.retry_failed):
        with pytest.raises(Fault) as caught:
            act(generation=run, by=cast.curator)
        assert caught.value.code == "generation.running"
    run = made.run(run)
    with pytest.raises(Fault) as caught:
        generations.retry_failed(generation=run, by=cast.curator)
    assert caught.value.code == "generation.nothing_failed"
