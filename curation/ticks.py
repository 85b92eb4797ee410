"""What curation does on each tick, though nobody asks for it."""

from jobs.tick import on_tick


@on_tick
def free_expired_claims() -> int:
    """Claims that ran out go back into the queue, also of tasks that nobody works on just now."""
    from curation.actions.queue import free_expired

    return free_expired()


@on_tick
def measure_waiting() -> int:
    """Examples that came to their answers in another way than by a submit: how far those agree."""
    from curation.actions.reviewing import measure_waiting

    return measure_waiting()
