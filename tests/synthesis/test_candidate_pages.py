"""The page of a run's candidates: groups, filters, deeds and their undoing, and the doors."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from curation.models import AuditEvent, Candidate, Example, Generation, Membership, Role
from curation.synthesis import arranging
from jobs.models import Job
from jobs.runner import run_job
from tests.synthesis import made

LETTER = "You came to hospital because your heart was beating too fast. We gave you tablets and you may go home on {}."
HOSTILE = (
    "<script>alert(1)</script> {{ task.name }} {% url 'home' %} <b onclick=x>bold</b> & more words that stand here"
)


@pytest.fixture
def run(cast, server):
    """A run that has ended, without one request: its candidates are put in by hand."""
    to = made.endpoint(cast.team, cast.owner, server.url)
    found = made.run(made.start(cast, to, 1))
    found.candidates.all().delete()
    return found


def put(run: Generation, texts: list[str], **fields) -> list[Candidate]:
    start = run.candidates.count()
    rows = [
        Candidate(
            generation=run, key=f"hand/{start + at}", state=fields.get("state", "kept"), why=fields.get("why", ""),
            content={"kind": "single", "instruction": "Summarise.", "input": f"Letter {start + at}", "outputs": [text]},
            verdicts=fields.get("verdicts", []), uses=[], parents=[f"source-{start + at}"],
        )
        for at, text in enumerate(texts)
    ]  # fmt: skip
    return Candidate.objects.bulk_create(rows)


DROPPED = {
    "state": "dropped", "why": "It is too short.",
    "verdicts": [{"filter": "length", "version": 1, "passed": False, "reason": "It is too short.", "value": 3.0,
                  "threshold": 20.0, "flag": False}],
}  # fmt: skip


@pytest.fixture
def filled(run):
    put(run, [LETTER.format(day) for day in ("Monday", "Tuesday", "Friday")])
    put(run, ["Your knee is sore. Rest it for two weeks and come back when it swells again."])
    put(run, ["No."], **DROPPED)
    arranging.arrange(Generation.objects.select_related("task").get(pk=run.pk))
    return run


@pytest.fixture
def client(cast):
    made = Client()
    made.force_login(cast.curator)
    return made


def url(run, query=""):
    return reverse("generation_candidates", args=[run.pk]) + query


def text_of(response):
    return response.content.decode()


def test_like_ones_stand_together_and_differences_are_marked(client, filled):
    page = client.get(url(filled))
    [letters, *others] = page.context["groups"]
    assert [len(group.rows) for group in (letters, *others)] == [3, 1, 1]
    assert (letters.size, letters.kept) == (3, 3)
    first, _second, _third = letters.rows
    assert first.is_first
    assert [part.before for part in first.parts] == [None, None]
    assert "<del>Letter 0</del>" not in text_of(page)
    assert re.search(r"<del>Monday</del>\s*<ins>Tuesday</ins>", text_of(page))
    assert page.context["shared"] == "Summarise."


def test_a_run_that_ends_is_put_into_groups_by_a_job(cast, server):
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 4))
    job = Job.objects.get(kind="candidates.arrange", params__generation=run.pk)
    run_job(job)
    assert sorted(run.candidates.values_list("place", flat=True)) == [0, 1, 2, 3]
    assert not run.candidates.filter(alike=None).exists()
    before = list(run.candidates.order_by("place").values_list("pk", "alike", "place", "chars", "label"))
    arranging.arrange(run)
    assert list(run.candidates.order_by("place").values_list("pk", "alike", "place", "chars", "label")) == before


def test_dropped_ones_say_why_with_value_and_threshold(client, filled):
    page = text_of(client.get(url(filled, "?state=dropped")))
    assert "It is too short." in page
    assert "3, threshold 20" in page
    assert page.count("data-row") == 1


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 5), ("?state=kept", 4), ("?state=dropped", 1), ("?state=in", 4), ("?state=taken", 0), ("?state=rescued", 0),
        ("?reason=length", 1), ("?reason=nothing", 0), ("?least=90", 3), ("?most=3", 1), ("?least=10&most=90", 1),
        ("?label=yes", 0), ("?state=nonsense", 5), ("?least=-1&most=x", 5), ("?page=99", 5), ("?page=%00&label=%00", 5),
    ],
)  # fmt: skip
def test_filters(client, filled, query, count):
    page = client.get(url(filled, query))
    assert page.status_code == 200
    assert page.context["count"] == count
    assert text_of(page).count("data-row>") == count


def test_labels_can_be_chosen(client, cast, server, run):
    from tests.curation import made_tasks

    run.task.form = [made_tasks.LABEL]
    run.task.save(update_fields=["form"])
    put(run, ["yes", "no", "yes", "perhaps"])
    arranging.arrange(Generation.objects.select_related("task").get(pk=run.pk))
    page = client.get(url(run, "?label=yes"))
    assert page.context["count"] == 2
    assert [(one["label"], one["n"]) for one in page.context["labels"]] == [("no", 1), ("yes", 2)]


def post(client, run, query="", **data):
    return client.post(url(run, query), data)


def test_drop_and_rescue_ticked_ones_and_take_it_back(client, filled):
    ids = list(filled.candidates.order_by("pk").values_list("pk", flat=True))
    page = client.post(url(filled, "?state=kept"), {"do": "drop", "candidate": ids[:2]}, follow=True)
    assert filled.candidates.filter(state="dropped").count() == 3
    assert "2 candidates dropped." in text_of(page)
    undo = page.context["done"]["undo"]
    page = client.post(undo, follow=True)
    assert "2 candidates are as they were." in text_of(page)
    assert set(filled.candidates.filter(pk__in=ids[:2]).values_list("state", "why")) == {("kept", "")}
    one = filled.candidates.get(pk=ids[0])
    assert [verdict["reason"] for verdict in one.verdicts] == ["Dropped by hand.", "Taken back."]
    assert (made.fresh(filled).kept, filled.dropped) == (4, 1)
    page = client.post(undo, follow=True)
    assert "Nothing was taken back" in text_of(page)
    client.post(url(filled), {"do": f"rescue {ids[4]}"})
    rescued = filled.candidates.get(pk=ids[4])
    assert (rescued.state, rescued.why) == ("rescued", "")
    assert AuditEvent.objects.filter(action="candidates.undone").count() == 1


def test_what_was_rescued_is_dropped_again_with_its_reason_by_undo(client, filled):
    one = filled.candidates.get(state="dropped")
    page = client.post(url(filled), {"do": f"rescue {one.pk}"}, follow=True)
    client.post(page.context["done"]["undo"])
    one.refresh_from_db()
    assert (one.state, one.why) == ("dropped", "It is too short.")


def test_somebody_else_takes_nothing_back(client, cast, filled):
    one = filled.candidates.get(state="dropped")
    page = client.post(url(filled), {"do": f"rescue {one.pk}"}, follow=True)
    other = Client()
    other.force_login(cast.owner)
    other.post(page.context["done"]["undo"])
    assert made.fresh(one).state == "rescued"


def test_a_whole_group_at_once(client, filled):
    head = filled.candidates.order_by("place").first()
    htmx = {"HTTP_HX_REQUEST": "true"}
    page = client.post(url(filled), {"do": f"drop group {head.pk}"}, **htmx)
    assert page.status_code == 200
    assert "3 candidates dropped." in page["HX-Trigger"]
    assert "<html" not in text_of(page)
    assert filled.candidates.filter(alike=head.pk, state="dropped").count() == 3
    client.post(url(filled), {"do": f"rescue group {head.pk}"}, **htmx)
    assert filled.candidates.filter(alike=head.pk, state="rescued").count() == 3


def test_kept_ones_go_into_the_queue_once(client, filled):
    one = filled.candidates.order_by("pk").first()
    page = client.post(url(filled), {"do": "send", "candidate": [one.pk], "outputs_as": "suggestion"}, follow=True)
    assert "1 example is in" in text_of(page)
    example = Example.objects.get(task=filled.task)
    assert example.suggestion["by"] == "test-model"
    page = client.post(url(filled), {"do": "send all", "outputs_as": "accepted"}, follow=True)
    assert "3 examples are in" in text_of(page)
    assert Example.objects.filter(task=filled.task, state="accepted").count() == 3
    page = client.post(url(filled), {"do": "send all"}, follow=True)
    assert "Nothing was sent" in text_of(page)
    page = client.post(url(filled), {"do": f"drop {one.pk}"})
    assert page.status_code == 409
    assert "an example already" in text_of(page)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"do": "drop"}, 422), ({"do": "rescue", "candidate": ["x", "-1"]}, 422), ({"do": "send"}, 422), ({}, 404),
        ({"do": "explode"}, 404), ({"do": "send all", "outputs_as": "nothing"}, 404),
        ({"do": "drop group"}, 302), ({"do": "drop 99999999"}, 302), ({"do": "drop " + "9" * 40}, 404),
    ],
)  # fmt: skip
def test_bad_input(client, filled, data, status):
    page = client.post(url(filled), data)
    assert page.status_code == (303 if status == 302 else status)
    assert filled.candidates.filter(state="kept").count() == 4
    if status == 422:
        assert "No candidate is ticked" in text_of(page)


@pytest.mark.parametrize("at", ["", "x", "0", "9" * 30, "-5", "1"])
def test_undo_of_nothing(client, filled, at):
    page = client.post(reverse("candidates_undo", args=[filled.pk]) + f"?at={at}")
    assert page.status_code == (303 if at == "1" else 404)
    assert client.get(reverse("candidates_undo", args=[filled.pk])).status_code == 405


def test_a_candidate_of_another_run_is_not_touched(client, cast, server, filled):
    other = made.run(made.start(cast, filled.endpoint, 1, sources=made.sources(1, start=70)))
    theirs = other.candidates.get()
    client.post(url(filled), {"do": f"drop {theirs.pk}"})
    assert made.fresh(theirs).state == "kept"


def test_doors(cast, filled):
    one = filled.candidates.first()
    addresses = [url(filled), reverse("candidate", args=[one.pk])]
    for user, status in ((cast.stranger, 404), (cast.viewer, 403), (cast.annotator, 403), (cast.owner, 200)):
        someone = Client()
        someone.force_login(user)
        assert [someone.get(address).status_code for address in addresses] == [status, status]
        if status != 200:
            assert someone.post(url(filled), {"do": f"drop {one.pk}"}).status_code == status
            assert someone.post(reverse("candidates_undo", args=[filled.pk]) + "?at=1").status_code == status
    assert made.fresh(one).state == "kept"
    assert Membership.objects.get(user=cast.viewer, team=cast.team).role == Role.VIEWER


def test_text_of_a_model_is_text(client, run):
    put(run, [HOSTILE, HOSTILE.replace("more", "other")])
    arranging.arrange(Generation.objects.select_related("task").get(pk=run.pk))
    one = run.candidates.first()
    for page in (client.get(url(run)), client.get(reverse("candidate", args=[one.pk]))):
        said = text_of(page)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in said
        assert "<script>alert" not in said
        assert "<b onclick" not in said
        assert "{{ task.name }}" in said
        assert "{% url" in said


def test_one_with_prompt_reply_parents_and_verdicts(client, cast, server):
    run = made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url), 2, seed=7))
    one = run.candidates.get(content__input="text 1")
    page = text_of(client.get(reverse("candidate", args=[one.pk])))
    for words in ("test-model", "Test server", "echo of text 1", "s1", "write@", "max_tokens=64", "10 + 5 tokens"):
        assert words in page, words
    part = text_of(client.get(reverse("candidate", args=[one.pk]), HTTP_HX_REQUEST="true"))
    assert "<html" not in part
    assert "Reply, as it came" in part


def test_queries_do_not_grow_with_the_page(client, run, django_assert_max_num_queries):
    put(run, [f"Sentence number {at} about the {at % 7}th subject of the day." for at in range(120)])
    arranging.arrange(Generation.objects.select_related("task").get(pk=run.pk))
    client.get(url(run))
    with django_assert_max_num_queries(24) as few:
        page = client.get(url(run))
    assert text_of(page).count("data-row>") == 50
    run.candidates.filter(place__gte=3).delete()
    with django_assert_max_num_queries(len(few.captured_queries)) as one:
        client.get(url(run))
    assert len(one.captured_queries) >= len(few.captured_queries) - 1


def test_before_it_is_put_into_groups_all_stand_in_order(client, run):
    put(run, ["One.", "Two."])
    page = client.get(url(run))
    assert [group.size for group in page.context["groups"]] == [1, 1]
    assert "not compared yet" in text_of(page)


def test_nothing_yet(client, run):
    assert "No candidates yet" in text_of(client.get(url(run)))
