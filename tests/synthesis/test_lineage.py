"""From a passage, or an input out of a pool, to the row of a frozen version and back: page, API, provenance, run.json."""

import json

import pyarrow.parquet as pq
import pytest
from django.urls import reverse

from curation import lineage, packing, parts
from curation.actions import candidates, reviewing, tokens
from curation.generators import Source, Sources
from curation.models import Example, Generation, ModelRequest, Scope
from tests.curation import made_tasks
from tests.datasets import made as datasets
from tests.synthesis import made

PASSAGES = Sources(passages=(Source("guide-7", "Fever is a temperature above 38."), Source("guide-9", "Rest.")))


def frozen(cast, task):
    return datasets.frozen(datasets.dataset(cast.team, datasets.source(task), name=f"Of {task}"))


@pytest.fixture
def run(cast, server):
    to = made.endpoint(cast.team, cast.owner, server.url)
    return made.run(made.start(cast, to, 2, generator="test_reader", sources=PASSAGES))


def steps_of(client, version, key):
    """[(label, text, address, note)] of the page of a row."""
    page = client.get(reverse("dataset_row", args=[version.dataset_id, version.number]), {"key": key})
    assert page.status_code == 200
    for one in page.context["links"]:
        if one.url:
            assert f'href="{one.url}"' in page.content.decode()
    return {(one.label, one.text): one for one in page.context["links"]}


def test_a_row_made_from_a_passage_leads_back_to_it(cast, as_, run, tmp_path):
    candidates.accept(generation=run, by=cast.curator)
    for person in (cast.annotator, cast.curator):
        made_tasks.submitted(run.task, person, {"output": "Take your temperature."})
    example = Example.objects.get(lineage__passage="guide-7")
    answers = list(example.annotations.order_by("pk"))
    reviewing.accept(
        example=example, by=cast.curator, answer={"output": "Take your temperature."}, annotation=answers[0],
        revision=example.revision, seen=reviewing.mark(answers),
    )  # fmt: skip
    version = frozen(cast, run.task)
    [row] = parts.rows(version.parts)
    candidate = run.candidates.get(example=example)
    steps = steps_of(as_("curator"), version, row.key)
    assert steps["Passage", "guide-7"]
    assert steps["Candidate", f"number {candidate.pk}"].url == reverse("candidate", args=[candidate.pk])
    assert steps["Generation", f"number {run.pk}"].url == reverse("generation", args=[run.pk])
    asked = steps["Model request", "write/guide-7"]
    assert (asked.url, asked.note) == (reverse("candidate", args=[candidate.pk]), "test-model")
    assert ("Decided by", f"{len(answers)} annotator{'s' if len(answers) > 1 else ''}") in steps
    assert steps["Answer", f"number {answers[0].pk}"].note == "taken as it stands"
    packing.write_folder(version, "messages", tmp_path)
    [one] = pq.read_table(tmp_path / "provenance.parquet").to_pylist()
    assert (one["passage"], one["requests"], one["model"]) == ("guide-7", ["write/guide-7"], "test-model")
    assert (one["generation"], one["candidate"], one["annotation"]) == (run.pk, candidate.pk, answers[0].pk)
    assert (one["annotators"], one["annotations"]) == (len(answers), [one.pk for one in answers])
    [said] = json.loads((tmp_path / "run.json").read_text())["generations"]
    assert said["templates"] == {name: one["sha"] for name, one in run.templates.items()}
    assert all(said["templates"].values())


def test_the_api_tells_the_same_and_what_is_gone(cast, run, client):
    _, secret = tokens.make(team=cast.team, by=cast.curator, name="t", scopes=list(Scope), days=1)
    candidates.accept(generation=run, by=cast.curator, outputs_as="accepted")
    version = frozen(cast, run.task)
    place = f"/api/v1/datasets/{version.dataset_id}/versions/{version.number}/row"
    said = {"headers": {"Authorization": f"Bearer {secret}"}}
    row = next(one for one in parts.rows(version.parts) if one.lineage["passage"] == "guide-9")
    told = {one["what"]: one for one in client.get(place, {"key": row.key}, **said).json()["steps"]}
    assert told["Passage"]["text"] == "guide-9"
    assert told["Candidate"]["url"] == reverse("candidate", args=[row.lineage["candidate"]])
    assert told["Model request"]["url"] == told["Candidate"]["url"]
    assert told["Generation"]["url"] == reverse("generation", args=[run.pk])
    Generation.objects.filter(pk=run.pk).delete()
    ModelRequest.objects.all().delete()
    told = {one["what"]: one for one in client.get(place, {"key": row.key}, **said).json()["steps"]}
    assert told["Candidate"]["url"] is told["Generation"]["url"] is told["Model request"]["url"] is None
    assert told["Generation"]["note"].endswith("; gone")


def test_an_input_out_of_a_pool_names_its_row(cast, server):
    task = made_tasks.task(cast.team, name="Picked")
    [picked] = made_tasks.examples(task, 1, lineage={"pool": 77, "pool_name": "Letters", "key": "row-5", "rank": 1})
    Example.objects.filter(pk=picked.pk).update(key="row-5")
    to = made.endpoint(cast.team, cast.owner, server.url)
    given = Sources(inputs=(Source("row-5", "Dear Dr Hall"), Source("other", "Dear Dr Shaw")))
    run = made.run(made.start(cast, to, 2, task=task, sources=given))
    candidates.accept(generation=run, by=cast.curator, outputs_as="accepted")
    mine = Example.objects.get(origin="generation", lineage__parents=["row-5"])
    assert (mine.lineage["pool"], mine.lineage["key"], mine.lineage["pool_name"]) == (77, "row-5", "Letters")
    assert "run" not in mine.lineage
    assert "pool" not in Example.objects.get(origin="generation", lineage__parents=["other"]).lineage
    version = frozen(cast, task)
    [held] = lineage.forward(cast.team, lineage.keys_of_pool_row(cast.team, 77, "row-5"))
    assert (held.version, held.row.lineage["example"]) == (version, mine.pk)
