"""The page on which a curator says what is annotated first."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members
from curation import access
from curation.views.shared import frame
from jobs import actions as jobs
from jobs.models import Job
from selection.actions import ordering as actions
from selection.forms.ordering import OrderForm
from selection.models import Ordering
from selection.queries.ordering import WORDS, order_page


@members
def task_order(request: HttpRequest, task_id: int) -> HttpResponse:
    """`do`: order (the default), again (the order that stands once more), undo, cancel or resume."""
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    shown = order_page(task)
    job, status = shown["job"], 200
    do = request.POST.get("do", "order")
    form = OrderForm(
        request.POST if request.method == "POST" and do == "order" else None, offered=shown["choices"],
        initial={"order": shown["stands"].order if shown["stands"] else "vote_k"},
    )  # fmt: skip
    if request.method == "POST" and do in ("cancel", "resume"):
        if job is not None:
            (jobs.cancel if do == "cancel" else jobs.resume)(job=job)
        return see_other(request.path)
    if request.method == "POST":
        try:
            if (answer := _done(request, shown["stands"], form, do)) is not None:
                return answer
            status = 422
        except Fault as fault:
            status, shown = fault.status, order_page(task) | {"fault": fault}
    elif request.htmx and request.htmx.target == "ordering" and job is None:  # type: ignore[attr-defined]
        return HttpResponse(headers={"HX-Refresh": "true"})  # the order stands: the whole page tells of it
    elif job is not None and (same := unchanged(request, job.version)):
        return same
    chosen = form.data.get("order", "") if form.is_bound else form.initial["order"]
    context = frame(task) | shown | {"form": form, "chosen": chosen, "words": WORDS}
    return page(request, "selection/task_order.html", context, part="progress", status=status)


def _done(request: HttpRequest, stands: Ordering | None, form: OrderForm, do: str) -> HttpResponse | None:
    """The answer, or None where the form is not valid. Raises `Fault`."""
    by = request.user
    if do == "undo" and stands is not None:
        job = actions.undo(ordering=stands, by=by)  # type: ignore[arg-type]
        messages.info(
            request, "The earlier order is being brought back." if job else "The queue has its earlier order again."
        )
        return see_other(request.path)
    task = access.task(by, request.resolver_match.kwargs["task_id"], access.CURATE)  # type: ignore[arg-type, union-attr]
    if do == "again" and stands is not None:
        made = actions.start(task=task, by=by, order=stands.order, params=stands.params)  # type: ignore[arg-type]
    elif form.is_valid():
        made = actions.start(task=task, by=by, order=form.cleaned_data["order"])  # type: ignore[arg-type]
    else:
        return None
    if made.job is None or made.job.state == Job.State.SUCCEEDED:
        messages.info(request, f"The queue has a new order: {made.get_order_display().lower()}.")
    return see_other(request.path)
