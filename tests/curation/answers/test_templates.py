"""What is drawn: every input has a name and a label, and text of the data is text."""

import re
from html.parser import HTMLParser

import pytest
from django.template.loader import render_to_string

from curation.answers import check, load_form, parse, shown_answer, widgets
from curation.content import Content, Message
from tests.curation.answers.forms import CHAT, LABELS, PEOPLE, SINGLE, form

EVIL = '</textarea><script>alert(1)</script><img src=x onerror="alert(2)">"\'><b>'
VOID = {"input", "img", "br", "path", "hr"}


class Page(HTMLParser):
    """The form as a browser without script would send it, and what a reader of the page is told."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict]] = []
        self.posted: dict[str, list[str]] = {}
        self.ids: list[str] = []
        self.fors: list[str] = []
        self.unnamed: list[dict] = []
        self.in_label = 0
        self.area: str | None = None
        self.text = ""
        self.select: list | None = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        self.ids += [given["id"]] if "id" in given else []
        self.in_label += tag == "label"
        self.fors += [given["for"]] if tag == "label" and "for" in given else []
        name = given.get("name")
        is_input = tag in ("input", "textarea", "select") and given.get("type") != "hidden"
        if is_input and not self.in_label and not {"aria-label", "id"} & set(given):
            self.unnamed.append(given)
        if tag == "input" and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
            self.posted.setdefault(name, []).append(given.get("value", ""))
        elif tag == "textarea":
            self.area, self.text = name, ""
        elif tag == "select":
            self.select = [name, None, None]
        elif tag == "option" and self.select:
            if self.select[1] is None:
                self.select[1] = given.get("value")
            if "selected" in given:
                self.select[2] = given.get("value")

    def handle_data(self, data):
        if self.area is not None:
            self.text += data

    def handle_endtag(self, tag):
        self.in_label -= tag == "label"
        if tag == "textarea" and self.area is not None:
            # A browser drops one line end after the tag and sends every other as CR LF.
            text = self.text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\n")
            self.posted.setdefault(self.area, []).append(text.replace("\n", "\r\n"))
            self.area = None
        elif tag == "select" and self.select:
            name, first, chosen = self.select
            self.posted.setdefault(name, []).append(first if chosen is None else chosen)
            self.select = None


def drawn(one, answer, content, problems=()) -> Page:
    return Page(
        render_to_string("components/answers/_fields.html", {"widgets": widgets(one, answer, content, problems)})
    )


def shown(one, answer, content) -> str:
    return render_to_string("components/answers/_shown.html", {"shown": shown_answer(one, answer, content)})


CASES = [
    ("text", {}, "\nbegins with a line end\n", SINGLE),
    ("labels", LABELS, "no", SINGLE),
    ("labels", LABELS | {"multiple": True}, ["yes", "no"], SINGLE),
    ("rating", {"low": "bad", "high": "good"}, 3, SINGLE),
    ("rating", {"min": 0, "max": 100}, 55, SINGLE),
    ("ranking", {}, [1, 0], SINGLE),
    ("ranking", {"of": "items", "items": ["p", "q", "r"]}, ["r", "p", "q"], SINGLE),
    ("pair", {}, {"chosen": 1, "rejected": 0}, SINGLE),
    ("pair", {"edit": True}, {"chosen": 1, "rejected": 0, "text": "Mine\n"}, SINGLE),
    ("pair", {}, {"tie": True}, SINGLE),
    ("json", {"schema": PEOPLE}, {"title": "T", "alive": False, "tags": ["b"], "rows": [{"k": "1", "v": 2}]}, SINGLE),
    ("json", {"schema": PEOPLE}, {"title": ""}, SINGLE),
    ("json", {}, {"free": [1, None, "\r\n"]}, SINGLE),
    ("dialogue", {}, [{"role": "user", "text": "\nHi"}, {"role": "assistant", "text": "Hello"}], CHAT),
    ("dialogue", {"most": 500}, [{"role": "user", "text": "Hi"}, {"role": "assistant", "text": "Ho"}] * 150, SINGLE),
    ("spans", LABELS | {"nested": True}, [
        {"start": 0, "end": 9, "label": "yes", "text": "Anna Hall"}, {"start": 0, "end": 4, "label": "no", "text": "Anna"},
    ], SINGLE),
    ("spans", LABELS, [{"start": 8, "end": 11, "label": "no", "text": "[[b"}],
     Content("single", input="\r\na|b\r\n👩‍👩‍👧[[b]]\\|\rשלום".replace("👩‍👩‍👧", "\U0001f600"))),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "value", "content"), CASES)
def test_a_browser_without_script_sends_back_what_was_drawn(kind, options, value, content):
    one = form(kind, options=options)
    assert check(one, {"x": value}, content) == []
    page = drawn(one, {"x": value}, content)
    assert parse(one, page.posted) == {"x": value}
    assert len(page.posted) < 1000
    assert page.unnamed == []
    assert sorted(page.ids) == sorted(set(page.ids))
    assert set(page.fors) <= set(page.ids)
    assert shown(one, {"x": value}, content)


@pytest.mark.parametrize(("kind", "options", "value", "content"), CASES)
def test_an_empty_form_sends_no_answer(kind, options, value, content):
    one = form(
        kind,
        options=options if kind == "json" else options | ({"start": False} if kind == "dialogue" else {}),
        required=False,
    )
    assert parse(one, drawn(one, None, content).posted) == {}
    assert "not answered" in shown(one, None, content)


@pytest.mark.parametrize(("kind", "options", "value", "content"), CASES)
def test_an_error_is_tied_to_its_field(kind, options, value, content):
    one = form(kind, options=options, help="Look closely.")
    problems = check(one, {}, content)
    page = drawn(one, {}, content, problems)
    described = [given["aria-describedby"] for _, given in page.tags if "aria-describedby" in given]
    assert any(set(found.split()) == {"id_a-x_help", "id_a-x_error"} for found in described)
    assert {"id_a-x_help", "id_a-x_error"} <= set(page.ids)


def test_script_tags_in_every_field_are_shown_as_text():
    schema = {"type": "object", "title": EVIL, "description": EVIL,
              "properties": {EVIL: {"type": "string"}, "e": {"enum": [EVIL]}, "l": {"type": "array", "items": {"type": "string"}}}}  # fmt: skip  # noqa: E501
    label = re.sub(r"[\[\]|\\]", "", EVIL)[:100]
    labels = {"labels": [{"value": label, "title": EVIL, "help": EVIL}]}
    content = Content("single", EVIL, EVIL, (EVIL, EVIL + "2"), system=EVIL)
    one = load_form([
        {"name": "t", "kind": "text", "title": EVIL, "help": EVIL, "role": "meta", "options": {"placeholder": EVIL}},
        {"name": "l", "kind": "labels", "role": "meta", "options": labels},
        {"name": "s", "kind": "spans", "role": "meta", "options": labels},
        {"name": "r", "kind": "rating", "role": "meta", "options": {"low": EVIL[:80], "high": EVIL[:80]}},
        {"name": "k", "kind": "ranking"},
        {"name": "i", "kind": "ranking", "options": {"of": "items", "items": [EVIL, "b"]}},
        {"name": "j", "kind": "json", "role": "meta", "options": {"schema": schema}},
        {"name": "d", "kind": "dialogue", "role": "meta"},
        {"name": "p", "kind": "pair", "options": {"edit": True}},
    ])  # fmt: skip
    answer = {
        "t": EVIL, "l": label, "s": [{"start": 0, "end": 20, "label": label}], "r": 3, "k": [1, 0],
        "i": ["b", EVIL], "j": {EVIL: EVIL, "e": EVIL, "l": [EVIL]},
        "d": [{"role": "user", "text": EVIL}, {"role": "assistant", "text": EVIL}],
        "p": {"chosen": 0, "rejected": 1, "text": EVIL},
    }  # fmt: skip
    assert check(one, answer, content) == []
    bad = {
        "t": EVIL,
        "l": EVIL,
        "r": {"$raw": EVIL},
        "s": {"$raw": EVIL},
        "j": {"$raw": EVIL},
        "d": {"$raw": EVIL},
        "p": {"$raw": EVIL},
    }
    for given in (answer, bad, {}):
        problems = check(one, given, content)
        page = drawn(one, given, content, problems)
        tags = {tag for tag, _ in page.tags}
        assert tags & {"script", "img", "b"} == set()
        assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
        read = Page(shown(one, given, content))
        assert {tag for tag, _ in read.tags} & {"script", "img", "b"} == set()


def test_a_role_that_the_form_does_not_offer_stays_chosen():
    page = drawn(form("dialogue"), None, CHAT)
    assert page.posted["a-x.3.role"] == ["tool"]
    turns = Content("chat", system="S", messages=(Message("user", "Hi"), Message("assistant", "Ho")))
    without = form("dialogue", options={"system": False})
    assert drawn(without, None, turns).posted["a-x.0.role"] == ["system"]
