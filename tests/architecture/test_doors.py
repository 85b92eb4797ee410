"""Every URL of the project as a visitor, a stranger and a viewer. A new URL is in the test without being named."""

import gzip

import pytest
from django.urls import reverse

from config.policy import every_url, policy_of
from curation.actions.teams import invite
from curation.models import Membership, Role
from selection import store
from selection.models import Import
from tests.selection import made

# Pages of a person rather than of a team: any signed-in member of anything may open them.
OWN = {
    "home", "profile", "team_new", "account_change_password", "account_reauthenticate",
}  # fmt: skip
# Open to a viewer although they are POSTs: none yet.
VIEWERS_MAY_POST: set[str] = set()


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
    invitation, _ = invite(team=cast.team, by=cast.owner, role=Role.VIEWER)
    return {
        "slug": cast.team.slug, "pool_id": pool.pk, "target_id": target.pk, "run_id": run.pk, "import_id": sent.pk,
        "row_id": target.rows.first().pk, "rank": 1, "format": "jsonl", "invitation_id": invitation.pk,
        "membership_id": Membership.objects.get(team=cast.team, user=cast.viewer).pk,
    }  # fmt: skip


def guarded(world):
    """(name, address) of every page that is not public."""
    for route, pattern in every_url():
        policy = policy_of(pattern.callback)
        assert policy, f"/{route} has no policy"
        if policy.startswith("public"):
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
        assert client.get(url).status_code == 404, (name, url)
        assert client.post(url).status_code in {404, 405}, (name, url)


def test_viewers_read_and_change_nothing(client, cast, world):
    """A viewer gets a page or a plain refusal, and no POST of hers does anything."""
    client.force_login(cast.viewer)
    before = snapshot()
    for name, url in guarded(world):
        if name in OWN:
            continue
        assert client.get(url).status_code in {200, 403}, (name, url)
        if name not in VIEWERS_MAY_POST:
            for data in ({}, {"do": "delete"}, {"do": "cancel"}, {"do": "resume"}, {"do": "discard"}, {"do": "start"}):
                assert client.post(url, data).status_code in {403, 405}, (name, url, data)
    assert snapshot() == before


def snapshot():
    from curation.models import AuditEvent
    from selection.models import Pick, Pool, Run, Shard, Target, TargetRow

    kinds = (AuditEvent, Import, Pick, Pool, Run, Shard, Target, TargetRow, Membership)
    return {kind.__name__: sorted(kind.objects.values_list("pk", flat=True)) for kind in kinds}
