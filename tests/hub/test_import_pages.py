"""Pages and API of imports from the hub."""

import json

import pytest
from django.urls import reverse

from curation.models import ExampleImport, HubFetch
from jobs.runner import run_job
from selection.models import Import, Pool
from tests.curation import made_tasks

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = b"".join(
    json.dumps({"instruction": f"Rewrite letter {n}.", "output": f"Dear patient {n}."}).encode() + b"\n"
    for n in range(30)
)


@pytest.fixture(autouse=True)
def _places(settings, tmp_path):
    settings.STORAGE_URL, settings.VAR = str(tmp_path / "storage"), tmp_path / "var"


@pytest.fixture
def repo(hub):
    return hub.repo("ada/rows", {"train.jsonl": ROWS, "README.md": b"---\nlicense: mit\n---\n"})


def text(answer):
    return " ".join(answer.content.decode().split())


def test_a_new_pool_from_the_hub(as_, cast, repo):
    client = as_("curator")
    page = client.get(reverse("pool_new", args=[cast.team.slug]))
    assert reverse("pool_new_hub", args=[cast.team.slug]) in text(page)
    url = reverse("pool_new_hub", args=[cast.team.slug])
    assert "From the hub" in text(client.get(url))
    answer = client.post(url, {"dataset": "https://hub.example/datasets/ada/rows", "name": ""})
    [fetch] = HubFetch.objects.all()
    assert answer.url == reverse("hub_fetch", args=[fetch.pk])
    pool = Pool.objects.get()
    assert (pool.name, pool.rows, fetch.target) == ("ada/rows", 0, pool.pk)
    waiting = text(client.get(answer.url))
    assert "Waiting for a worker" in waiting
    assert 'value="discard"' not in waiting
    run_job(fetch.job)
    made = Import.objects.get(fetch=fetch)
    assert client.get(answer.url).url == made.get_absolute_url()
    part = client.get(answer.url, headers={"HX-Request": "true"})
    assert part.headers["HX-Redirect"] == made.get_absolute_url()
    mapping = client.get(made.get_absolute_url())
    assert "Rewrite letter 0." in text(mapping)
    done = client.post(
        made.get_absolute_url(), {"do": "start", "instruction": "instruction", "output": "output", "max_bad": 10}
    )
    run_job(Import.objects.get().job)
    assert "30" in text(client.get(done.url))
    assert f'under mit at commit <span class="mono" title="{repo.branches["main"]}">' in text(client.get(done.url))


def test_rows_for_a_pool_that_is_there_and_for_a_task(as_, cast, repo):
    client = as_("curator")
    pool = Pool.objects.create(team=cast.team, name="Ours")
    answer = client.post(reverse("pool_add_hub", args=[pool.pk]), {"dataset": "ada/rows"})
    assert answer.url == HubFetch.objects.get(into="pool").get_absolute_url()
    task = made_tasks.task(cast.team)
    assert reverse("example_import_hub", args=[task.pk]) in text(
        client.get(reverse("example_import_new", args=[task.pk]))
    )
    answer = client.post(reverse("example_import_hub", args=[task.pk]), {"dataset": "ada/rows", "split": "train"})
    fetch = HubFetch.objects.get(into="task")
    run_job(fetch.job)
    made = ExampleImport.objects.get(fetch=fetch)
    assert client.get(answer.url).url == made.get_absolute_url()
    assert "Outputs become" in text(client.get(made.get_absolute_url()))


@pytest.mark.parametrize(("given", "said"), [
    ({"dataset": "no good"}, "has no owner"), ({"dataset": "ada/rows", "revision": "a..b"}, "cannot name a revision"),
    ({"dataset": ""}, "required"), ({"dataset": "ada/rows", "name": "Taken"}, "Taken"),
])  # fmt: skip
def test_what_cannot_be_asked_for_is_told_at_its_field(as_, cast, given, said):
    Pool.objects.create(team=cast.team, name="Taken")
    answer = as_("curator").post(reverse("pool_new_hub", args=[cast.team.slug]), given)
    assert answer.status_code == 422
    assert said in text(answer)
    assert not HubFetch.objects.exists()
    assert Pool.objects.count() == 1


