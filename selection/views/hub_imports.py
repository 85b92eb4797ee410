"""Pages on which rows from the hub are asked for, for a new pool or one that is there."""

from django.http import HttpRequest, HttpResponse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members
from curation.actions.fetches import fetch
from curation.forms.hub_import import HubImportForm
from curation.hub.client import endpoint
from selection import access
from selection.actions import pools as actions
from selection.forms.pools import NewPoolHubForm
from selection.views.shared import frame


@members
def pool_new_hub(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    form = NewPoolHubForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.new_pool_from_hub(team=team, by=request.user, **form.pool, **form.cleaned)  # type: ignore[arg-type]
            return see_other(made.get_absolute_url())
        except Fault as fault:
            form.add_error("name" if fault.code == "pool.name_taken" else None, str(fault))
    context = frame(team) | {"form": form, "endpoint": endpoint()}
    return page(request, "selection/pool_new_hub.html", context, status=422 if form.errors else 200)


@members
def pool_add_hub(request: HttpRequest, pool_id: int) -> HttpResponse:
    pool = access.pool(request.user, pool_id, access.CURATE)  # type: ignore[arg-type]
    form = HubImportForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        made = fetch(team=pool.team, by=request.user, into="pool", target=pool.pk, **form.cleaned)  # type: ignore[arg-type]
        return see_other(made.get_absolute_url())
    context = frame(pool.team) | {"form": form, "pool": pool, "endpoint": endpoint()}
    return page(request, "selection/pool_new_hub.html", context, status=422 if form.errors else 200)
