"""The page on which picks are sent to a task, and on which many of them are seen on their way."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members
from jobs import actions as jobs
from jobs.models import Job
from selection import access
from selection.actions import send as actions
from selection.forms.send import SendForm
from selection.models import Run
from selection.queries import send as queries
from selection.views.shared import frame


@members
def run_send(request: HttpRequest, run_id: int) -> HttpResponse:
    """`do` cancels what is on its way; anything else posted sends the form."""
    found = access.run(request.user, run_id, access.CURATE)  # type: ignore[arg-type]
    job = queries.last_job(found)
    if request.method == "POST" and request.POST.get("do") in ("cancel", "resume"):
        if job is not None:
            (jobs.cancel if request.POST["do"] == "cancel" else jobs.resume)(job=job)
        return see_other(request.path)
    if job is not None and request.method == "GET" and (same := unchanged(request, job.version)):
        return same
    form = SendForm(
        request.POST if request.method == "POST" else None, team=found.team, picks=found.picks_count,
        initial={"task": request.GET.get("task"), "name": ""},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid() and (answer := _send(request, found, form)) is not None:
        return answer
    context = frame(found.team) | {"run": found, "form": form, **queries.on_its_way(job)}
    return page(request, "selection/run_send.html", context, part="way", status=422 if form.errors else 200)


def _send(request: HttpRequest, run: Run, form: SendForm) -> HttpResponse | None:
    """The answer, or None and the reason in the form."""
    given = form.cleaned_data
    try:
        task, sent = actions.send_to(
            run=run, task=given["task"], name=given["name"], by=request.user, top=given["top"],  # type: ignore[arg-type]
            outputs_as=given["outputs_as"], order=given["order"],
        )  # fmt: skip
    except Fault as fault:
        form.add_error("name" if fault.code == "task.name_taken" else None, f"{fault.what} {fault.advice}")
        return None
    if isinstance(sent, Job):
        return see_other(request.path)
    known = f", {sent.known:,} were there already" if sent.known else ""
    messages.info(request, f"{sent.good:,} example{'' if sent.good == 1 else 's'} are in {task.name}{known}.")
    return see_other(reverse("task_order" if given["order"] else "examples", args=[task.pk]))
