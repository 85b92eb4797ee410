"""Every URL of the project as a visitor, a stranger and a viewer. A new URL is in the test without being named."""

import gzip
import json

import pytest
from django.test import Client
from django.urls import reverse

from config.policy import every_url, policy_of
from curation.actions import fetches, tokens
from curation.actions.teams import invite
from curation.models import BulkChange, ExampleImport, Membership, Role, Scope
from jobs import schedules
from jobs.models import Firing, Schedule
from selection import store
from selection.actions import presets
from selection.methods import METHODS
from selection.models import Import, Run
from tests.curation import made_tasks
from tests.datasets import made as made_datasets
from tests.selection import made, saes
from tests.synthesis import made as synthesis

# Pages of a person rather than of a team: any signed-in member of anything may open them.
OWN = {
    "home", "profile", "team_new", "account_change_password", "account_reauthenticate",
}  # fmt: skip
# Open to a viewer although they are POSTs: tokens of her own.
VIEWERS_MAY_POST = {"team_tokens", "token_revoke"}

DEEDS = ("delete", "cancel", "resume", "discard", "start", "run", "pause")

# The API: addresses without an object show a program its own team, and what each write takes.
OWN_BY_TOKEN = {
    "me",
    "tasks",
    "annotations",
    "pools",
    "pools/from-hub",
    "runs",
    "saes",
    "datasets",
    "datasets/preview",
    "collections",
    "lineage",
    "endpoints",
    "generations",
    "schedules",
}
CONTENT = {"instruction": "Add.", "input": "1 and 2"}
BODIES = {
    "POST tasks": {"name": "Another"},
    "PATCH tasks/<int:task_id>": {"version": 1, "name": "Other"},
    "PUT tasks/<int:task_id>/guidelines": {"text": "Be brief."},
    "POST tasks/<int:task_id>/examples": {"rows": [{"content": CONTENT}]},
    "PATCH examples/<int:example_id>": {"revision": 1, "content": CONTENT},
    "PUT annotations/<int:annotation_id>": {"version": 1, "answer": {}},
    "POST annotations/<int:annotation_id>/submit": {"version": 1, "answer": {"output": "3"}},
    "POST annotations/<int:annotation_id>/return": {"feedback": "Once more."},
    "POST runs/<int:run_id>/send": {"task": "task_id", "top": 1},
    "POST saes": {"name": "Ours", "pool": "pool_id"},
    "POST tasks/<int:task_id>/order": {"order": "random"},
    "POST runs": {"pool": "pool_id", "method": "random"},
    "POST runs/<int:run_id>/collect": {"name": "Kept"},
    "POST pools/from-hub": {"dataset": "ada/rows"},
    "POST pools/<int:pool_id>/from-hub": {"dataset": "ada/rows"},
    "POST tasks/<int:task_id>/examples/from-hub": {"dataset": "ada/rows"},
    "POST datasets": {"name": "Other letters"},
    "POST datasets/preview": {"recipe": {}},
    "PATCH datasets/<int:dataset_id>": {"revision": 1, "name": "Ours"},
    "POST datasets/<int:dataset_id>/versions": {"changelog": ""},
    "PATCH datasets/<int:dataset_id>/versions/<int:number>": {"tags": ["v1"]},
    "POST datasets/<int:dataset_id>/versions/<int:number>/exports": {"format": "csv"},
    "POST datasets/<int:dataset_id>/versions/<int:number>/push": {"repo": "ward/letters"},
}


