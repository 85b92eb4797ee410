"""The only Celery task."""

from config.celery import app


@app.task(name="jobs.work", ignore_result=True)
def work(queue: str) -> None:
    """There may be work in this queue: claim steps and go on until none is left."""
    from jobs.runner import drain

    drain(queue)
