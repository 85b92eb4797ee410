"""The only door to selection's objects. Strangers get 404, members without the right get 403."""

from django.http import Http404

from curation.access import ANNOTATE, CURATE, OWN, VIEW, of_team, team, team_of
from curation.models import Role, User
from selection.models import Import, Pool, Preset, Run, SparseAutoencoder, Target

__all__ = ["ANNOTATE", "CURATE", "OWN", "VIEW", "import_", "pool", "preset", "run", "sae", "target", "team"]


def pool(user: User, pool_id: int, need: Role = VIEW) -> Pool:
    return of_team(user, Pool.objects.visible().select_related("team").filter(pk=pool_id).first(), need)


def import_(user: User, import_id: int, need: Role = VIEW) -> Import:
    found = Import.objects.select_related("pool", "job").filter(pk=import_id).first()
    if found is None:
        raise Http404
    found.pool.team = team_of(user, found.pool.team_id, need)
    return found


def target(user: User, target_id: int, need: Role = VIEW) -> Target:
    return of_team(user, Target.objects.filter(pk=target_id).first(), need)


def preset(user: User, preset_id: int, need: Role = VIEW) -> Preset:
    return of_team(user, Preset.objects.filter(pk=preset_id).first(), need)


def run(user: User, run_id: int, need: Role = VIEW) -> Run:
    return of_team(
        user, Run.objects.filter(pk=run_id, pool__hidden=False).select_related("pool", "target", "job").first(), need
    )


def sae(user: User, sae_id: int, need: Role = VIEW) -> SparseAutoencoder:
    return of_team(
        user, SparseAutoencoder.objects.select_related("pool", "job", "created_by").filter(pk=sae_id).first(), need
    )
