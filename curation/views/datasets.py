"""Pages of datasets: list, recipe with its live preview, one dataset with its versions."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members, reads
from curation import access
from curation import queries_datasets as queries
from curation.actions import datasets as actions
from curation.datasets import recipe as recipes
from curation.datasets import splits as splitting
from curation.datasets.recipe import RecipeError
from curation.forms.datasets import RecipeForm, initial_of, said, sources_in, value_of
from curation.models import Dataset, Team
from curation.previewing_datasets import preview
from curation.views.shared import team_frame
from jobs import actions as jobs


@reads
def datasets(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    return page(request, "curation/datasets.html", team_frame(team) | queries.datasets_page(team))


@members
def dataset_new(request: HttpRequest, slug: str) -> HttpResponse:
    """The recipe builder. A POST without `do=save` shows what the recipe would give."""
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    return _builder(request, team, None)


@members
def dataset_recipe(request: HttpRequest, dataset_id: int) -> HttpResponse:
    found = access.dataset(request.user, dataset_id, access.CURATE)  # type: ignore[arg-type]
    return _builder(request, found.team, found)


def _builder(request: HttpRequest, team: Team, dataset: Dataset | None) -> HttpResponse:
    posted = request.method == "POST"
    fixed = dataset is not None and dataset.versions.exclude(sha256="").exists()
    recipe = dataset.recipe if dataset is not None else {}
    initial = initial_of(recipe, dataset.splits if dataset is not None else {})
    initial |= {"name": dataset.name, "description": dataset.description} if dataset is not None else {}
    form = RecipeForm(request.POST if posted else None, initial=initial, fixed=fixed)
    sources, wrong = sources_in(request.POST) if posted else (recipe.get("sources", []), [])
    context: dict[str, Any] = team_frame(team) | {"dataset": dataset, "form": form, "fixed": fixed}
    saving = posted and request.POST.get("do") == "save"
    if posted and not saving:
        form.fields["name"].required = False  # a preview does not ask for it
    valid = posted and form.is_valid()
    choices = queries.choices(team)
    given = form.recipe(sources) if valid else {**recipe, "sources": sources} if not posted else None
    splits = (form.splits() if valid else None) or (dataset.splits if dataset is not None else {})
    wrong = [*wrong, *([_first(form)] if posted and not valid else [])]
    if given is not None and not wrong:
        wrong = _trouble(given, splits, form, _names(sources, choices))
    if saving and wrong and valid:
        form.add_error(None, wrong[0])
    if saving and valid and not wrong:
        try:
            return see_other(_saved(request, team, dataset, form, sources).get_absolute_url())
        except Fault as fault:
            form.add_error("name" if fault.code == "dataset.name_taken" else None, f"{fault.what} {fault.advice}")
    if wrong:
        context["wrong"] = wrong[0]
    elif given is not None and sources:
        context |= _preview(team, given, splits)
    context["choices"] = _ticked(choices, sources, request)
    context["revision"] = request.POST.get("revision", dataset.revision if dataset is not None else 0)
    return page(
        request, "curation/dataset_recipe.html", context, part="preview", status=422 if saving and form.errors else 200
    )  # fmt: skip


def _first(form: RecipeForm) -> str:
    """What is wrong with the form, as the panel of counts says it: by the field's name."""
    for name, errors in form.errors.items():
        return f"{form[name].label}: {errors[0]}" if name in form.fields else str(errors[0])
    return ""


def _names(sources: list[dict[str, Any]], choices: list[dict[str, Any]]) -> list[str]:
    """What the table calls the sources of a recipe."""
    known = {one["value"]: one["name"] for one in choices}
    return [
        known.get(value_of(one), f"Source {n}") + (" (rejected)" if one.get("state") == "rejected" else "")
        for n, one in enumerate(sources, 1)
    ]


def _trouble(given: dict[str, Any], splits: dict[str, Any], form: RecipeForm, names: list[str]) -> list[str]:
    """Why the recipe cannot be followed, before anybody looks at rows."""
    try:
        recipes.parse(given)
        splitting.parse(splits)
    except RecipeError as error:
        return [said(error, form, names)]
    return []


def _preview(team: Team, given: dict[str, Any], splits: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"preview": preview(team, recipes.parse(given), splitting.parse(splits))}
    except Fault as fault:
        return {"wrong": f"{fault.what} {fault.advice}"}


def _ticked(choices: list[dict[str, Any]], sources: list[dict[str, Any]], request: HttpRequest) -> list[dict[str, Any]]:
    """The table of sources as it stands: what was posted, else what was saved."""
    saved = {value_of(one): one for one in sources if one.get("state") != "rejected"}
    rejected = {value_of(one) for one in sources if one.get("state") == "rejected"}
    for one in choices:
        mine = saved.get(one["value"], {})
        one["ticked"], one["with_rejected"] = one["value"] in saved, one["value"] in rejected
        for name in ("weight", "share", "cap"):
            value = mine.get(name)
            if name == "share" and value is not None:
                value = round(100 * value * (2 if one["with_rejected"] else 1), 4)
            one[name] = request.POST.get(
                f"{name}-{one['value']}", "" if value in (None, 1.0) and name != "share" else value or ""
            )
    return sorted(choices, key=lambda one: not one["ticked"])


def _saved(
    request: HttpRequest, team: Team, dataset: Dataset | None, form: RecipeForm, sources: list[dict[str, Any]]
) -> Dataset:
    data, splits = form.cleaned_data, form.splits()
    fields: dict[str, Any] = {"name": data["name"], "description": data["description"], "recipe": form.recipe(sources)}
    if splits is not None:
        fields["splits"] = splits
    if dataset is None:
        return actions.create(team=team, by=request.user, **fields)  # type: ignore[arg-type]
    revision = request.POST.get("revision", "")
    return actions.change(
        dataset=dataset, by=request.user, revision=int(revision) if revision.isdecimal() else 0, **fields  # type: ignore[arg-type]
    )  # fmt: skip


@members
def dataset(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """`do`: freeze, cancel, resume, delete."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.dataset(request.user, dataset_id, need)  # type: ignore[arg-type]
    if request.method == "POST":
        return _deed(request, found)
    context = team_frame(found.team) | {"dataset": found} | queries.dataset_page(found)
    job = context["job"]
    if request.htmx and request.htmx.target == "freezing":  # type: ignore[attr-defined]
        if job is None:
            return HttpResponse(headers={"HX-Refresh": "true"})  # the version is there: the page shows it
        if (same := unchanged(request, job.version)) is not None:
            return same
    context["limits"] = queries.limits(found)
    return page(request, "curation/dataset.html", context, part="progress")


def _deed(request: HttpRequest, found: Dataset) -> HttpResponse:
    do, by = request.POST.get("do"), request.user
    if do == "freeze":
        actions.freeze(dataset=found, by=by, changelog=request.POST.get("changelog", ""))  # type: ignore[arg-type]
    elif do in ("cancel", "resume"):
        running = found.versions.filter(deleted_at=None).select_related("job").order_by("-number").first()
        if running is not None and not running.is_frozen and running.job is not None:
            (jobs.cancel if do == "cancel" else jobs.resume)(job=running.job)
    elif do == "delete":
        actions.delete(dataset=found, by=by)  # type: ignore[arg-type]
        messages.info(request, f"{found.name} is deleted. Files that went out stay where they are.")
        return see_other(reverse("datasets", args=[found.team.slug]))
    else:
        raise Http404
    return see_other(found.get_absolute_url())
