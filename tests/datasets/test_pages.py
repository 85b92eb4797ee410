"""The pages: the recipe with its preview, a version from freezing to download, differences, lineage, collections."""

import io
import json
import re
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from curation.actions import datasets as actions
from curation.models import Collection, Dataset, DatasetVersion, Example
from jobs.models import Step
from jobs.runner import run_job
from tests.datasets import made

pytestmark = pytest.mark.django_db(transaction=True)
FIELDS = {
    "name": "Letters", "mix": "all", "duplicates": "drop", "shares": "train 80, test 20", "group": "prompt",
    "balance_rest": "drop",
}  # fmt: skip


def text(answer):
    return answer.content.decode()


def test_an_empty_team_sees_what_a_dataset_is(cast, as_):
    answer = as_("curator").get(reverse("datasets", args=[cast.team.slug]))
    assert "No dataset yet" in text(answer)
    shown = text(as_("curator").get(reverse("dataset_new", args=[cast.team.slug])))
    assert "There is nothing to make a dataset of yet" in shown
    for name in ("task_new", "runs", "collection_new"):
        assert f'class="button" href="{reverse(name, args=[cast.team.slug])}"' in shown


def test_the_preview_follows_the_form_and_saves_nothing(cast, as_):
    task = made.task(cast.team, 30, licence="CC-BY-4.0")
    client, url = as_("curator"), reverse("dataset_new", args=[cast.team.slug])
    assert task.name in text(client.get(url))
    htmx = {"HX-Request": "true", "HX-Target": "preview"}
    fields = FIELDS | {"name": "", "use": f"task-{task.pk}", "balance_by": "tag", "balance_counts": "odd: 5\neven: 40"}
    part = text(client.post(url, fields, headers=htmx))
    assert "<html" not in part
    assert "20" in part
    assert "even: 15 of the 40 rows asked for are there" in part
    assert "CC-BY-4.0" in part
    assert not Dataset.objects.exists()
    part = text(client.post(url, fields | {"licences": "MIT"}, headers=htmx))
    assert "30 refused by the filter of licence" in part
    part = text(client.post(url, fields | {f"cap-task-{task.pk}": "many"}, headers=htmx))
    assert "The cap of a source is no number" in part
    part = text(client.post(url, fields | {"mix": "share", f"share-task-{task.pk}": "60"}, headers=htmx))
    assert "The sources have shares that do not add up to 100 %" in part
    part = text(client.post(url, fields | {"mix": "share"}, headers=htmx))
    assert f"{task.name}: its share is missing." in part
    assert "sources[" not in part
    part = text(client.post(url, fields | {f"share-task-{task.pk}": "600"}, headers=htmx))
    assert "share" not in part.split('id="preview"')[1].split("</dl>")[0], "it counts only where the mix goes by share"
    part = text(client.post(url, fields | {"min_chars": "9", "max_chars": "5"}, headers=htmx))
    assert "“At least so many characters” is above the most." in part
    part = text(client.post(url, fields | {"balance_by": "", "cap_source": "9"}, headers=htmx))
    assert "30 candidates" in part
    assert "18 left after caps" in part
    for name, value, said in [
        ("rows", "-3", "Most rows: Use 1 or more."),
        ("rows", "some", "Most rows: Use a whole number."),
        ("balance_counts", "letters two hundred", "How many of each: Line 1 is no name and number."),
        ("shares", "hello", "Splits, in percent: “hello” is no split."),
    ]:
        part = text(client.post(url, fields | {name: value}, headers=htmx))
        assert said in part
        assert "Tick a source" not in part


def test_the_splits_of_a_preview_add_up_to_its_rows(cast, as_):
    task = made.task(cast.team, 5)
    fields = FIELDS | {"use": f"task-{task.pk}", "shares": "train 80, validation 10, test 10"}
    headers = {"HX-Request": "true", "HX-Target": "preview"}
    part = text(as_("curator").post(reverse("dataset_new", args=[cast.team.slug]), fields, headers=headers))
    assert re.findall(r"about (\d+)", part) == ["4", "1", "0"]


