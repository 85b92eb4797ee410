"""The words of curation's faults."""

from config.faults import Text, register

register(
    {
        "team.last_owner": Text(
            "A team keeps one owner",
            "{name} is the only owner of {team}, so nobody could manage it afterwards.",
            "Make somebody else an owner first.",
        ),
        "invitation.gone": Text(
            "This invitation is no longer open",
            "It was used, withdrawn, or is older than {days} days.",
            "Ask an owner of the team for a new link.",
            status=410,
        ),
        "invitation.other_address": Text(
            "This invitation is meant for another address",
            "It was made for {email}, and you are signed in as {mine}.",
            "Sign out and open the link again, or ask an owner for a link of your own.",
            status=403,
        ),
    }
)
