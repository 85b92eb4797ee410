"""Pages of synthesis: chosen, previewed, started, followed, resumed; what failed is opened and asked again."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from curation.actions import endpoints, generations
from curation.models import Endpoint, Generation
from curation.synthesis import choosing
from tests.curation import made_tasks
from tests.synthesis import made
from tests.synthesis.server import Answer


def text_of(answer) -> str:
    return answer.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


@pytest.fixture
def task(cast):
    found = made_tasks.task(cast.team)
    made_tasks.examples(found, 2)
    return found


@pytest.fixture
def endpoint(cast, server):
    return made.endpoint(cast.team, cast.owner, server.url, price_in="1", price_out="2")


def form(endpoint: Endpoint, **more) -> dict:
    filled = {"do": "start", "endpoint": endpoint.pk, "wanted": "2", "open_as_inputs": "on", "p_inputs": "given"}
    filled |= {"f_boilerplate": "on", "f_language": ""}
    return filled | more


# --- choosing ---


def test_the_cards_say_what_there_is_and_what_is_missing(as_, task, endpoint):
    shown = text_of(as_("curator").get(f"/tasks/{task.pk}/synthesise/"))
    assert "0 positive demonstrations" in shown
    assert "2 open examples" in shown
    assert f'href="/tasks/{task.pk}/synthesise/label_inputs/"' in shown
    assert "Needs finished examples in this task first" in shown
    assert "You give at least 200 passages at the start" in shown
    assert f'href="/tasks/{task.pk}/synthesise/evolve/"' not in shown
    assert "/synthesise/label_inputs/" not in text_of(as_("viewer").get(f"/tasks/{task.pk}/synthesise/"))


def test_every_generator_stands_in_one_group():
    from curation.generators import GENERATORS

    names = [name for _, _, group in choosing.GROUPS for name in group]
    assert sorted(names) == sorted(GENERATORS)


def test_without_an_endpoint_it_says_so(as_, task):
    assert "no model endpoint yet" in text_of(as_("curator").get(f"/tasks/{task.pk}/synthesise/"))
    assert "No language model yet" in text_of(as_("curator").get(f"/tasks/{task.pk}/synthesise/label_inputs/"))
    assert as_("curator").get(f"/tasks/{task.pk}/synthesise/nothing/").status_code == 404


def test_every_generator_has_a_form(as_, task, endpoint):
    client = as_("curator")
    for name in dict.fromkeys(name for _, _, group in choosing.GROUPS for name in group):
        answer = client.get(f"/tasks/{task.pk}/synthesise/{name}/")
        assert answer.status_code == 200, name


# --- starting ---


def test_the_estimate_is_a_part_of_the_form(as_, task, endpoint):
    client, url = as_("curator"), f"/tasks/{task.pk}/synthesise/label_inputs/"
    answer = client.post(url, form(endpoint, do="look"), headers={"HX-Request": "true", "HX-Target": "estimate"})
    shown = text_of(answer)
    assert answer.status_code == 200
    assert "<html" not in shown
    assert "About 2 requests" in shown
    assert re.search(r"0\.\d+ USD", shown)
    wrong = client.post(url, form(endpoint, do="look", wanted="0"), headers={"HX-Request": "true"})
    assert "How many candidates: Ensure" in text_of(wrong)
    endpoints.limit_spending(team=task.team, by=task.team.memberships.first().user, limit=0)
    assert "more than the 0 that the team may still spend" in text_of(client.post(url, form(endpoint, do="look")))
    assert not Generation.objects.exists()


def test_a_run_is_started_and_followed_to_its_end(as_, task, endpoint):
    client = as_("curator")
    answer = client.post(f"/tasks/{task.pk}/synthesise/label_inputs/", form(endpoint, money="3"))
    found = Generation.objects.get()
    assert answer.status_code == 303, text_of(answer)
    assert answer.url == f"/generations/{found.pk}/"
    assert (found.wanted, found.preview, found.money) == (2, False, 3)
    poll = {"HX-Request": "true", "HX-Target": "work"}
    assert "Waiting for a worker" in text_of(client.get(answer.url, headers=poll))
    assert client.get(f"{answer.url}?seen={found.job.version}", headers=poll).status_code == 204
    made.run(found)
    assert client.get(answer.url, headers=poll).headers["HX-Refresh"] == "true"
    shown = text_of(client.get(answer.url))
    found.refresh_from_db()
    assert f"= {found.answered} answered" in shown
    assert f"= {found.kept} kept of 2 wanted + {found.dropped} dropped" in shown
    assert found.answered + found.failed + found.cancelled == found.requests
    assert "every " not in shown.split("<main")[1].split("</main")[0].split("hx-trigger")[-1][:20]
    listed = text_of(as_("viewer").get("/t/ward/generations/"))
    assert f'/generations/{found.pk}/"' in listed


def test_a_preview_shows_exact_prompts_and_starts_the_whole(as_, task, endpoint, server):
    client = as_("curator")
    answer = client.post(f"/tasks/{task.pk}/synthesise/label_inputs/", form(endpoint, do="preview", wanted="5"))
    preview = Generation.objects.get()
    assert preview.preview
    assert answer.url == f"/generations/{preview.pk}/?wanted=5"
    made.run(preview)
    shown = text_of(client.get(answer.url))
    asked = server.bodies[0]["messages"][-1]["content"]
    assert "Dear Dr Hall, letter number 0." in asked
    assert shown.count("Dear Dr Hall, letter number 0.") >= 2
    assert 'name="wanted" value="5"' in shown
    assert "From what was measured" in shown
    assert preview.pk not in Generation.objects.filter(preview=False).values_list("pk", flat=True)
    paid = sum(server.paid.values())
    for wrong in ({"wanted": "0"}, {"wanted": "2", "money": "0"}, {"wanted": "2", "ceiling": "-1"}, {}):
        assert client.post(answer.url, {"do": "start"} | wrong).status_code == 422, wrong
    started = client.post(answer.url, {"do": "start", "wanted": "2"})
    whole = Generation.objects.get(preview=False)
    assert started.url == f"/generations/{whole.pk}/"
    made.run(whole)
    assert sum(server.paid.values()) == paid, "what the preview was answered is not asked again"
    assert Generation.objects.get(preview=False).cached > 0


def test_start_belongs_to_a_preview_alone(as_, cast, endpoint):
    run = made.start(cast, endpoint, 1)
    assert as_("curator").post(f"/generations/{run.pk}/", {"do": "start", "wanted": "2"}).status_code == 404
    assert as_("curator").post(f"/generations/{run.pk}/", {"do": "explode"}).status_code == 404


# --- what cannot be used ---


@pytest.mark.parametrize(
    ("generator", "sent", "said"),
    [
        ("label_inputs", {"wanted": "many"}, "whole number"),
        ("label_inputs", {"money": "0"}, "more than nothing"),
        ("label_inputs", {"endpoint": "999999"}, "valid choice"),
        ("label_inputs", {"p_samples": "99"}, "less than or equal to 20"),
        ("label_inputs", {"p_inputs": "stolen"}, "valid choice"),
        ("label_inputs", {"seed": "-1"}, "greater than or equal to 0"),
        ("label_inputs", {"f_min_chars": "50", "f_max_chars": "10"}, "less than the shortest answer"),
        ("from_passages", {}, "needs passages"),
        ("from_passages", {"paste_passages": '{"text": "a"}\n{"text": '}, "Line 2: it is not JSON"),
        ("from_passages", {"paste_passages": '{"title": "a"}'}, "Line 1: it has no text"),
        ("from_passages", {"paste_passages": '{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}'}, "is there twice"),
        ("from_passages", {"paste_passages": "x" * 60_000}, "Cut it into parts"),
        ("from_passages", {"file_passages": ("a.txt", b"\xff\xfe")}, "is not UTF-8"),
        ("from_passages", {"file_passages": ("a.json", b"{}")}, "it holds no list"),
        ("from_passages", {"file_passages": ("a.json", b"[1]")}, "Entry 1: it is neither a text nor an object"),
        ("from_passages", {"file_passages": ("a.jsonl", b'{"text": " "}')}, "the text is empty"),
        ("from_passages", {"file_passages": ("a.jsonl", b"")}, "empty"),
        ("taxonomy", {"tree": "a\na"}, "is there twice"),
        ("taxonomy", {"tree": "a\n  : note"}, "Line 2: a topic has no name"),
        ("taxonomy", {"p_levels": "topic"}, "Must be like"),
        ("evolve", {}, "needs finished examples"),
        ("extract", {"paste_passages": "A text."}, "Names no type, and the task has no labels"),
        ("label_inputs", {"open_as_inputs": ""}, "needs inputs, or the choice"),
    ],
)  # fmt: skip
def test_bad_input_is_said_in_the_form(as_, task, endpoint, generator, sent, said):  # noqa: PLR0917
    data = form(endpoint)
    for name, value in sent.items():
        data[name] = SimpleUploadedFile(*value) if isinstance(value, tuple) else value
    answer = as_("curator").post(f"/tasks/{task.pk}/synthesise/{generator}/", data)
    assert answer.status_code == 422, text_of(answer)
    assert said in text_of(answer), answer.context["form"].errors
    assert not Generation.objects.exists()


def test_sources_are_read_and_kept_for_another_run(as_, task, endpoint):
    client, url = as_("curator"), f"/tasks/{task.pk}/synthesise/from_passages/"
    file = SimpleUploadedFile("p.jsonl", b'{"id": "one", "text": "A passage."}\n{"text": "Another."}\n')
    tests = "A held-out text.\n\nAnother one."
    client.post(url, form(endpoint, file_passages=file, paste_tests=tests))
    first = Generation.objects.get()
    from curation.synthesis import inputs

    _, sources = inputs.read(first)
    assert [(one.key, one.text) for one in sources.passages] == [("one", "A passage."), ("passage-2", "Another.")]
    assert sources.tests == ("A held-out text.", "Another one.")
    again = text_of(client.get(f"{url}?again={first.pk}"))
    assert f"Use the sources of generation {first.pk}" in again
    assert client.post(url, form(endpoint, again=first.pk, keep="on")).status_code == 303
    _, kept = inputs.read(Generation.objects.latest("pk"))
    assert (kept.passages, kept.tests) == (sources.passages, sources.tests)
    assert client.post(url, form(endpoint, again=first.pk)).status_code == 422, "not kept: nothing is there"


def test_the_sources_of_another_task_are_out_of_reach(as_, cast, task, endpoint):
    other = made.start(cast, endpoint, 1, generator="from_passages", sources=made.Sources(passages=(made.Source("s", "x"),)),
                       filters=None)  # fmt: skip
    url = f"/tasks/{task.pk}/synthesise/from_passages/"
    assert "Use the sources of" not in text_of(as_("curator").get(f"{url}?again={other.pk}"))
    assert as_("curator").post(url, form(endpoint, again=other.pk, keep="on")).status_code == 422


# --- stopped, failed, again ---


def test_cancel_and_resume_with_other_limits(as_, cast, endpoint):
    run = made.start(cast, endpoint, 3)
    client, url = as_("curator"), f"/generations/{run.pk}/"
    assert 'value="cancel"' in text_of(client.get(url))
    assert client.post(url, {"do": "cancel"}).status_code == 303
    assert "Stopped" in text_of(client.get(url))
    wrong = client.post(url, {"do": "resume", "ceiling": "0"})
    assert wrong.status_code == 422
    assert "greater than or equal to 1" in text_of(wrong)
    assert client.post(url, {"do": "resume", "ceiling": "77", "money": "1.5"}).status_code == 303
    run = made.run(run)
    assert (run.ceiling, run.money, run.kept) == (77, 1.5, 3)
    assert as_("viewer").post(url, {"do": "cancel"}).status_code == 403


def test_failed_requests_are_opened_and_asked_again(as_, cast, endpoint, server):
    server.script = lambda text, nth: (
        Answer(status=400, body={"error": {"message": "<b>no</b>"}}) if text == "text 1" else Answer()
    )
    run = made.run(made.start(cast, endpoint, 3))
    assert run.failed == 1
    client, url = as_("curator"), f"/generations/{run.pk}/"
    assert "1 request failed" in text_of(client.get(url))
    errors = text_of(client.get(f"{url}errors/"))
    assert "text 1" in errors
    assert "&lt;b&gt;no" in errors
    assert "<b>no" not in errors
    assert "text 1" in text_of(client.get(f"{url}errors/?reason=refused&after=0&nonsense=1"))
    assert "No request failed for this reason" in text_of(client.get(f"{url}errors/?reason=other"))
    server.script = lambda text, nth: Answer()
    assert client.post(url, {"do": "retry"}).status_code == 303
    run = made.run(run)
    assert (run.failed, run.kept) == (0, 3)
    assert client.post(url, {"do": "retry"}).status_code == 409


def test_what_a_generator_reports_is_shown(as_, cast, endpoint):
    run = made.start(cast, endpoint, 1)
    told = {
        "kappa": 0.61234,
        "cells": 4,
        "coverage": [{"topic": "<i>a</i>", "wanted": 2}],
        "text": "a\n  b",
        "names": ["x"],
        "sub": {"a_b": None},
    }
    Generation.objects.filter(pk=run.pk).update(report=told, generator="taxonomy")
    shown = text_of(as_("curator").get(f"/generations/{run.pk}/"))
    for words in ("0.612", "&lt;i&gt;a&lt;/i&gt;", "A b", "none", f"/synthesise/taxonomy/?again={run.pk}"):
        assert words in shown, words
    assert "<i>a" not in shown
    tree = text_of(as_("curator").get(f"/tasks/{run.task_id}/synthesise/taxonomy/?again={run.pk}"))
    assert "a\n  b</textarea>" in tree


def test_a_run_whose_generator_is_gone_still_has_a_page(as_, cast, endpoint):
    run = made.run(made.start(cast, endpoint, 1))
    Generation.objects.filter(pk=run.pk).update(generator="long_gone")
    assert as_("viewer").get(f"/generations/{run.pk}/").status_code == 200
    assert "long_gone" in text_of(as_("viewer").get("/t/ward/generations/"))


def test_a_missing_storage_file_is_said(as_, cast, endpoint):
    from config import storage

    run = made.start(cast, endpoint, 1)
    generations.cancel(generation=run, by=cast.curator)
    storage.delete(run.inputs)
    assert as_("curator").post(f"/generations/{run.pk}/", {"do": "resume"}).status_code == 409