def test_what_is_wrong_with_a_source_is_said_by_its_name_also_when_saving(cast, as_):
    task = made.task(cast.team, 5)
    fields = FIELDS | {"use": f"task-{task.pk}", "do": "save", f"weight-task-{task.pk}": "0"}
    answer = as_("curator").post(reverse("dataset_new", args=[cast.team.slug]), fields)
    assert answer.status_code == 422
    assert f"{task.name}: its weight is not between 0.001 and 1000." in text(answer)
    assert "sources[" not in text(answer)


def test_a_dataset_is_made_frozen_tagged_exported_and_deleted(cast, as_):
    task = made.task(cast.team, 30)
    client = as_("curator")
    answer = client.post(
        reverse("dataset_new", args=[cast.team.slug]),
        FIELDS | {"use": f"task-{task.pk}", "do": "save", "max_chars": "5000"},
    )
    dataset = Dataset.objects.get()
    assert answer.status_code == 303
    assert dataset.recipe["filters"]["max_chars"] == 5000
    assert dataset.splits["shares"] == [["train", 0.8], ["test", 0.2]]
    home = dataset.get_absolute_url()
    assert task.name in text(client.get(home))
    assert client.post(home, {"do": "freeze", "changelog": "The first."}).status_code == 303
    version = DatasetVersion.objects.get()
    assert "Freezing" in text(client.get(home))
    assert "Not frozen yet" in text(client.get(version.get_absolute_url()))
    run_job(version.job)
    assert "The first." in text(client.get(home))
    page = version.get_absolute_url()
    shown = text(client.get(page))
    assert "Dear Dr Hall, letter 0" in shown
    assert "No row of one split stands in another" in shown
    assert client.post(page, {"do": "describe", "changelog": "Better.", "tags": "v1-paper"}).status_code == 303
    assert client.post(page, {"do": "describe", "tags": "7"}).status_code == 422
    assert client.post(page, {"do": "export", "format": "alpaca"}).status_code == 303
    run_job(version.exports.get().job)
    assert "Download" in text(client.get(page))
    got = client.get(reverse("dataset_download", args=[dataset.pk, 1, "alpaca"]))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(got.streaming_content)))
    assert "letters-v1/train.jsonl" in archive.namelist()
    assert client.get(reverse("dataset_download", args=[dataset.pk, 1, "csv"])).status_code == 404
    manifest = json.loads(client.get(reverse("dataset_manifest", args=[dataset.pk, 1])).content)
    assert manifest["rows"] == 30
    refused = client.post(page, {"do": "delete"})
    assert refused.status_code == 409
    assert "v1-paper" in text(refused)
    client.post(page, {"do": "describe", "tags": ""})
    assert client.post(page, {"do": "delete"}).status_code == 303
    assert client.get(page).status_code == 404
    assert client.post(home, {"do": "delete"}).status_code == 303
    assert client.get(home).status_code == 404


def test_only_the_newest_freeze_has_a_panel_and_the_list_follows_it(cast, as_):
    task = made.task(cast.team, 30)
    dataset = made.dataset(cast.team, made.source(task), filters={"min_chars": 100_000})
    client, home, htmx = as_("curator"), dataset.get_absolute_url(), {"HX-Request": "true", "HX-Target": "freezing"}
    first = made.frozen(dataset)
    assert sum(Step.objects.filter(job=first.job, pass_index=0).values_list("total", flat=True)) == 30
    for page in (home, first.get_absolute_url()):
        shown = text(client.get(page))
        assert "No row is left" in shown
        assert 'value="resume"' not in shown, "it could only fail again"
    refused = client.get(reverse("version_push", args=[dataset.pk, 1]))
    assert refused.status_code == 409
    assert "was never frozen" in text(refused)
    assert "Wait" not in text(refused)
    panel = text(client.get(home, headers=htmx))
    assert '<h2 id="freezing-title">Version 1</h2>' in panel
    assert reverse("dataset_recipe", args=[dataset.pk]) in panel
    actions.change(dataset=dataset, by=None, revision=dataset.revision, recipe={"sources": [made.source(task)]})
    second = actions.freeze(dataset=dataset, by=None)
    panel = text(client.get(home, headers=htmx))
    assert (
        panel.index("Version 2") < panel.index("Waiting for a worker") < panel.index('id="versions" hx-swap-oob="true"')
    )
    assert "No row is left" not in panel
    assert client.post(home, {"do": "cancel"}).status_code == 303
    second.job.refresh_from_db()
    assert second.job.state == "cancelled", "the newest one"
    client.post(home, {"do": "resume"})
    run_job(second.job)
    assert client.get(home, headers=htmx)["HX-Refresh"] == "true"
    shown = text(client.get(home))
    assert "No row is left" not in shown
    assert "30 rows" in shown
    client.post(home, {"do": "cancel"})
    first.job.refresh_from_db()
    assert first.job.state == "failed"


