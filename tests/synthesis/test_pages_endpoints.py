"""Pages of model endpoints: made, tested, changed, archived; a key is never shown again."""

import pytest

from curation.actions import endpoints as actions
from curation.models import AuditEvent, Endpoint, Spending
from jobs.runner import run_job
from tests.synthesis import made

GOOD = {
    "name": "Ours", "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m", "dialect": "vllm", "key": "",
    "currency": "eur", "price_in": "0.5", "price_cached": "", "price_out": "2", "requests_per_minute": "0",
    "tokens_per_minute": "0", "concurrency": "4", "timeout": "9",
}  # fmt: skip
SECRET = "sk-very-secret-98765"


def text_of(answer) -> str:
    return answer.content.decode()


def test_a_team_without_endpoints_is_told_what_one_is(as_):
    assert "/t/ward/endpoints/new/" in text_of(as_("owner").get("/t/ward/endpoints/"))
    shown = text_of(as_("curator").get("/t/ward/endpoints/"))
    assert "An owner of this team can add one" in shown
    assert "endpoints/new" not in shown


def test_saving_one_tests_it_and_the_key_is_seen_by_nobody(as_, server):
    client = as_("owner")
    answer = client.post("/t/ward/endpoints/new/", GOOD | {"base_url": server.url, "key": SECRET})
    found = Endpoint.objects.get()
    assert answer.status_code == 303
    assert answer.url == f"/endpoints/{found.pk}/"
    assert (found.currency, found.price_in, found.price_cached, found.dialect) == ("EUR", 0.5, 0, "vllm")
    waiting = client.get(answer.url, headers={"HX-Request": "true", "HX-Target": "test"})
    assert "Being tested" in text_of(waiting)
    assert "<html" not in text_of(waiting)
    seen = client.get(f"{answer.url}?seen={found.test_job.version}", headers={"HX-Request": "true"})
    assert seen.status_code == 204
    run_job(found.test_job)
    for url in (answer.url, "/t/ward/endpoints/"):
        shown = text_of(client.get(url))
        assert "Answers" in shown
        assert SECRET not in shown
        assert 'hx-trigger="every' not in shown
    assert "8765" in text_of(client.get(answer.url))
    assert f"Bearer {SECRET}" in server.keys or SECRET in server.keys
    assert SECRET not in str(list(AuditEvent.objects.values_list("facts", flat=True)))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("base_url", "", "A server needs an address"), ("base_url", "ftp://x/v1", "does not begin with https://"),
        ("base_url", "https://a:b@x/v1", "a name or a password"), ("base_url", "https://[x/v1", "cannot be read"),
        ("name", "", "required"), ("model", "", "required"), ("currency", "€", "Three letters"),
        ("price_in", "-1", "greater than or equal to 0"), ("price_out", "1e30", "digits"),
        ("concurrency", "0", "greater than or equal to 1"), ("concurrency", "9999", "less than or equal to 512"),
        ("timeout", "soon", "whole number"), ("kind", "other", "not one of the available choices"),
        ("model", "a\0b", "Null characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_at_its_field(as_, field, value, said):
    answer = as_("owner").post("/t/ward/endpoints/new/", GOOD | {field: value})
    assert answer.status_code == 422, text_of(answer)
    assert said in text_of(answer).replace("&#x27;", "'")
    assert not Endpoint.objects.exists()


def test_two_of_one_name(as_, cast, server):
    made.endpoint(cast.team, cast.owner, server.url, name="ours")
    answer = as_("owner").post("/t/ward/endpoints/new/", GOOD)
    assert answer.status_code == 422
    assert "Take another name" in text_of(answer)


def test_a_key_stays_until_it_is_replaced_or_forgotten(as_, cast, server):
    found = made.endpoint(cast.team, cast.owner, server.url, key=SECRET)
    client, url = as_("owner"), f"/endpoints/{found.pk}/"
    same = GOOD | {"base_url": server.url, "do": "save"}
    sealed = found.key_sealed
    assert client.post(url, same).status_code == 303
    found.refresh_from_db()
    assert (found.key_sealed, found.name) == (sealed, "Ours")
    both = client.post(url, same | {"key": "another-key-000", "forget_key": "on"})
    assert both.status_code == 422
    assert "Either write a new key" in text_of(both)
    client.post(url, same | {"forget_key": "on"})
    found.refresh_from_db()
    assert found.key_sealed == ""
    assert "Forget the key" not in text_of(client.get(url))


def test_archived_ones_are_listed_apart_and_cannot_be_changed(as_, cast, server):
    found = made.endpoint(cast.team, cast.owner, server.url)
    client, url = as_("owner"), f"/endpoints/{found.pk}/"
    assert client.post(url, {"do": "archive"}).url == "/t/ward/endpoints/"
    found.refresh_from_db()
    assert found.archived_at
    assert not found.key_sealed
    assert "archived" in text_of(client.get("/t/ward/endpoints/"))
    assert "Test it" not in text_of(client.get(url))
    for do in ("save", "test"):
        assert client.post(url, GOOD | {"do": do}).status_code == 409, do
    assert client.post(url, {"do": "nonsense"}).status_code == 404


def test_a_curator_tests_but_changes_nothing(as_, cast, server):
    found = made.endpoint(cast.team, cast.owner, server.url)
    client, url = as_("curator"), f"/endpoints/{found.pk}/"
    shown = text_of(client.get(url))
    assert "Test it" in shown
    assert "Settings" not in shown
    assert client.post(url, {"do": "test"}).status_code == 303
    for do in ("save", "archive"):
        assert client.post(url, GOOD | {"do": do}).status_code == 403
    assert client.post("/t/ward/endpoints/", {"limit": "3"}).status_code == 403


def test_what_the_server_says_is_shown_as_text(as_, cast, server):
    from tests.synthesis.server import Answer

    server.script = lambda text, nth: Answer(text="<script>alert(1)</script>ready")
    found = made.endpoint(cast.team, cast.owner, server.url)
    run_job(actions.test(endpoint=found, by=cast.owner))
    shown = text_of(as_("viewer").get(f"/endpoints/{found.pk}/"))
    assert "&lt;script&gt;" in shown
    assert "<script>alert" not in shown


@pytest.mark.parametrize(("typed", "kept"), [("12.5", 12.5), ("", None), ("0", 0)])
def test_the_limit_of_the_team(as_, typed, kept):
    client = as_("owner")
    assert client.post("/t/ward/endpoints/", {"limit": typed}).status_code == 303
    assert Spending.objects.get().limit == kept
    assert client.post("/t/ward/endpoints/", {"limit": "-1"}).status_code == 422
    assert client.post("/t/ward/endpoints/", {"limit": "much"}).status_code == 422


@pytest.mark.parametrize(
    ("fields", "said", "outbound"),
    [
        ({"kind": "local", "base_url": "", "model": "/no/such/folder", "key": ""}, "The model cannot be loaded", "127.0.0.1"),
        ({"base_url": "http://127.0.0.1:9/v1"}, "The address is not allowed", ""),
        ({"base_url": "http://127.0.0.1:9/v1"}, "Failed its test", "127.0.0.1"),
    ],
)  # fmt: skip
def test_why_a_test_failed_is_told_apart_and_not_called_finished(as_, cast, server, settings, fields, said, outbound):  # noqa: PLR0917
    client = as_("owner")
    answer = client.post("/t/ward/endpoints/new/", GOOD | {"key": SECRET} | fields)
    found = Endpoint.objects.get()
    settings.OUTBOUND_ALLOW = [outbound] if outbound else []
    run_job(found.test_job)
    for url in (answer.url, "/t/ward/endpoints/"):
        shown = text_of(client.get(url))
        assert said in shown
        assert "Does not answer" not in shown
    row = text_of(client.get("/t/ward/work/")).split(f'id="job-{found.test_job.pk}"')[1].split("</tr>")[0]
    assert "Test not passed" in row
    assert "Finished" not in row
