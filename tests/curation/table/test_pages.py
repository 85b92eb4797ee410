import pytest
from django.urls import reverse

from tests.curation.table import made

pytestmark = pytest.mark.django_db


def test_smoke(as_, cast):
    task = made.task(cast.team)
    made.one(task, "a", tags=["x"])
    answer = as_("curator").get(reverse("examples", args=[task.pk]))
    assert answer.status_code == 200
    print(answer.content.decode())
