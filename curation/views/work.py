"""The work centre: every background job of a team on one page."""

from django.http import Http404, HttpRequest, HttpResponse

from config.http import page, see_other
from config.policy import members
from curation import access, faces, queries_work
from curation.models import Team
from curation.views.shared import team_frame
from jobs.models import Job


@members
def work(request: HttpRequest, slug: str) -> HttpResponse:
    """`do` with `job`: cancel, resume, or retry what failed in it. The open ones are followed by a poll."""
    posted = request.method == "POST"
    team = access.team(request.user, slug, access.CURATE if posted else access.VIEW)  # type: ignore[arg-type]
    if posted:
        job = queries_work.job_of(team, request.POST.get("job", ""))
        if job is None:
            raise Http404
        _done(request, job, team)
        return see_other(request.get_full_path())
    context = team_frame(team) | queries_work.under_way(team)
    if request.htmx and request.htmx.target == "open":  # type: ignore[attr-defined]
        if request.GET.get("open", context["ids"]) != context["ids"]:
            return HttpResponse(headers={"HX-Refresh": "true"})  # one began or ended: it stands elsewhere now
        return page(request, "curation/work.html", context, part="open")
    show = request.GET.get("show", "")
    context |= queries_work.ended(team, show if show in queries_work.SHOW else "", request.GET.get("before", ""))
    return page(request, "curation/work.html", context | {"shows": queries_work.SHOW.items()})


def _done(request: HttpRequest, job: Job, team: Team) -> None:
    do = request.POST.get("do", "")
    retry = faces.face_of(job.kind).retry
    if do == "cancel":
        faces.cancel(job=job, team=team, by=request.user)  # type: ignore[arg-type]
    elif do == "resume":
        faces.resume(job=job, team=team, by=request.user)  # type: ignore[arg-type]
    elif do == "retry" and retry is not None:
        retry(job, request.user)  # type: ignore[arg-type]
    else:
        raise Http404
