"""The pages of the hub: a token of the team, a push, the card."""

import pytest
from django.urls import reverse

from curation.actions import hub as tokens
from curation.models import AuditEvent, Dataset, HubToken, Push
from jobs.runner import run_job
from tests.datasets import made
from tests.hub.server import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(cast):
    return made.frozen_letters(cast.team)


def test_an_owner_enters_a_token_that_is_tested_kept_sealed_and_never_shown(hub, cast, as_):
    url = reverse("team_hub", args=[cast.team.slug])
    client = as_("owner")
    assert "No token yet" in client.get(url).content.decode()
    assert client.post(url, {"do": "keep", "token": ""}).status_code == 422
    answer = client.post(url, {"do": "keep", "token": f" {TOKEN} "}, follow=True)
    text = answer.content.decode()
    assert "Works" in text
    assert "ada" in text
    assert "ward" in text
    found = HubToken.objects.get()
    assert TOKEN not in (text + found.sealed + str(list(AuditEvent.objects.values_list("facts", flat=True))))
    assert (found.end, found.role) == (TOKEN[-4:], "write")
    hub.people.clear()
    text = client.post(url, {"do": "test"}, follow=True).content.decode()
    assert "Invalid credentials" in text
    assert client.post(url, {"do": "nothing"}).status_code == 404
    client.post(url, {"do": "forget"})
    assert not HubToken.objects.exists()
    assert [one.action for one in AuditEvent.objects.filter(action__startswith="hub.")].count("hub.token_tested") == 2


def test_a_hub_that_is_away_is_said_and_the_token_is_kept(hub, cast, as_):
    hub.fail(503, "/whoami")
    text = as_("owner").post(
        reverse("team_hub", args=[cast.team.slug]), {"do": "keep", "token": TOKEN}, follow=True
    ).content.decode()  # fmt: skip
    assert "it answered 503" in text
    assert HubToken.objects.get().why


def test_a_token_goes_nowhere_else_than_where_it_was_entered_for(hub, cast, as_, settings):
    tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    settings.HF_ENDPOINT = "https://elsewhere.example"
    url = reverse("team_hub", args=[cast.team.slug])
    client = as_("owner")
    assert "was entered for" in client.get(url).content.decode()
    assert client.post(url, {"do": "test"}).status_code == 422
    assert not hub.log


def test_keys_can_be_changed(hub, cast, settings):
    from config.crypto import KEEPERS, new_key, unseal

    found = tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    settings.WINNOW_KEYS = [new_key(), *settings.WINNOW_KEYS]
    assert dict(KEEPERS)["tokens of the hub"]() == 1
    settings.WINNOW_KEYS = settings.WINNOW_KEYS[:1]
    found.refresh_from_db()
    assert unseal(found.sealed) == TOKEN


def test_others_do_not_come_to_the_token(hub, cast, as_):
    for name in ("curator", "annotator", "viewer"):
        assert as_(name).get(reverse("team_hub", args=[cast.team.slug])).status_code == 403


def test_a_push_from_the_form_to_its_commit(hub, cast, as_, version):
    tokens.test(token=tokens.keep(team=cast.team, by=cast.owner, token=TOKEN), by=cast.owner)
    client = as_("curator")
    url = reverse("version_push", args=[version.dataset_id, 1])
    assert 'value="ada/letters"' in client.get(url).content.decode()
    fields = {"repo": "ada/letters", "format": "messages", "visible": "private", "way": "branch", "branch": "main"}
    answer = client.post(url, fields | {"repo": "letters"})
    assert answer.status_code == 422
    assert "has no owner" in answer.content.decode()
    answer = client.post(url, fields)
    assert answer.status_code == 303
    found = Push.objects.get()
    assert (found.private, found.created_by, found.format) == (True, cast.curator, "messages")
    page = reverse("push", args=[found.pk])
    assert answer.url == page
    assert "Waiting for a worker" in client.get(page).content.decode()
    run_job(found.job)
    found.refresh_from_db()
    text = client.get(page).content.decode()
    for said in (
        found.commit_url,
        f"{hub.url}/datasets/ada/letters/tree/{found.commit}",
        "v1",
        "every file has the hash",
    ):
        assert said in text
    text = client.get(version.get_absolute_url()).content.decode()
    assert "pushed and read back" in text
    assert found.commit[:8] in text
    assert "messages" in client.get(url).content.decode()  # the next one begins like the last
    assert client.post(page, {"do": "resume"}).status_code == 409


def test_a_push_that_failed_is_resumed_from_its_page(hub, cast, as_, version):
    tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    hub.readers.add(TOKEN)
    client = as_("curator")
    client.post(
        reverse("version_push", args=[version.dataset_id, 1]),
        {"repo": "ada/letters", "format": "messages", "visible": "private", "way": "branch", "branch": ""},
    )
    found = Push.objects.get()
    run_job(found.job)
    page = reverse("push", args=[found.pk])
    assert "The token may not do this" in client.get(page).content.decode()
    hub.readers.clear()
    assert client.post(page, {"do": "resume"}).status_code == 303
    run_job(found.job)
    found.refresh_from_db()
    assert found.verified_at