def test_splits_are_fixed_and_a_stale_recipe_is_refused(cast, as_):
    task = made.task(cast.team, 10)
    dataset = made.dataset(cast.team, made.source(task))
    made.frozen(dataset)
    client, url = as_("curator"), reverse("dataset_recipe", args=[dataset.pk])
    assert "The splits are fixed" in text(client.get(url))
    fields = {**FIELDS, "use": f"task-{task.pk}", "do": "save", "revision": "1", "rows": "5"}
    assert client.post(url, fields).status_code == 303
    again = client.post(url, fields | {"rows": "6"})
    assert again.status_code == 422
    assert "Somebody saved this dataset" in text(again)
    dataset.refresh_from_db()
    assert dataset.recipe["rows"] == 5


def test_differences_show_texts_and_lineage_leads_back_and_forward(cast, as_):
    task = made.task(cast.team, 12)
    dataset = made.dataset(cast.team, made.source(task))
    first = made.frozen(dataset)
    example = task.examples.get(key="letter-3")
    Example.objects.filter(pk=example.pk).update(
        content=dict(example.content) | {"outputs": ["Dear patient three."]}, revision=2
    )
    task.examples.filter(key="letter-4").delete()
    made.more(task, 2, start=12)
    second = made.frozen(dataset)
    assert second.counts["since"] == {"version": 1, "added": 2, "removed": 1, "changed": 1}
    client = as_("viewer")
    shown = text(client.get(reverse("dataset_diff", args=[dataset.pk, 2, 1])))
    assert "2 added, 1 removed, 1 changed" in shown
    assert "<ins>three</ins>" in shown
    changed = text(client.get(reverse("dataset_diff", args=[dataset.pk, 2, 1]) + "?kind=changed"))
    assert "letter-3" in changed
    assert "letter-12" not in changed
    key = f"t{task.pk}/letter-3"
    row = text(client.get(reverse("dataset_row", args=[dataset.pk, 2]), {"key": key}))
    assert "letters.jsonl" in row
    assert "line 4" in row
    assert example.get_absolute_url() in row
    assert str(first) in row
    assert "<span data-toast-text></span>" in row, "the row is no news"
    assert client.get(reverse("dataset_row", args=[dataset.pk, 2]), {"key": "t0/none"}).status_code == 404
    link = reverse("row_versions", args=[cast.team.slug]) + f"?example={example.pk}"
    assert f'href="{link}"' in client.get(example.get_absolute_url()).content.decode()
    found = text(client.get(link))
    assert str(first) in found
    assert str(second) in found
    assert "No version of this team" in text(client.get(reverse("row_versions", args=[cast.team.slug]), {"key": "x"}))


def test_any_two_versions_are_compared_from_the_page_of_either(cast, as_):
    task = made.task(cast.team, 4)
    dataset = made.dataset(cast.team, made.source(task))
    first, client = made.frozen(dataset), as_("viewer")
    assert "Compare" not in text(client.get(first.get_absolute_url()))
    for n in (4, 5):
        made.more(task, 1, start=n)
        made.frozen(dataset)
    third = dataset.versions.get(number=3)
    page = client.get(third.get_absolute_url())
    assert page.content.decode().count('<option value="1"') == 1
    assert '<option value="2" selected' in page.content.decode()
    assert '<option value="3"' not in page.content.decode()
    for place, other in ((third.get_absolute_url(), 1), (first.get_absolute_url(), 3)):
        answer = client.get(place, {"compare": other})
        assert (answer.status_code, answer.url) == (303, reverse("dataset_diff", args=[dataset.pk, 3, 1]))
    shown = client.get(answer.url)
    assert "From version 1 to version 3" in text(shown)
    assert "2 added, 0 removed, 0 changed" in text(shown)
    assert '<option value="1" selected' in shown.content.decode()
    assert client.get(third.get_absolute_url(), {"compare": 9}, follow=True).status_code == 404
    assert client.get(third.get_absolute_url(), {"compare": "x"}).status_code == 200