@pytest.fixture
def world(cast, transactional_db):
    """One of each object in the Ward team; the values that the URLs take."""
    data = made.rows(60)
    pool = made.pool(cast.team, data)
    target = made.target(cast.team, data[:5])
    run = made.run(cast.team, pool, target, method="random", budget="5")
    sent = Import.objects.create(pool=pool, name="rows.jsonl", path="uploads/gone", bad_path="imports/bad.gz")
    with store.writing(sent.bad_path) as file:
        file.write(gzip.compress(b'{"line": 1, "reason": "is not JSON", "excerpt": ""}'))
    sae = saes.train(cast.team, pool, finish=False)
    Run.objects.filter(pk=run.pk).update(  # the pages of its features
        method="mona", method_version=METHODS["mona"].version, params={"sae": "sae-0123456789ab"}
    )  # fmt: skip
    invitation, _ = invite(team=cast.team, by=cast.owner, role=Role.VIEWER)
    task = made_tasks.task(cast.team)
    made_tasks.examples(task, 2)
    annotation = made_tasks.submitted(task, cast.annotator, {"output": "Dear patient."})
    # Both kinds of imports have an `import_id` in their addresses: one number serves for the two.
    ExampleImport.objects.create(pk=sent.pk, task=task, name="rows.jsonl", path="uploads/gone", bad_path=sent.bad_path)
    bulk = BulkChange.objects.create(task=task, action="add_tag", before={"was": []}, by=cast.curator)
    preset = presets.keep(run=run, name="Ours", note="", by=cast.curator)
    token, _ = tokens.make(team=cast.team, by=cast.viewer, name="nightly", scopes=[], days=30)
    version = made_datasets.exported(made_datasets.frozen_letters(cast.team), "alpaca").version
    pushed = made_datasets.pushed(version, cast.owner)
    fetched = fetches.fetch(team=cast.team, by=cast.curator, into="pool", target=pool.pk, dataset="ada/rows")
    kept = made_datasets.collection(cast.team, bad_path=sent.bad_path)
    endpoint = synthesis.endpoint(cast.team, cast.owner, "http://127.0.0.1:1/v1")
    generation = synthesis.start(cast, endpoint, 1, task=task)
    candidate = generation.candidates.create(key="one", content=CONTENT | {"kind": "single"}, state="kept")
    scheduled = schedules.plan(
        Schedule(lane=cast.team.lane, name="Nightly", kind="run", settings={"run": run.pk}, cron="0 2 * * *")
    )
    return {
        "schedule_id": scheduled.pk,
        "slug": cast.team.slug, "pool_id": pool.pk, "target_id": target.pk, "run_id": run.pk, "import_id": sent.pk,
        "row_id": target.rows.first().pk, "rank": 1, "format": "jsonl", "invitation_id": invitation.pk,
        "task_id": task.pk, "example_id": annotation.example_id, "annotation_id": annotation.pk, "token_id": token.pk,
        "bulk_id": bulk.pk, "preset_id": preset.pk, "sae_id": sae.pk, "feature": 1,
        "endpoint_id": endpoint.pk, "generation_id": generation.pk, "candidate_id": candidate.pk,
        "generator": "label_inputs", "template": "label",
        "dataset_id": version.dataset_id, "number": 1, "other": 1, "training": "alpaca", "collection_id": kept.pk,
        "push_id": pushed.pk, "fetch_id": fetched.pk,
        "membership_id": Membership.objects.get(team=cast.team, user=cast.viewer).pk,
    }  # fmt: skip


def guarded(world):
    """(name, address) of every page that is not public."""
    for route, pattern in every_url():
        policy = policy_of(pattern.callback)
        assert policy, f"/{route} has no policy"
        if policy.startswith(("public", "token")):
            continue
        names = pattern.pattern.converters or {}
        missing = set(names) - set(world)
        assert not missing, f"/{route}: teach this test what {missing} is"
        yield pattern.name, reverse(pattern.name, kwargs={name: world[name] for name in names})


def test_visitors_are_sent_to_the_sign_in_page(client, world):
    for name, url in guarded(world):
        for answer in (client.get(url), client.post(url)):
            assert answer.status_code == 302, (name, url)
            assert answer.url.startswith("/login/"), (name, url)