def test_without_a_token_the_form_says_who_enters_one(hub, cast, as_, version):
    url = reverse("version_push", args=[version.dataset_id, 1])
    assert "An owner enters one" in as_("curator").get(url).content.decode()
    answer = as_("curator").post(
        url, {"repo": "ada/letters", "format": "messages", "visible": "private", "way": "branch"}
    )
    assert answer.status_code == 422
    assert "no token of the hub" in answer.content.decode()


def test_the_card_is_written_by_the_team_and_shown_as_it_reads(cast, as_, version):
    url = reverse("dataset_card", args=[version.dataset_id])
    client = as_("curator")
    assert "Nobody has written down yet" in client.get(url).content.decode()
    before = Dataset.objects.get(pk=version.dataset_id).revision
    texts = {"intended_use": "For *doctors*. <script>alert(1)</script>", "known_gaps": "", "notes": ""}
    assert client.post(url, texts | {"revision": before}).status_code == 303
    found = Dataset.objects.get(pk=version.dataset_id)
    assert found.card_texts == {"intended_use": texts["intended_use"]}
    text = client.get(url).content.decode()
    assert "<em>doctors</em>" in text
    assert "<script>alert" not in text
    stale = client.post(url, {"intended_use": "Mine", "revision": before})
    assert stale.status_code == 409
    assert "Mine" in stale.content.decode()
    assert client.post(url, {"notes": "x" * 20_001, "revision": found.revision}).status_code == 422
    assert as_("viewer").get(url).status_code == 200
    assert as_("viewer").post(url, texts).status_code == 403


def test_the_command_pushes_and_says_where(hub, cast, version, capsys):
    from django.core.management import CommandError, call_command

    tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    call_command("push", "Letters@1", repo="ada/letters", format="messages")
    found = Push.objects.get()
    assert capsys.readouterr().out == f"Letters@1 is in ada/letters, tag v1: {found.commit_url}\n"
    call_command("push", "Letters", "--repo", "ada/letters", "--pr", "--format", "alpaca")
    assert "/discussions/1" in capsys.readouterr().out
    hub.readers.add(TOKEN)
    with pytest.raises(CommandError, match="have the rights"):
        call_command("push", "Letters", repo="ada/other")
    with pytest.raises(CommandError, match="No dataset is named"):
        call_command("push", "Nothing", repo="ada/other")
    with pytest.raises(CommandError, match="has no owner"):
        call_command("push", "Letters", repo="other")


def test_a_program_pushes_and_follows_it(hub, cast, version, client):
    from curation.actions import tokens as api_tokens
    from curation.models import Scope

    tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    _, secret = api_tokens.make(team=cast.team, by=cast.curator, name="t", scopes=list(Scope), days=1)
    said = {"headers": {"Authorization": f"Bearer {secret}"}, "content_type": "application/json"}
    place = f"/api/v1/datasets/{version.dataset_id}/versions/1"
    bad = client.post(f"{place}/push", {"repo": "letters"}, **said)
    assert (bad.status_code, bad.json()["error"]["code"]) == (422, "hub.repo")
    made = client.post(f"{place}/push", {"repo": "ada/letters", "format": "messages"}, **said)
    assert made.status_code == 201
    assert made.json()["state"] == "queued"
    run_job(Push.objects.get().job)
    row = client.get(f"/api/v1/pushes/{made.json()['id']}", **said).json()
    assert (row["state"], row["tag"], row["commit"]) == ("pushed", "v1", hub.repos["ada/letters"].branches["main"])
    assert [one["id"] for one in client.get(f"{place}/pushes", **said).json()["items"]] == [row["id"]]
    one = client.get(f"/api/v1/datasets/{version.dataset_id}", **said).json()
    texts = {"card_texts": {"intended_use": "For doctors.", "notes": " "}, "revision": one["revision"]}
    kept = client.patch(f"/api/v1/datasets/{version.dataset_id}", texts, **said).json()
    assert kept["card_texts"] == {"intended_use": "For doctors."}
    wrong = client.patch(
        f"/api/v1/datasets/{version.dataset_id}", {"revision": 9, "card_texts": {"other": "x"}}, **said
    )
    assert wrong.status_code == 422
    _, narrow = api_tokens.make(team=cast.team, by=cast.curator, name="t", scopes=[], days=1)
    said["headers"] = {"Authorization": f"Bearer {narrow}"}
    assert client.post(f"{place}/push", {"repo": "ada/letters"}, **said).json()["error"]["code"] == "api.scope"
