"""From training to muting: why a row was picked, by features that a person can read, name and leave out."""

import pytest
from django.urls import reverse

from curation.models import AuditEvent
from jobs.runner import run_job
from selection.actions import browse as actions
from selection.actions import saes as sae_actions
from selection.models import Feature, FeatureLook, FeatureName, Run
from selection.queries import browse as queries
from selection.running.browsing import featured
from tests.selection import made
from tests.selection.saes import train

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true"}


def body(answer) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def pool(cast):
    return made.pool(cast.team, made.rows(200), cuts=(120,))


@pytest.fixture
def sae(cast, pool):
    return train(cast.team, pool)


@pytest.fixture
def run(cast, pool, sae):
    target = made.target(cast.team, [row for row in made.rows(90, seed=4) if row["source"] == "sums"][:4])
    found = made.run(
        cast.team, pool, target, method="mona", budget="20", by=cast.curator, sae=sae.identity, tokens=64, entries=64
    )
    assert found.job.state == "succeeded", (found.job.error_what, found.job.error_advice)
    return found


def test_a_person_reads_why_names_a_feature_and_selects_without_it(as_, cast, run, sae):
    client = as_("curator")
    assert reverse("run_features", args=[run.pk]) in body(client.get(run.get_absolute_url()))
    # A pick says what it shares with the target.
    pick = body(client.get(reverse("run_pick", args=[run.pk, 1])))
    first = queries.shared(run.picks.get(rank=1).reason)[0]
    assert f'href="{reverse("run_feature", args=[run.pk, first[0]])}"' in pick
    assert "in the target" in pick
    # The run says what its picks share.
    listed = queries.of_run(featured(run))
    assert listed["rows_added"] == run.picks_count == 20
    masses = [one["mass"] for one in listed["entries"]]
    assert masses == sorted(masses, reverse=True)
    mine = [
        one
        for pick in run.picks.all()
        for one in queries.shared(pick.reason)
        if one[0] == listed["entries"][0]["feature"]
    ]
    assert masses[0] == pytest.approx(sum(one[3] for one in mine))
    number = listed["entries"][0]["feature"]
    page = body(client.get(reverse("run_features", args=[run.pk])))
    assert f'value="{number}"' in page

    # The feature is looked up by a job, and its name kept.
    address = reverse("run_feature", args=[run.pk, number])
    assert "Find its texts" in body(client.get(address))
    assert client.post(address, {"do": "look"}).url == address
    assert "Looking through the rows" in body(client.get(address))
    look = FeatureLook.objects.get()
    run_job(look.job)
    page = body(client.get(address))
    assert "It fires in" in page
    assert '<mark class="lit-3">' in page
    assert client.post(address, {"do": "name", "name": "sums & apples"}).status_code == 303
    assert "sums &amp; apples" in body(client.get(address))
    assert "sums &amp; apples" in body(client.get(reverse("run_pick", args=[run.pk, 1])))

    # Muted, the run is made again from what is kept of each row: nothing is read anew.
    before = Feature.objects.count()
    answer = client.post(reverse("run_features", args=[run.pk]), {"feature": [number]})
    again = Run.objects.get(after=run)
    assert (answer.status_code, answer.url) == (303, again.get_absolute_url())
    assert again.params == run.params | {"muted": str(number)}
    made.end(again)
    assert again.job.state == "succeeded", again.job.error_what
    assert Feature.objects.count() == before
    assert number not in {one[0] for pick in again.picks.all() for one in queries.shared(pick.reason)}
    told = queries.difference(again)
    both = set(run.picks.values_list("key", flat=True)) & set(again.picks.values_list("key", flat=True))
    assert (told["before"], told["others"]) == (run, 20 - len(both))
    page = body(client.get(again.get_absolute_url()))
    assert f'Made from <a href="{run.get_absolute_url()}">run {run.number}</a> without feature {number}' in page
    assert f"?run={run.number}&amp;run={again.number}" in page
    assert f"run {again.number}</a> without {number}" in body(client.get(reverse("run_features", args=[run.pk])))
    done = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"run.feature_looked_up", "sae.feature_named", "run.features_muted"} <= done


