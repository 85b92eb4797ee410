"""The page on which picks of a run are kept as a collection."""

from django.http import HttpRequest, HttpResponse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members
from selection import access
from selection.actions.collect import collect
from selection.forms.collect import CollectForm
from selection.views.shared import frame


@members
def run_collect(request: HttpRequest, run_id: int) -> HttpResponse:
    found = access.run(request.user, run_id, access.CURATE)  # type: ignore[arg-type]
    name = f"Run {found.number} on {found.pool.name}"[:120]
    form = CollectForm(
        request.POST if request.method == "POST" else None, picks=max(found.picks_count, 1), initial={"name": name}
    )
    if request.method == "POST" and form.is_valid():
        try:
            return see_other(collect(run=found, by=request.user, **form.cleaned_data).get_absolute_url())  # type: ignore[arg-type]
        except Fault as fault:
            form.add_error("name", f"{fault.what} {fault.advice}")
    context = frame(found.team) | {"run": found, "form": form}
    return page(request, "selection/run_collect.html", context, status=422 if form.errors else 200)
