"""Pages of versions: counts and rows, a row with its lineage, differences, downloads."""

import json

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config import storage
from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members, reads
from curation import access, lineage, packing, parts, queries_hub
from curation import queries_datasets as queries
from curation.actions import datasets as actions
from curation.formats.training import TRAINING
from curation.forms.datasets import VersionForm
from curation.models import DatasetVersion, Team
from curation.views.shared import team_frame
from jobs import actions as jobs
from jobs.queries import progress


@members
def dataset_version(request: HttpRequest, dataset_id: int, number: int) -> HttpResponse:
    """`do`: describe, restore, delete, export (with `format`), cancel, resume. `?compare=`: the number of another one."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.dataset_version(request.user, dataset_id, number, need)  # type: ignore[arg-type]
    form = VersionForm(
        request.POST if request.POST.get("do") == "describe" else None,
        initial={"changelog": found.changelog, "tags": found.tags},
    )
    if request.method == "POST" and (answer := _deed(request, found, form)) is not None:
        return answer
    context = team_frame(found.dataset.team) | {
        "dataset": found.dataset,
        "version": found,
        "form": form,
        "job": found.job,
    }
    if not found.is_frozen:
        if request.htmx and found.job is not None and (same := unchanged(request, found.job.version)) is not None:  # type: ignore[attr-defined]
            return same
        context["passes"] = progress(found.job) if found.job is not None else []
        context["resume_url"] = queries.resume_url(found.job, found.get_absolute_url())
        return page(request, "curation/dataset_version_open.html", context, part="progress")
    if request.htmx and request.htmx.target == "progress":  # type: ignore[attr-defined]
        return HttpResponse(headers={"HX-Refresh": "true"})
    if (other := request.GET.get("compare", "")).isdecimal() and len(other) < 10:
        numbers = sorted([found.number, int(other)], reverse=True)
        return see_other(reverse("dataset_diff", args=[found.dataset_id, *numbers]))
    named = {name: request.GET.get(name, "")[:300] for name in ("after", "split", "source")}
    context |= queries.version_page(found, **named) | {"pushes": queries_hub.pushes_of(found)}
    part = "exports" if request.htmx and request.htmx.target == "exports" else "rows"  # type: ignore[attr-defined]
    status = 422 if form.errors else 200
    return page(request, "curation/dataset_version.html", context, part=part, status=status)


def _deed(request: HttpRequest, found: DatasetVersion, form: VersionForm) -> HttpResponse | None:
    do, by = request.POST.get("do"), request.user
    if do == "describe":
        if not form.is_valid():
            return None
        try:
            actions.describe(version=found, by=by, **form.cleaned_data)  # type: ignore[arg-type]
        except Fault as fault:
            form.add_error("tags", f"{fault.what} {fault.advice}")
            return None
    elif do == "restore":
        made = actions.restore(version=found, by=by)  # type: ignore[arg-type]
        messages.info(request, f"Version {made.number} is version {found.number} again.")
        return see_other(made.get_absolute_url())
    elif do == "delete":
        actions.delete_version(version=found, by=by)  # type: ignore[arg-type]
        messages.info(request, f"Version {found.number} is deleted.")
        return see_other(found.dataset.get_absolute_url())
    elif do == "export":
        actions.export(version=found, format=request.POST.get("format", ""), by=by)  # type: ignore[arg-type]
        return see_other(f"{found.get_absolute_url()}#exports")
    elif do in ("cancel", "resume") and found.job is not None and not found.is_frozen:
        (jobs.cancel if do == "cancel" else jobs.resume)(job=found.job)
    else:
        raise Http404
    return see_other(found.get_absolute_url())


@reads
def dataset_row(request: HttpRequest, dataset_id: int, number: int) -> HttpResponse:
    """One row (`?key=`, else the first one) and where it came from."""
    found = _frozen(request, dataset_id, number)
    key = request.GET.get("key", "")[:600] or (found.parts[0]["first"] if found.parts else "")
    row = parts.one(found.parts, key)
    if row is None:
        raise Http404
    team = found.dataset.team
    context = team_frame(team) | {
        "dataset": found.dataset, "version": found, "links": lineage.back(team, row), **queries.shown(row),
        "others": [one for one in lineage.forward(team, [row.key]) if one.version.pk != found.pk],
        "raw": json.dumps(dict(row.lineage), indent=2, ensure_ascii=False, sort_keys=True),
    }  # fmt: skip
    return page(request, "curation/dataset_row.html", context)


@reads
def row_versions(request: HttpRequest, slug: str) -> HttpResponse:
    """The versions that hold an example (`?example=`) or a row of a pool (`?pool=&key=`)."""
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    keys, title, url = _asked(request, team)
    context = team_frame(team) | {
        "holdings": lineage.forward(team, keys),
        "title": title,
        "url": url,
        "asked": bool(keys),
    }
    return page(request, "curation/row_versions.html", context)


def _asked(request: HttpRequest, team: Team) -> tuple[list[str], str, str]:
    numbers = {
        name: int(text)
        for name in ("example", "pool")
        if (text := request.GET.get(name, "")).isdecimal() and len(text) < 16
    }
    key = request.GET.get("key", "")[:600]
    if "example" in numbers:
        example = access.example(request.user, numbers["example"])  # type: ignore[arg-type]
        if example.task.team_id != team.pk:
            raise Http404
        return lineage.keys_of_example(example), f"{example.key} of {example.task}", example.get_absolute_url()
    if "pool" in numbers and key:
        return lineage.keys_of_pool_row(team, numbers["pool"], key), key, ""
    return ([key], key, "") if key else ([], "", "")


@reads
def dataset_diff(request: HttpRequest, dataset_id: int, number: int, other: int) -> HttpResponse:
    """What changed from version `other` to this one; `?kind=added|removed|changed`."""
    found = _frozen(request, dataset_id, number)
    before = _frozen(request, dataset_id, other)
    kind = request.GET.get("kind", "")
    if kind not in ("", "added", "removed", "changed"):
        raise Http404
    context = team_frame(found.dataset.team) | {"dataset": found.dataset, "version": found, "before": before}
    context["others"] = queries.others_of(found)
    context |= queries.diff_page(before, found, start=request.GET.get("after", "")[:600], kind=kind)
    return page(request, "curation/dataset_diff.html", context, part="entries")


@reads
def dataset_manifest(request: HttpRequest, dataset_id: int, number: int) -> HttpResponse:
    found = _frozen(request, dataset_id, number)
    text = json.dumps(found.manifest, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    answer = HttpResponse(text, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{packing.name_of(found)}.run.json"'
    return answer


@reads
def dataset_download(request: HttpRequest, dataset_id: int, number: int, training: str) -> FileResponse:
    """The packed folder of a format, once a job has made it."""
    found = _frozen(request, dataset_id, number)
    made = found.exports.filter(format=training).exclude(path="").first()
    if training not in TRAINING or made is None:
        raise Http404
    return FileResponse(
        storage.open_file(made.path), as_attachment=True, filename=f"{packing.name_of(found)}-{training}.zip"
    )


def _frozen(request: HttpRequest, dataset_id: int, number: int) -> DatasetVersion:
    found = access.dataset_version(request.user, dataset_id, number)  # type: ignore[arg-type]
    actions.need_frozen(found)
    return found
