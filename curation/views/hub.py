"""Pages of the hub: a team's token, a push of a version, one push on its way, the card of a dataset."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.markdown import render
from config.policy import members
from curation import access
from curation import queries_hub as queries
from curation.actions import datasets, pushes
from curation.actions import hub as actions
from curation.forms.hub import CardForm, HubTokenForm, PushForm
from curation.hub.client import endpoint
from curation.views.shared import team_frame
from jobs import actions as jobs
from jobs.queries import progress

FIELD_OF = {"hub.repo": "repo", "hub.branch": "branch", "dataset.format": "format"}


@members
def team_hub(request: HttpRequest, slug: str) -> HttpResponse:
    """For owners. `do`: keep (a token), test, forget."""
    team = access.team(request.user, slug, access.OWN)  # type: ignore[arg-type]
    found, do = queries.token_of(team), request.POST.get("do", "")
    form = HubTokenForm(request.POST if do == "keep" else None)
    if request.method == "POST":
        if do == "keep" and form.is_valid():
            found = actions.keep(team=team, by=request.user, token=form.cleaned_data["token"])  # type: ignore[arg-type]
            actions.test(token=found, by=request.user)  # type: ignore[arg-type]
            return see_other(request.path)
        if do == "test" and found is not None:
            actions.test(token=found, by=request.user)  # type: ignore[arg-type]
            return see_other(request.path)
        if do == "forget" and found is not None:
            actions.forget(team=team, by=request.user)  # type: ignore[arg-type]
            messages.info(request, "The token is forgotten. On the hub it still works until it is revoked there.")
            return see_other(request.path)
        if do != "keep":
            raise Http404
    context = team_frame(team) | {
        "token": found, "form": form, "endpoint": endpoint(), "elsewhere": found is not None and found.endpoint != endpoint(),
    }  # fmt: skip
    return page(request, "curation/hub/team.html", context, status=422 if form.errors else 200)


@members
def version_push(request: HttpRequest, dataset_id: int, number: int) -> HttpResponse:
    """The form of a push, and the start of it."""
    found = access.dataset_version(request.user, dataset_id, number, access.CURATE)  # type: ignore[arg-type]
    datasets.need_frozen(found)
    team = found.dataset.team
    form = PushForm(request.POST if request.method == "POST" else None, initial=queries.initial_push(found))
    if request.method == "POST" and form.is_valid():
        try:
            made = pushes.push(version=found, by=request.user, **form.cleaned)  # type: ignore[arg-type]
            return see_other(reverse("push", args=[made.pk]))
        except Fault as fault:
            form.add_error(FIELD_OF.get(fault.code), f"{fault.what} {fault.advice}")
    context = team_frame(team) | {
        "dataset": found.dataset, "version": found, "form": form, "token": queries.token_of(team),
        "endpoint": endpoint(), "may_own": team.mine.may(access.OWN),  # type: ignore[attr-defined]
    }  # fmt: skip
    return page(request, "curation/hub/push_new.html", context, status=422 if form.errors else 200)


@members
def push(request: HttpRequest, push_id: int) -> HttpResponse:
    """One push. `do`: cancel, resume."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.push(request.user, push_id, need)  # type: ignore[arg-type]
    job, do = found.job, request.POST.get("do")
    if request.method == "POST":
        if do not in ("cancel", "resume") or job is None:
            raise Http404
        (jobs.cancel if do == "cancel" else jobs.resume)(job=job)
        return see_other(request.path)
    if job is not None and (same := unchanged(request, job.version)) is not None:
        return same
    if request.htmx and job is not None and job.is_final:  # type: ignore[attr-defined]
        return HttpResponse(headers={"HX-Refresh": "true"})  # the commit is there: the page shows it
    version = found.version
    context = team_frame(version.dataset.team) | {
        "push": found, "version": version, "dataset": version.dataset, "job": job,
        "passes": progress(job) if job is not None else [], "files": sorted(found.files.items()),
    }  # fmt: skip
    return page(request, "curation/hub/push.html", context, part="progress")


@members
def dataset_card(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The texts that people write for the card, and the card of the newest version as it reads with them."""
    posted = request.method == "POST"
    found = access.dataset(request.user, dataset_id, access.CURATE if posted else access.VIEW)  # type: ignore[arg-type]
    form, status = CardForm(request.POST if posted else None, texts=found.card_texts), 200
    revision = request.POST.get("revision", "")
    if posted and form.is_valid():
        texts = {name: text.strip() for name, text in form.cleaned_data.items() if text.strip()}
        number = int(revision) if revision.isdecimal() and len(revision) < 10 else 0
        try:
            datasets.change(dataset=found, by=request.user, revision=number, card_texts=texts)  # type: ignore[arg-type]
            messages.info(
                request,
                "Kept. Exports and pushes from now on hold these texts; files that are there already can be made again.",
            )
            return see_other(request.path)
        except Fault as fault:
            form.add_error(None, f"{fault.what} {fault.advice}")
            status = fault.status
    elif posted:
        status = 422
    version = queries.newest(found)
    context = team_frame(found.team) | {
        "dataset": found, "form": form, "revision": revision or found.revision, "version": version,
        "card": render(queries.card_text(version)) if version is not None else "",
    }  # fmt: skip
    return page(request, "curation/hub/card.html", context, status=status)
