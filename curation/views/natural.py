"""Natural Instructions files in and out."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.text import slugify

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from curation import access
from curation.actions.natural import export_natural, import_natural
from curation.forms.natural import NaturalForm
from curation.views.shared import team_frame


@members
def task_import(request: HttpRequest, slug: str) -> HttpResponse:
    """Each file is one task, all of it or nothing; a bad one does not keep the others out."""
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = NaturalForm(request.POST if posted else None, request.FILES if posted else None)
    made, refused = [], []
    if posted and form.is_valid():
        for file in form.cleaned_data["task_files"]:
            try:
                made.append(
                    import_natural(
                        team=team, by=request.user, raw=file.read(), name=file.name,  # type: ignore[arg-type]
                        outputs_as=form.cleaned_data["outputs_as"],
                    )
                )  # fmt: skip
            except Fault as fault:
                refused.append(fault)
        if not refused:
            messages.info(request, f"{len(made)} task{'s are' if len(made) > 1 else ' is'} in.")
            return see_other(made[0].get_absolute_url() if len(made) == 1 else reverse("tasks", args=[team.slug]))
    context = team_frame(team) | {"form": form, "made": made, "refused": refused}
    return page(request, "curation/task_import.html", context, status=422 if form.errors or refused else 200)


@reads
def task_natural(request: HttpRequest, task_id: int) -> StreamingHttpResponse:
    task = access.task(request.user, task_id)  # type: ignore[arg-type]
    response = StreamingHttpResponse(export_natural(task), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{slugify(task.name.replace(".", "-")) or "task"}.json"'
    return response
