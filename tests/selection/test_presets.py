"""Settings kept under a name: made from a run, offered on the form, deleted."""

import pytest
from django.urls import reverse

from curation.models import AuditEvent
from selection.models import Preset
from tests.selection import made

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(cast):
    pool = made.pool(cast.team, made.rows(60))
    target = made.target(cast.team, made.rows(20, seed=4)[:4])
    return made.run(
        cast.team, pool, target, method="bm25", budget="5", aggregation="max",
        options={"source_cap": 0.5, "decontaminate": str(target.pk)},
    )  # fmt: skip


def keep(client, run, **fields):
    return client.post(reverse("run_keep", args=[run.pk]), fields)


def test_settings_of_a_run_are_kept_and_fill_the_form(client, cast, run):
    client.force_login(cast.curator)
    assert "max" in client.get(reverse("run_keep", args=[run.pk])).content.decode()
    answer = keep(client, run, name="Weekly", note="Every Monday")
    assert answer.status_code == 303
    kept = Preset.objects.get()
    assert (kept.method, kept.params["aggregation"], kept.options["source_cap"]) == ("bm25", "max", 0.5)
    assert "decontaminate" not in kept.options, "test sets belong to a target, not to settings"
    form = client.get(reverse("run_new", args=[cast.team.slug]), {"preset": kept.pk})
    assert form.context["form"].chosen.name == "bm25"
    assert form.context["form"]["m_aggregation"].value() == "max"
    assert form.context["form"]["o_source_cap"].value() == 0.5
    assert "Weekly" in form.content.decode()
    assert "Every Monday" in client.get(reverse("presets", args=[cast.team.slug])).content.decode()


def test_a_name_is_taken_once_whatever_its_case(client, cast, run):
    client.force_login(cast.curator)
    keep(client, run, name="Weekly")
    answer = keep(client, run, name="weekly")
    assert answer.status_code == 422
    assert "already keeps settings named weekly" in answer.content.decode()
    assert Preset.objects.count() == 1


def test_settings_of_another_team_are_not_taken(client, cast, run):
    client.force_login(cast.curator)
    keep(client, run, name="Weekly")
    Preset.objects.update(team=cast.other_team)
    form = client.get(reverse("run_new", args=[cast.team.slug]), {"preset": Preset.objects.get().pk})
    assert form.status_code == 200
    assert "Kept by the team" not in form.content.decode()
    assert form.context["form"].chosen.name != "bm25", "the proposal stands instead"


def test_deleting_leaves_the_runs(client, cast, run):
    client.force_login(cast.curator)
    keep(client, run, name="Weekly")
    gone = reverse("preset_delete", args=[Preset.objects.get().pk])
    assert client.post(gone).status_code == 303
    assert not Preset.objects.exists()
    assert set(AuditEvent.objects.filter(action__startswith="preset.").values_list("action", flat=True)) == {
        "preset.kept", "preset.deleted",
    }  # fmt: skip
    run.refresh_from_db()
    assert run.params["aggregation"] == "max"