def test_strangers_find_nothing(client, cast, world):
    client.force_login(cast.stranger)
    for name, url in guarded(world):
        if name in OWN:
            continue
        assert client.get(url).status_code in {404, 405}, (name, url)
        assert client.post(url).status_code in {404, 405}, (name, url)


def test_viewers_read_and_change_nothing(client, cast, world):
    """A viewer gets a page or a plain refusal, and no POST of hers does anything."""
    client.force_login(cast.viewer)
    before = snapshot()
    for name, url in guarded(world):
        if name in OWN:
            continue
        assert client.get(url).status_code in {200, 403, 405}, (name, url)
        if name not in VIEWERS_MAY_POST:
            for data in (
                {},
                {"do": "delete"},
                {"do": "cancel"},
                {"do": "resume"},
                {"do": "discard"},
                {"do": "start"},
                {"do": "run"},
                {"do": "pause"},
            ):
                assert client.post(url, data).status_code in {403, 405}, (name, url, data)
    assert snapshot() == before


# --- programs ---


def programs(world):
    """(what it is, method, address, body) of every operation of the API, and of the methods that an address lacks."""
    routes = {
        route: pattern
        for route, pattern in every_url()
        if policy_of(pattern.callback).startswith("token") and pattern.name != "api_nowhere"
    }
    assert len(routes) > 20
    known = set()
    for route, pattern in routes.items():
        url = reverse(pattern.name, kwargs={name: world[name] for name in pattern.pattern.converters})
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            what = f"{method} {route.removeprefix('api/v1/')}"
            known.add(what)
            body = {name: world.get(str(value), value) for name, value in BODIES.get(what, {}).items()}
            yield what, method, url, body
    assert set(BODIES) <= known


def send(person, team, method, url, body):
    _, secret = tokens.make(team=team, by=person, name="test", scopes=list(Scope), days=None)
    headers = {"Authorization": f"Bearer {secret}"}
    return Client().generic(method, url, json.dumps(body), content_type="application/json", headers=headers)


def test_programs_without_a_token_are_refused(world, cast, as_):
    client = as_("owner")  # her cookie is no token
    for what, method, url, body in programs(world):
        assert client.generic(method, url, json.dumps(body), content_type="application/json").status_code == 401, what


def test_programs_of_strangers_find_nothing(world, cast):
    before = snapshot()
    for what, method, url, body in programs(world):
        if what.partition(" ")[2] in OWN_BY_TOKEN:
            continue
        answer = send(cast.stranger, cast.other_team, method, url, body)
        assert answer.status_code in {404, 405}, (what, answer.content)
    assert changed(before) == set()


def test_programs_of_viewers_read_and_change_nothing(world, cast):
    before = snapshot()
    for what, method, url, body in programs(world):
        answer = send(cast.viewer, cast.team, method, url, body)
        allowed = {200, 403, 405} if method == "GET" else {403, 405}
        assert answer.status_code in allowed, (what, answer.content)
    assert changed(before) == set()


def changed(before):
    """Kinds that changed, apart from the record that tokens were made."""
    return {kind for kind, keys in snapshot().items() if keys != before[kind]} - {"AuditEvent"}


def snapshot():
    from curation.models import (
        Annotation,
        AuditEvent,
        Endpoint,
        Example,
        ExampleEvent,
        Generation,
        Guideline,
        Revision,
        Slot,
        Task,
    )
    from selection.models import FeatureLook, FeatureName, Pick, Pool, Shard, SparseAutoencoder, Target, TargetRow

    kinds = (Annotation, Example, ExampleEvent, Guideline, Revision, Slot, Task)
    kinds += (AuditEvent, Import, Pick, Pool, Run, Shard, Target, TargetRow, Membership, FeatureLook, FeatureName)
    kinds += (SparseAutoencoder, Endpoint, Generation)
    kinds += (Schedule, Firing)
    return {kind.__name__: sorted(kind.objects.values_list("pk", flat=True)) for kind in kinds}
