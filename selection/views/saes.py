"""Pages of sparse autoencoders: list, train, load, one with its progress and measures, delete."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members, reads
from config.uploads import receiving
from selection import access
from selection.actions import saes as actions
from selection.forms.saes import LoadForm, TrainForm
from selection.queries import saes as queries
from selection.queries.runs import pools_of
from selection.views.shared import frame


@reads
def saes(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    return page(request, "selection/saes.html", queries.saes_page(team) | frame(team), part="list")


@members
def sae_new(request: HttpRequest, slug: str) -> HttpResponse:
    """Train one on a pool. A change of the form asks for a new estimate."""
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = TrainForm(request.POST if posted else None, team=team, initial=_initial(request, team))
    if posted and form.is_valid():
        try:
            made = actions.train(team=team, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
            return see_other(made.get_absolute_url())
        except Fault as fault:
            form.add_error("name" if fault.code == "sae.name_taken" else "pool", f"{fault.what} {fault.advice}")
    context = frame(team) | {"form": form, "estimate": _estimate(team, form), "has_pools": pools_of(team).exists()}
    part = "estimate" if request.htmx and request.htmx.target == "estimate" else None  # type: ignore[attr-defined]
    return page(request, "selection/sae_new.html", context, part=part, status=422 if form.errors else 200)


def _initial(request: HttpRequest, team: Any) -> dict[str, Any]:
    """What the address says, else the newest pool; the name follows from pool and model."""
    given = {name: str(value) for name, value in request.GET.items() if name in TrainForm.base_fields and value}
    newest = pools_of(team).first()
    pool = pools_of(team).filter(pk=given["pool"]).first() if given.get("pool", "").isdecimal() else newest
    starts = {"pool": pool.pk if pool else None, "name": f"{pool} with {given.get('model', 'smollm2')}" if pool else ""}
    return starts | {name: value for name, value in given.items() if name != "pool"}


def _estimate(team: Any, form: TrainForm) -> dict[str, Any] | None:
    """Seconds for what stands in the form; None where it cannot be read, "unknown" where nobody knows."""
    values = {name: form[name].value() for name in ("pool", "tokens", "length", "expansion", "model")}
    numbers = {name: int(values[name]) for name in ("pool", "tokens", "length", "expansion") if _whole(values[name])}
    if len(numbers) < 4:
        return None
    pool = pools_of(team).filter(pk=numbers.pop("pool")).first()
    if pool is None:
        return None
    found = queries.estimate(team, model=str(values["model"] or "").strip(), rows=pool.rows, **numbers)
    return {"unknown": found is None, "found": found, "tokens": numbers["tokens"]}


def _whole(value: Any) -> bool:
    text = str(value or "")
    return text.isdecimal() and 0 < int(text[:12]) <= 10**9


# As for pools: the upload handler must be set before anything reads the body, so the CSRF check runs inside.


@members
@csrf_exempt
def sae_load(request: HttpRequest, slug: str) -> HttpResponse:
    access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    with receiving(request):
        return _sae_load(request, slug)


@csrf_protect
def _sae_load(request: HttpRequest, slug: str) -> HttpResponse:
    """Bring one from the hub or from two files, and measure it on rows of a pool."""
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = LoadForm(request.POST if posted else None, request.FILES if posted else None, team=team)
    if posted and form.is_valid():
        data = form.cleaned_data
        files = {name: data.pop(name) for name in ("weights", "config")}
        hub = data.pop("hub")
        source = {"hub": hub} if hub else {name: file.path for name, file in files.items()}
        try:
            made = actions.load(team=team, by=request.user, source=source, **data)  # type: ignore[arg-type]
        except Fault as fault:
            form.add_error("name" if fault.code == "sae.name_taken" else "pool", f"{fault.what} {fault.advice}")
        else:
            for file in files.values():
                if file:
                    file.keep()
            return see_other(made.get_absolute_url())
    context = frame(team) | {"form": form, "has_pools": pools_of(team).exists()}
    return page(request, "selection/sae_load.html", context, status=422 if form.errors else 200)


DEEDS = {
    "cancel": actions.cancel,
    "resume": actions.resume,
    "archive": actions.archive,
    "restore": lambda *, sae, by: actions.archive(sae=sae, by=by, back=True),
}


@members
def sae(request: HttpRequest, sae_id: int) -> HttpResponse:
    """Progress and plots while it learns, then what was measured. `do` cancels, resumes, archives, restores."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.sae(request.user, sae_id, need)  # type: ignore[arg-type]
    if request.method == "POST":
        deed = DEEDS.get(request.POST.get("do", ""))
        if deed is None:
            raise Http404
        deed(sae=found, by=request.user)
        return see_other(found.get_absolute_url())
    job = found.job
    if request.htmx and job is not None:  # type: ignore[attr-defined]
        if (same := unchanged(request, job.version)) is not None:
            return same
        if job.is_final:
            return HttpResponse(headers={"HX-Refresh": "true"})  # what was measured takes over the whole page
    context = frame(found.team) | {"sae": found} | queries.progress(found) | queries.measures(found)
    context |= {"settings": queries.said(found), "runs": found.runs().order_by("-number")[:20]}
    return page(request, "selection/sae.html", context, part="work")


@members
def sae_delete(request: HttpRequest, sae_id: int) -> HttpResponse:
    found = access.sae(request.user, sae_id, access.CURATE)  # type: ignore[arg-type]
    if request.method == "POST":
        actions.delete(sae=found, by=request.user)  # type: ignore[arg-type]
        messages.info(request, f"{found.name} is deleted.")
        return see_other(reverse("saes", args=[found.team.slug]))
    runs = found.runs().count()
    return page(request, "selection/sae_delete.html", frame(found.team) | {"sae": found, "run_count": runs})
