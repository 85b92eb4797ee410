"""The strip of a job: which passes are seen, how far all of it is, and a clock that runs on."""

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from config.templatetags.winnow import strip_of
from selection.methods import METHODS, parse_params


@dataclass
class Box:
    title: str
    state: str = "done"
    total: int = 10
    percent: float = 100.0
    unit: str = "rows"
    done: int = 10


def job(**fields):
    return SimpleNamespace(
        is_final=False, state="running", version=1, cancel_requested_at=None, started_at=timezone.now() - timedelta(seconds=75)
    )  # fmt: skip


@pytest.mark.parametrize(("at", "seen"), [(0, "abcde"), (1, "abcde"), (3, "cdefg"), (6, "fghij"), (9, "fghij")])
def test_the_boxes_stand_around_the_pass_at_work(at, seen):
    names = "abcdefghij"
    opened = [Box(name) for name in names[:at]] + [Box(names[at], "running", 10, 50.0)]
    strip = strip_of(job(), opened, list(names[at + 1 :]))
    assert "".join([one.title for one in strip["passes"]] + strip["upcoming"]) == seen
    assert (strip["number"], strip["of"]) == (at + 1, 10)
    assert strip["percent"] == pytest.approx(10 * at + 5)


def test_where_nobody_knows_what_follows_no_end_is_promised():
    assert strip_of(job(), [Box("a"), Box("b", "running")], "")["of"] == 0


def test_the_strip_says_how_far_it_is_and_its_clock_runs_on():
    passes = [Box("Learn from a sample of the pool", total=0), Box("Score", "running", percent=50.0)]
    page = render_to_string(
        "components/_progress.html", {"job": job(), "passes": passes, "upcoming": ["Choose"], "url": "/"}
    )
    assert "step 2 of 3" in page
    assert 'data-elapsed="75">1 min 15 s<' in page
    assert "0 rows" not in page.replace("10 of 10 rows", "")
    assert 'class="clip"' not in page


def test_two_parts_of_one_method_are_told_apart():
    fusion = METHODS["fusion"]
    params = parse_params(fusion.Params, {"methods": "classifier, classifier:features=static"})
    titles = [one.title for one in fusion.passes(params)]
    assert len(titles) == len(set(titles)), titles


def test_the_samples_of_the_style_guide_are_read_like_jobs():
    from config.styleguide import strips

    pages = [
        render_to_string("components/_progress.html", one | {"upcoming": one["more"], "url": "/", "resume_url": "/"})
        for one in strips()
    ]
    assert ["Resume" in page for page in pages] == [False, False, True, True, False]
    assert "step 2 of 3" in pages[1]
