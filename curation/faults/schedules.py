"""What can go wrong with schedules and their alerts."""

from config.faults import Text, register

register(
    {
        "schedule.name_taken": Text(
            "This name is taken", "The team has a schedule named {name} already.", "Choose another name.", status=409
        ),
        "schedule.when": Text("This is no time to run at", "{field} {why}.", "Change it, then save again."),
        "schedule.unknown": Text(
            "Winnow cannot run this by itself", "“{kind}” is no work that can be scheduled.", "Use one of: {known}."
        ),
        "schedule.source_gone": Text(
            "What the schedule works on is gone",
            "{what} was deleted, or does not belong to the team any more.",
            "Edit the schedule and choose another one, or delete the schedule.",
        ),
        "schedule.stale": Text(
            "Somebody changed this before you",
            "The schedule was changed since you opened the page, so nothing was saved.",
            "Load the page again and repeat your change.",
            status=409,
        ),
        "schedule.secret": Text(
            "The webhook has no secret",
            "Messages are signed, and there is no secret for this address to sign them with.",
            "Enter a secret of at least 16 characters that the receiver knows too.",
        ),
        "schedule.webhook": Text(
            "This is no address for a webhook", "{url} {why}.", "Enter an address that begins with https:// or http://."
        ),
        "schedule.draft": Text(
            "The files have come and wait for somebody",
            "{name} could not be read in by itself: something else was being read into the same place.",
            "Open the import and start it.",
            status=409,
        ),
        "schedule.generation": Text(
            "The generation ended without a candidate",
            "It is {state}: {why}",
            "Open the generation to mend what stopped it, then resume it there.",
        ),
        "alert.refused": Text(
            "The message about a failed schedule was refused",
            "{to} answered: {why}.",
            "Check the address and the secret on the schedule's page; messages to come are tried anew.",
        ),
        "alert.gone": Text(
            "Nobody is left to tell",
            "{what} is gone, so the message about the failed schedule was not sent.",
            "Choose on the schedule's page who is told.",
        ),
    }
)
