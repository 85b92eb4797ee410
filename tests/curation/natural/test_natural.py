"""Natural Instructions files go in and come out equal."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation import natural
from curation.actions.natural import export_natural, import_natural
from curation.models import Example, Task
from tests.curation import made_tasks as made

FILE = {
    "Contributors": ["A"], "Source": ["own"], "URL": [], "Categories": ["Summarization"], "Reasoning": [],
    "Definition": ["First part.", "Second part."], "Input_language": ["English"], "Output_language": ["English"],
    "Instruction_language": ["English"], "Domains": ["Medicine -> Letters"], "Odd": {"kept": [1, None]},
    "Positive Examples": [{"input": "i", "output": "o", "explanation": "e", "note": 7}],
    "Negative Examples": [{"input": "i2", "output": "o2"}],
    "Instances": [
        {"id": "x-1", "input": "first", "output": ["one", "uno"]},
        {"id": "x-1", "input": "the same id", "output": ["two"], "difficulty": 3},
        {"input": "no id, a text", "output": "three"},
        {"id": "x-4", "input": "", "output": [""]},
    ],
    "Instance License": ["MIT", "CC-BY-4.0"],
}  # fmt: skip


def through(team, by, data, name="task1_test.json"):
    task = import_natural(team=team, by=by, raw=json.dumps(data).encode(), name=name)
    return task, json.loads(b"".join(export_natural(task)))


@pytest.mark.parametrize(
    "change",
    [{}, {"Definition": "As a text."}, {"Instance License": "MIT"}, {"Categories": "one"}, {"Negative Examples": []}],
    ids=str,
)
def test_a_file_comes_out_as_it_went_in(cast, change):
    data = FILE | change
    assert natural.write(natural.read(json.dumps(data).encode(), "x.json")) == data
    assert through(cast.team, cast.curator, data)[1] == data


@pytest.mark.parametrize(
    "missing", ["Domains", "Negative Examples", "Instance License", "Reasoning", "Output_language"]
)
def test_a_missing_field_stays_missing(cast, missing):
    data = {key: value for key, value in FILE.items() if key != missing}
    assert through(cast.team, cast.curator, data)[1] == data


def test_all_real_files_come_out_equal_through_the_database(cast, shared):
    files = sorted((shared / "natural_instructions").glob("*.json"))
    assert len(files) == 30
    for file in files:
        data = json.loads(file.read_bytes())
        task, out = through(cast.team, cast.curator, data, file.name)
        assert out == data, file.name
        assert task.examples.filter(state="accepted").count() == len(data["Instances"])


def test_what_is_edited_is_in_the_export(cast):
    task, _ = through(cast.team, cast.curator, FILE)
    Task.objects.filter(pk=task.pk).update(definition="New words.", licence="CC0")
    task.refresh_from_db()
    out = json.loads(b"".join(export_natural(task)))
    assert (out["Definition"], out["Instance License"]) == (["New words."], ["CC0"])
    assert out["Odd"] == FILE["Odd"]


def test_a_task_made_here_is_a_valid_file(cast):
    task = made.task(cast.team)
    made.examples(task, 2, answer={"output": "Well."})
    out = json.loads(b"".join(export_natural(task)))
    assert out["Definition"] == [task.definition]
    assert [one["id"] for one in out["Instances"]] == ["letter-0", "letter-1"]
    natural.read(json.dumps(out).encode(), "x.json")


@pytest.mark.parametrize(("outputs_as", "field"), [("suggestion", "suggestion"), ("gold", "gold")])
def test_outputs_can_be_suggestions_or_gold(cast, outputs_as, field):
    import_natural(team=cast.team, by=cast.curator, raw=json.dumps(FILE).encode(), name="t.json", outputs_as=outputs_as)
    first = Example.objects.order_by("pk").first()
    found = getattr(first, field)
    assert (found.get("answer") or found) == {"output": "one"}
    assert "outputs" not in first.content


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"Definition": ["x"],\n "Instances": [', "Line 2, column"),
        (b"[]", "The file"),
        (b'{"Definition": ["x"]}', "has no Instances"),
        (b'{"Definition": 7, "Instances": []}', "Definition"),
        (b'{"Definition": "x", "Instances": {}}', "Instances"),
        (b'{"Definition": "x", "Instances": [{"input": "a", "output": ["b"]}, {"input": 5, "output": []}]}', "Instances[1].input"),
        (b'{"Definition": "x", "Instances": [{"input": "a", "output": [null]}]}', "Instances[0].output[0]"),
        (b'{"Definition": "x", "Instances": [{"input": "a\\u0000", "output": []}]}', "Instances[0].input"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)  # fmt: skip
def test_bad_files_name_the_place_and_leave_nothing(as_, cast, raw, place):
    good = SimpleUploadedFile("good.json", json.dumps(FILE).encode())
    bad = SimpleUploadedFile("bad.json", raw)
    answer = as_("curator").post(
        reverse("task_import", args=["ward"]), {"task_files": [bad, good], "outputs_as": "accepted"}
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "bad.json is not brought in" in page
    assert place in page
    assert list(Task.objects.values_list("name", flat=True)) == ["good"]


def test_a_taken_name_gets_a_number_and_strangers_stay_out(as_, cast):
    url = reverse("task_import", args=["ward"])
    for _ in range(2):
        file = SimpleUploadedFile("task9.json", json.dumps(FILE).encode())
        assert as_("curator").post(url, {"task_files": [file], "outputs_as": "accepted"}).status_code == 303
    assert set(Task.objects.values_list("name", flat=True)) == {"task9", "task9 (2)"}
    task = Task.objects.first()
    assert as_("annotator").post(url, {}).status_code == 403
    answer = as_("viewer").get(reverse("task_natural", args=[task.pk]))
    assert json.loads(b"".join(answer.streaming_content)) == FILE
    assert as_("stranger").get(reverse("task_natural", args=[task.pk])).status_code == 404


def test_a_longer_file_costs_no_more_queries(cast):
    counts = []
    for size in (3, 300):
        data = FILE | {"Instances": [{"id": f"n{n}", "input": str(n), "output": ["x"]} for n in range(size)]}
        with CaptureQueriesContext(connection) as queries:
            import_natural(team=cast.team, by=cast.curator, raw=json.dumps(data).encode(), name=f"t{size}.json")
        counts.append(len(queries))
    assert counts[0] == counts[1]
