"""Every kind of form on the annotation page: it opens, it says what is missing, it is not read twice."""

import pytest

from curation.actions.adding import NewExample, add_examples
from curation.answers import PRESETS
from curation.content import Content, Message
from curation.models import Example
from tests.curation import made_tasks as made

SINGLE = Content("single", "Answer the question.", "Who wrote Faust?", ("Goethe in Weimar.", "Schiller."))
CHAT = Content("chat", messages=(Message("user", "Who wrote Faust?"), Message("assistant", "Goethe in Weimar.")))
CALL = Content("chat", messages=(Message("user", "Sum?"), Message("assistant", "", {"tool_calls": [{"name": "add"}]})))


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("content", [SINGLE, CHAT, CALL], ids=["single", "chat", "call"])
def test_every_preset_opens_and_answers_to_an_empty_submit(cast, page, preset, content):
    page.task = made.task(cast.team, name=f"Task {preset}", form=PRESETS[preset].form)
    rows = [NewExample(content, key=f"k{number}") for number in range(2)]
    add_examples(task=page.task, rows=rows, by=None, origin=Example.Origin.HAND)
    assert page.open(script=False).status_code == 200
    assert page.submit().status_code in {200, 422}
    assert page.client.get(f"{page.url}bulk/").status_code == 200


@pytest.mark.parametrize(
    ("preset", "words", "times"),
    [("text", "Goethe in Weimar.", 1), ("correct", "Goethe in Weimar.", 1), ("pair", "Schiller.", 1)],
)
def test_a_text_stands_there_once(cast, page, preset, words, times):
    page.task = made.task(cast.team, name="Once", form=PRESETS[preset].form)
    add_examples(task=page.task, rows=[NewExample(SINGLE, key="k")], by=None, origin=Example.Origin.HAND)
    page.open()
    assert page.text.count(words) == times


def test_calls_of_tools_are_read_as_code(cast, page, task):
    add_examples(task=task, rows=[NewExample(CALL, key="k")], by=None, origin=Example.Origin.HAND)
    page.open()
    assert "Assistant: call" in page.text
    assert '"name":"add"' in page.text.replace(" ", "")
