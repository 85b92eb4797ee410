"""The Celery application of these tests: Winnow's own, and the test generator.

celery -A tests.synthesis.app worker -Q io
"""

from celery.signals import import_modules

from config.celery import app


@import_modules.connect(weak=False)
def also_our_generator(**kwargs):
    from tests.synthesis import made  # noqa: F401  (after Django is set up)


__all__ = ["app"]
