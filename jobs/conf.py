"""The few numbers of the engine. All of them hang on one setting, `JOBS_LEASE_SECONDS`."""

from django.conf import settings

MOST_ATTEMPTS = 3  # claims that may end without a word before the step counts as poison
MOST_ERRORS = 2  # one retry after an error that nobody foresaw
MOST_TRANSIENTS = 8  # with the pauses below: about a quarter of an hour at full length
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0  # seconds; doubled with each refusal, then jittered


def lease_seconds() -> float:
    return float(getattr(settings, "JOBS_LEASE_SECONDS", 60))


def beat_seconds() -> float:
    """A lease is renewed three times before it ends."""
    return lease_seconds() / 3


def show_seconds() -> float:
    """Progress that changed is written more often than a lease needs: a person watches it."""
    return min(2.0, beat_seconds())


def tick_seconds() -> float:
    return min(5.0, lease_seconds() / 4)
