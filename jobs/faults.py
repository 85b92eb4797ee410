"""What can go wrong with a job, in words for a person."""

from config.faults import Text, register

register(
    {
        "jobs.stopped": Text(
            "The work stopped three times without finishing",
            "Step {step} of “{title}” was started three times, and each time its worker ended before the step did. "
            "The machine may be short of memory.",
            "Give the workers more memory or choose smaller pieces, then resume. Finished steps are kept.",
        ),
        "jobs.transient": Text(
            "A service did not answer",
            "Step {step} of “{title}” was tried {tries} times; the last answer was: {why}.",
            "Check that the service is up and its limits are not used up, then resume. Finished steps are kept.",
        ),
        "jobs.error": Text(
            "Winnow met an error that it does not know",
            "Step {step} of “{title}” failed twice in the same way.",
            "Resume to try once more. If it fails again, give the error id {error_id} to whoever runs "
            "this installation: the log holds the details under it.",
        ),
        "jobs.advance": Text(
            "Winnow met an error that it does not know",
            "What follows “{title}” could not be prepared; it was tried twice.",
            "Resume to try once more. If it fails again, give the error id {error_id} to whoever runs "
            "this installation: the log holds the details under it.",
        ),
        "jobs.unknown_kind": Text(
            "This worker does not know the work",
            "The worker has no handler for “{kind}”: it runs another version of Winnow than the web server.",
            "Restart the workers with the same version, then resume.",
        ),
        "jobs.finished": Text(
            "There is nothing to resume",
            "This work has already succeeded.",
            "Start a new one if you want it done again.",
            status=409,
        ),
    }
)
