import pytest
from django.urls import reverse

from curation.models import Example
from tests.curation import made_tasks as made

HTMX = {"HX-Request": "true"}


@pytest.fixture
def task(cast):
    return made.task(cast.team, wanted=2)


@pytest.fixture
def second(cast):
    return made.person(cast.team, "Bea")


class Page:
    """The review page of one example as a browser without a script uses it."""

    def __init__(self, client, example: Example) -> None:
        self.client, self.example = client, example
        self.url = reverse("example_review", args=[example.pk])

    def open(self, query: str = "") -> "Page":
        response = self.client.get(self.url + query)
        assert response.status_code == 200, response.status_code
        return self.read(response)

    def read(self, response) -> "Page":
        self.response, self.text = response, response.content.decode()
        compared = response.context["compared"]
        self.fields = {"revision": compared.example.revision, "seen": compared.seen, "show": "all", "order": "oldest"}
        self.picked = compared.picked
        return self

    def post(self, do: str, *, htmx: bool = False, **more):
        sent = {**self.fields, "do": do} | ({"annotation": self.picked.pk} if self.picked else {}) | more
        return self.client.post(self.url, sent, headers=HTMX if htmx else {})


@pytest.fixture
def page_of(as_):
    """`page_of(example)`: the page, opened by the curator (or another role)."""

    def open_(example: Example, role: str = "curator", query: str = "") -> Page:
        return Page(as_(role), example).open(query)

    return open_
