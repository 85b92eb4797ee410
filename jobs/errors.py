"""What a step may raise. `config.faults.Fault` belongs to them: the person's data or settings are at fault."""


class Transient(Exception):
    """The world outside is at fault for now: a busy service, a deadlock. The step runs again later.

    `retry_after` is the pause in seconds that the other side asked for; without one the pause doubles
    with each try. After `MOST_TRANSIENTS` tries (`jobs.lease`) the job fails and says so, with `mend`, a sentence
    without its end, as what to look at.
    """

    def __init__(self, why: str = "", retry_after: float | None = None, mend: str = "") -> None:
        super().__init__(why)
        self.why, self.retry_after, self.mend = why, retry_after, mend


class Stop(Exception):
    """The step must stop between two batches. Handlers let it pass."""


class Cancelled(Stop):
    """A person cancelled the job, or another step of it failed."""


class LeaseLost(Stop):
    """Somebody else may hold the step now: drop the work, write nothing."""


class Released(Stop):
    """This process was asked to end: the step goes back to the others, the attempt is not counted."""
