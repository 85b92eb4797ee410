"""Prompts of a task: shown with their real text, edited in versions, used by the next generation."""

import pytest

from curation.actions import prompts
from curation.models import Generation, PromptVersion
from curation.synthesis import trying
from tests.curation import made_tasks
from tests.synthesis import made

OWN = ("system", "exemplars", "control", "data", "action")


def text_of(answer) -> str:
    return answer.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


@pytest.fixture
def task(cast):
    trying._REMEMBERED.clear()
    found = made_tasks.task(cast.team)
    made_tasks.examples(found, 2)
    return found


@pytest.fixture
def url(task):
    return f"/tasks/{task.pk}/prompts/label_inputs/label/"


def sections(**changed) -> dict:
    own = prompts.own("label_inputs", "label")
    return {name: getattr(own, name) for name in OWN} | changed


def test_all_prompts_are_listed(as_, task, cast):
    shown = text_of(as_("viewer").get(f"/tasks/{task.pk}/prompts/"))
    assert f'href="/tasks/{task.pk}/prompts/label_inputs/label/"' in shown
    assert "are the generator's own" in shown


def test_the_real_text_is_shown_before_anything_was_asked(as_, url):
    shown = text_of(as_("viewer").get(url))
    assert "the task as it is; what it lacks is made up" in shown
    assert "Summarise the letter for the patient." in shown
    assert "Dear Dr Hall, letter number 0." in shown
    assert "readonly" in shown
    assert "Save as version" not in shown


def test_what_is_typed_is_rendered_and_not_kept(as_, url):
    sent = sections(action="Now {{ task.name }}!", do="render")
    answer = as_("curator").post(url, sent, headers={"HX-Request": "true", "HX-Target": "rendered"})
    shown = text_of(answer)
    assert answer.status_code == 200
    assert "<html" not in shown
    assert "Now Ward letters!" in shown
    assert not PromptVersion.objects.exists()


@pytest.mark.parametrize(
    ("section", "text", "place", "said"),
    [
        ("system", "One.\n{% if %}", "(system), line 2", "is no template"),
        ("system", "One.\n\n{{ nobody }}", "(system), line 3", "'nobody' is undefined"),
        ("action", "{{ task.__class__ }}", "(action), line 1", "names that begin with _ are closed"),
        ("data", "a\n{{ ''.join([]) }}", "(data), line 2", "uses call"),
        ("data", "{% for a in (1, 2) %}x{% endfor %}", "(data), line 1", "loop over a named list alone"),
        ("control", "x" * 20_001, "(control)", "longer than 20,000 characters"),
        ("action", "{{ input }}", "(action), line 1", "is undefined"),
    ],
)  # fmt: skip
def test_an_error_names_section_and_line(as_, url, section, text, place, said):  # noqa: PLR0917
    answer = as_("curator").post(url, sections(**{section: text}, do="render"), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert place in text_of(answer)
    assert said in text_of(answer)


def test_what_is_no_template_is_not_saved(as_, url):
    answer = as_("curator").post(url, sections(system="a\n{{", do="save", number="0"))
    assert answer.status_code == 422
    assert "line 2" in text_of(answer)
    assert "a\n{{</textarea>" in text_of(answer)
    assert not PromptVersion.objects.exists()


def test_versions_differ_and_are_restored(as_, url, task):
    client = as_("curator")
    for number, text in enumerate(("First.", "Second.")):
        assert client.post(url, sections(system=text, do="save", number=number)).status_code == 303
    assert client.post(url, sections(system="Second.", do="save", number=2)).status_code == 303
    assert PromptVersion.objects.count() == 2, "the same text makes no version"
    shown = text_of(client.get(url))
    assert "<del>First" in shown
    assert "<ins>Second" in shown
    assert "These two are the same" in text_of(client.get(f"{url}?from=1&to=1"))
    assert client.get(f"{url}?from=99&to=x").status_code == 200
    assert client.post(url, {"do": "restore", "restore": "1", "number": "2"}).status_code == 303
    assert prompts.edited(task, "label_inputs")["label"]["system"] == "First."
    assert client.post(url, {"do": "restore", "restore": "0", "number": "3"}).status_code == 303
    assert prompts.edited(task, "label_inputs") == {}
    assert "version 4" in text_of(client.get(f"/tasks/{task.pk}/prompts/"))


def test_who_saves_after_somebody_else_sees_both(as_, url):
    client = as_("curator")
    client.post(url, sections(system="Theirs.", do="save", number="0"))
    answer = client.post(url, sections(system="Mine.", do="save", number="0"))
    assert answer.status_code == 409
    shown = text_of(answer)
    assert "Version 1 was saved meanwhile" in shown
    assert "Theirs" in shown
    assert "Mine.</textarea>" in shown
    assert client.post(url, sections(system="Mine.", do="save", number="1")).status_code == 303


def test_an_edited_prompt_is_what_the_next_generation_asks(as_, cast, url, task, server):
    endpoint = made.endpoint(cast.team, cast.owner, server.url)
    client = as_("curator")
    client.post(url, sections(system="Speak like a nurse.", do="save", number="0"))
    new = f"/tasks/{task.pk}/synthesise/label_inputs/"
    assert "The prompts label are as this task has them" in text_of(client.get(new))
    client.post(new, {"do": "start", "endpoint": endpoint.pk, "wanted": "2", "open_as_inputs": "on"})
    run = made.run(Generation.objects.get())
    assert server.bodies[0]["messages"][0]["content"].startswith("Speak like a nurse.")
    assert "edited for this task" in text_of(client.get(f"/generations/{run.pk}/"))
    shown = text_of(client.get(url))
    assert f"what generation {run.pk} was given and answered" in shown


def test_text_of_the_task_cannot_become_markup_or_template(as_, cast):
    task = made_tasks.task(cast.team, name="Odd", definition="{{ 7 * 7 }}<script>alert(1)</script>")
    shown = text_of(as_("curator").get(f"/tasks/{task.pk}/prompts/label_inputs/label/"))
    assert "<script>alert" not in shown
    assert "{{ 7 * 7 }}" in shown


def test_what_is_not_there_is_not_found(as_, task, url):
    client = as_("curator")
    for path in ("nothing/label", "label_inputs/nothing"):
        assert client.get(f"/tasks/{task.pk}/prompts/{path}/").status_code == 404
    assert client.post(url, {"do": "explode"}).status_code == 404


def test_every_first_prompt_can_be_filled_in(cast, task):
    """Each generator's first stage renders with the task alone, made-up texts in place of what it lacks."""
    from curation.generators import GENERATORS

    for name in GENERATORS:
        values = trying.values_of(task, name)
        assert values, name
        for template, found in values.items():
            own = GENERATORS[name].templates.get(template)
            assert own is None or trying.filled(own, found), (name, template)
