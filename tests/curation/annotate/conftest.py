"""A task with letters to summarise, and an annotator's client."""

import pytest

from curation import sheets
from tests.curation import made_tasks as made


@pytest.fixture(autouse=True)
def _no_old_sheets():
    sheets.forget()


@pytest.fixture
def task(cast):
    return made.task(cast.team)


@pytest.fixture
def page(as_, task):
    """The annotation page of `task` as the annotator uses it."""
    from tests.curation.annotate.using import Page

    return Page(as_("annotator"), task)