def test_a_file_becomes_a_collection_and_part_of_a_version(cast, as_):
    rows = [{"prompt": f"Question {n}", "completion": f"Answer {n}", "license": "MIT" if n else ""} for n in range(20)]
    raw = "\n".join(json.dumps(row) for row in rows).encode()
    client = as_("curator")
    sent = {"name": "Extra", "licence": "CC0-1.0", "file": SimpleUploadedFile("extra.jsonl", raw)}
    answer = client.post(reverse("collection_new", args=[cast.team.slug]), sent)
    found = Collection.objects.get()
    assert answer.url == found.get_absolute_url()
    assert "How shall" in text(client.get(answer.url))
    bad = client.post(answer.url, {"instruction": "nowhere", "do": "start"})
    assert bad.status_code == 422
    assert client.post(answer.url, {"instruction": "prompt", "output": "completion", "do": "start"}).status_code == 303
    found.refresh_from_db()
    run_job(found.job)
    found.refresh_from_db()
    assert found.rows == 20, found.job.error_what
    assert found.facts["licence"] == {"MIT": 19, "CC0-1.0": 1}
    assert "Question 7" in text(client.get(answer.url))
    dataset = made.dataset(cast.team, {"kind": "collection", "id": found.pk}, filters={"licences": ["mit"]})
    version = made.frozen(dataset)
    assert version.rows == 19
    refused = client.post(answer.url, {"do": "delete"})
    assert refused.status_code == 409
    assert "It is a source of Letters" in text(refused)
    assert reverse("dataset_recipe", args=[dataset.pk]) in text(refused)
    assert "Question 7" in text(refused), "it stays on its page"
    actions.delete(dataset=dataset, by=None)
    assert client.post(answer.url, {"do": "delete"}).status_code == 303
    assert client.get(answer.url).status_code == 404


def test_a_file_that_cannot_be_read_asks_for_another_mapping_by_itself(cast, as_):
    rows = "".join(
        json.dumps({"prompt": f"Question {n}"} | ({"answer": "Yes"} if n % 2 else {})) + "\n" for n in range(4)
    )
    client = as_("curator")
    sent = {"name": "Half", "file": SimpleUploadedFile("half.jsonl", rows.encode())}
    url = client.post(reverse("collection_new", args=[cast.team.slug]), sent).url
    client.post(url, {"instruction": "prompt", "output": "answer", "do": "start"})
    htmx = {"HX-Request": "true", "HX-Target": "progress"}
    assert "Waiting for a worker" in text(client.get(url, headers=htmx))
    found = Collection.objects.get()
    run_job(found.job)
    assert client.get(url, headers=htmx)["HX-Refresh"] == "true"
    shown = text(client.get(url))
    assert "Too many rows are bad" in shown
    assert "How shall" in shown


def test_the_share_of_a_task_with_its_rejected_rows_is_asked_for_once(cast, as_):
    task, other = made.task(cast.team, 20), made.task(cast.team, 20, name="Other letters")
    task.examples.filter(key__in=[f"letter-{n}" for n in range(8)]).update(state="rejected")
    use = [f"task-{task.pk}", f"task-{other.pk}"]
    fields = FIELDS | {
        "use": use, f"rejected-{use[0]}": "1", "mix": "share", f"share-{use[0]}": "60", f"share-{use[1]}": "40", "do": "save",
    }  # fmt: skip
    client = as_("curator")
    assert client.post(reverse("dataset_new", args=[cast.team.slug]), fields).status_code == 303
    dataset = Dataset.objects.get()
    assert [(one["id"], one["state"], one["share"]) for one in dataset.recipe["sources"]] == [
        (task.pk, "accepted", 0.3), (task.pk, "rejected", 0.3), (other.pk, "accepted", 0.4),
    ]  # fmt: skip
    page = text(client.get(reverse("dataset_recipe", args=[dataset.pk])))
    assert f'name="share-{use[0]}" value="60.0"' in page
    assert f'name="rejected-{use[0]}" value="1" checked' in page