def test_a_fetch_that_failed_can_be_gone_on_with_or_discarded(as_, cast, hub):
    client = as_("curator")
    url = client.post(reverse("pool_new_hub", args=[cast.team.slug]), {"dataset": "ada/late"}).url
    fetch = HubFetch.objects.get()
    run_job(fetch.job)
    shown = text(client.get(url))
    assert "ada/late is not on" in shown
    assert 'value="discard"' in shown
    hub.repo("ada/late", {"train.jsonl": ROWS})
    assert client.post(url, {"do": "resume"}).url == url
    run_job(fetch.job)
    assert client.get(url).status_code == 303
    gone = client.post(reverse("pool_new_hub", args=[cast.team.slug]), {"dataset": "ada/never"}).url
    second = HubFetch.objects.get(dataset="ada/never")
    assert client.post(gone, {"do": "cancel"}).url == gone
    run_job(second.job)
    client.post(gone, {"do": "discard"})
    assert client.get(gone).status_code == 404
    assert not Pool.objects.filter(name="ada/never").exists()
    assert client.post(url, {"do": "dance"}).status_code == 404


def test_who_may_only_look_starts_nothing(as_, cast, repo):
    url = as_("curator").post(reverse("pool_new_hub", args=[cast.team.slug]), {"dataset": "ada/rows"}).url
    viewer = as_("viewer")
    assert viewer.get(url).status_code == 200
    assert 'value="cancel"' not in text(viewer.get(url))
    assert viewer.post(url, {"do": "cancel"}).status_code == 403
    assert viewer.get(reverse("pool_new_hub", args=[cast.team.slug])).status_code == 403


def test_programs_fetch_pools_rows_and_examples(cast, repo, api_as):
    """The answers are those of the reference; the import starts by itself, unless it is asked to wait."""
    post, get = api_as
    made = post("/pools/from-hub", {"dataset": "ada/rows", "name": "Ours", "mapping": {"instruction": "instruction"}})
    assert (made["state"], made["into"], made["rows"]) == ("queued", "pool", None)
    fetch = HubFetch.objects.get()
    run_job(fetch.job)
    run_job(Import.objects.get().job)
    seen = get(f"/hub-imports/{made['id']}")
    assert (seen["state"], seen["rows"], seen["commit"]) == ("fetched", 30, repo.branches["main"])
    assert (seen["licence"], seen["files"]) == ("mit", [{"name": "train.jsonl", "bytes": len(ROWS)}])
    more = post(f"/pools/{seen['target']}/from-hub", {"dataset": "ada/rows", "start": False})
    run_job(HubFetch.objects.get(pk=more["id"]).job)
    assert Import.objects.get(fetch=more["id"]).job is None
    task = made_tasks.task(cast.team)
    into = post(
        f"/tasks/{task.pk}/examples/from-hub", {"dataset": "ada/rows", "outputs_as": "drop", "max_bad_share": 0.5}
    )
    run_job(HubFetch.objects.get(pk=into["id"]).job)
    found = ExampleImport.objects.get(fetch=into["id"])
    assert (found.outputs_as, found.max_bad_share) == ("drop", 0.5)
    assert (
        post("/pools/from-hub", {"dataset": "ada/none", "mapping": {"colour": "x"}}, 422)["error"]["code"]
        == "import.mapping"
    )
    assert post("/pools/from-hub", {"dataset": "ada/rows", "name": "Ours"}, 422)["error"]["code"] == "pool.name_taken"


@pytest.fixture
def api_as(cast):
    """(post, get) of a curator's program."""
    from django.test import Client

    from curation.actions import tokens
    from curation.models import Scope

    _, secret = tokens.make(team=cast.team, by=cast.curator, name="fetcher", scopes=list(Scope), days=1)
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def post(path, body, status=201):
        answer = client.post(f"/api/v1{path}", body, content_type="application/json")
        assert answer.status_code == status, answer.content
        return answer.json()

    return post, lambda path: client.get(f"/api/v1{path}").json()
