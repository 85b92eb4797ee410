"""The Celery application of the tests: Winnow's own, and the kinds of the tests.

celery -A tests.jobs.app worker -Q cpu
"""

from celery.signals import import_modules

from config.celery import app


@import_modules.connect(weak=False)
def also_our_kinds(**kwargs):
    from tests.jobs import kinds  # noqa: F401  (after Django is set up)


__all__ = ["app"]
