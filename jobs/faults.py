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
            "{mend}, then resume. Finished steps are kept.",
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
        "schedule.overlaps": Text(
            "The time before was still running",
            "It was due while the work that it had started before was not finished, so it was left out.",
            "Give it more time between two, or let it wait instead.",
            status=409,
        ),
        "schedule.too_many_wait": Text(
            "Too many wait already",
            "{most} times that it was due wait for the work of the first one.",
            "Look at what holds it up, or give it more time between two.",
            status=409,
        ),
        "schedule.paused_meanwhile": Text(
            "The schedule was stopped",
            "It waited for the work before it, and the schedule was paused or deleted meanwhile.",
            "Run it now if you want it all the same.",
            status=409,
        ),
        "schedule.running": Text(
            "It is running already",
            "The work that {name} started last has not finished.",
            "Wait for its end, or cancel it first.",
            status=409,
        ),
        "schedule.no_kind": Text(
            "This server does not know the work",
            "The schedule starts “{kind}”, which this version of Winnow does not have.",
            "Restart beat and the workers with the same version as the web server.",
        ),
        "schedule.job_gone": Text(
            "Its work was deleted",
            "What this firing had started was deleted before it ended.",
            "Run it now if you want it done again.",
        ),
        "schedule.error": Text(
            "Winnow met an error that it does not know",
            "The work could not be started.",
            "Run it now to try once more. If it fails again, give the error id {error_id} to whoever runs "
            "this installation: the log holds the details under it.",
        ),
    }
)