def test_texts_are_the_strongest_of_the_pool_with_the_tokens_lit(cast, run, sae):
    """Held against the features of every row, read once more and whole."""
    import numpy as np

    from selection.encoders.sae.fit import fit, tokens_of
    from selection.methods import parse_params
    from selection.methods.mona import Mona
    from selection.methods.mona_read import loaded

    number = queries.of_run(featured(run))["entries"][0]["feature"]
    look = actions.look(run=run, feature=number, by=cast.curator)
    assert actions.look(run=run, feature=number, by=cast.curator) == look  # once
    run_job(look.job)
    look.refresh_from_db()
    weights, lm = loaded(parse_params(Mona.Params, run.params))
    texts = ["\n".join(filter(None, (row["instruction"], row["input"], row["output"]))) for row in made.rows(200)]
    means = np.zeros(200)
    layer = fit(weights, lm, None, texts).layer
    for rows, hidden, counts in tokens_of(lm, texts, layer, most=64):
        acts, index = weights.encode(hidden)
        each = np.split(np.where(index == number, acts, 0).sum(axis=1), np.cumsum(counts)[:-1])
        means[rows] = [part.mean() if len(part) else 0 for part in each]
    assert look.found["seen"] == 200
    assert look.found["rows"] <= (means > 0).sum()
    top = np.argsort(-means)[: len(look.found["texts"])]
    shards = {shard.pk: shard.first_row for shard in run.pool.shards.all()}
    told = [shards[text["shard"]] + text["row"] for text in look.found["texts"]]
    assert told == top.tolist()
    assert [text["value"] for text in look.found["texts"]] == pytest.approx(means[top], rel=2e-3)
    best = look.found["texts"][0]
    assert best["text"] in texts[told[0]]
    assert max(share for _, _, share in best["spans"]) == 1.0


def test_viewers_read_features_and_change_nothing(as_, cast, run):
    client = as_("viewer")
    number = queries.of_run(featured(run))["entries"][0]["feature"]
    page = body(client.get(reverse("run_features", args=[run.pk])))
    assert "Mute the ticked" not in page
    address = reverse("run_feature", args=[run.pk, number])
    assert "a curator of the team can" in body(client.get(address))
    for data in ({"do": "look"}, {"do": "mute"}, {"do": "name", "name": "x"}):
        assert client.post(address, data).status_code == 403
    assert client.post(reverse("run_features", args=[run.pk]), {"feature": [number]}).status_code == 403
    client.force_login(cast.stranger)
    assert client.get(address).status_code == 404
    assert (Run.objects.count(), FeatureLook.objects.count(), FeatureName.objects.count()) == (1, 0, 0)


def test_what_is_no_feature_is_refused(as_, cast, run, sae):
    client = as_("curator")
    assert client.get(reverse("run_feature", args=[run.pk, sae.latents])).status_code == 404
    for ticked in ([], ["x"], [sae.latents], ["99999999999999"]):
        answer = client.post(reverse("run_features", args=[run.pk]), {"feature": ticked})
        assert answer.status_code == 422
    assert client.post(reverse("run_feature", args=[run.pk, 1]), {"do": "explode"}).status_code == 404
    other = made.run(cast.team, run.pool, None, budget="3")
    assert client.get(reverse("run_features", args=[other.pk])).status_code == 404
    assert Run.objects.count() == 2


def test_a_model_does_not_write_over_a_person(cast, sae):
    sae_actions.name_feature(sae=sae, feature=3, name="by a model", by=None, by_model="a judge")
    assert FeatureName.objects.get().name == "by a model"
    sae_actions.name_feature(sae=sae, feature=3, name="by a person", by=cast.curator)
    sae_actions.name_feature(sae=sae, feature=3, name="by a model again", by=None, by_model="a judge")
    assert FeatureName.objects.get().name == "by a person"
    sae_actions.name_feature(sae=sae, feature=3, name="", by=cast.curator)
    assert not FeatureName.objects.exists()


def test_a_run_that_kept_nothing_says_so(cast, run, sae):
    other = made.run(
        cast.team, run.pool, run.target, method="mona", budget="5", sae=sae.identity, tokens=64, keep=False
    )
    look = actions.look(run=other, feature=1, by=cast.curator)
    run_job(look.job)
    look.job.refresh_from_db()
    assert (look.job.state, look.job.error_code) == ("failed", "sae.not_kept")
    assert actions.look(run=other, feature=1, by=cast.curator).job.state != "failed"  # another try
