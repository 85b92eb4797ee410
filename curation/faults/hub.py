"""The words of what can go wrong with the hub."""

from config.faults import Text, register

ASK_OWNER = "Ask an owner of the team to enter one that works, under Team → Hub."

register(
    {
        "hub.no_token": Text(
            "This team has no token of the hub",
            "Nothing can be pushed without one.",
            "An owner enters it under Team → Hub; it needs to be one that may write.",
        ),
        "hub.elsewhere": Text(
            "The token is for another hub",
            "It was entered for {was}, and this installation now pushes to {now}. A token goes nowhere else than where "
            "it was entered for.",
            "An owner enters one for {now}, under Team → Hub.",
        ),
        "hub.token": Text(
            "The hub does not take the team's token",
            "It answered: {said}. The token may be revoked or mistyped.",
            ASK_OWNER,
        ),
        "hub.forbidden": Text(
            "The token may not do this",
            "The hub answered: {said}.",
            "Use a token with the right to write, and a name or an organisation that its owner may write to.",
        ),
        "hub.full": Text(
            "The space on the hub is used up",
            "The hub answered: {said}. Nothing was published.",
            "Free some space or have the plan raised there, then resume: files that are up are not sent again.",
        ),
        "hub.exists": Text(
            "This repository exists already",
            "{repo} is on the hub and was not made by this dataset.",
            "Take another name, or tick that it may be written to.",
            status=409,
        ),
        "hub.public": Text(
            "This repository is public",
            "{repo} can be read by everybody, and the push was to be private.",
            "Tick public if everybody may read these rows, or push to another repository.",
        ),
        "hub.missing": Text(
            "The hub does not have this",
            "It answered: {said}.",
            "Check the name of the repository, and that the token's owner may see it.",
        ),
        "hub.conflict": Text(
            "The hub reports a conflict",
            "It answered: {said}.",
            "Look at the repository on the hub, then resume.",
            status=409,
        ),
        "hub.refused": Text(
            "The hub did not take this", "It answered {status}: {said}.", "Mend what it names, then push again."
        ),
        "hub.unreachable": Text(
            "The hub does not answer", "{endpoint}: {why}.", "Check HF_ENDPOINT and the network, then try again."
        ),
        "hub.differs": Text(
            "What the hub holds is not what was sent",
            "In commit {commit} of {repo}, {names} differ from the files of the version.",
            "Do not use that commit. Push again; if it happens again, tell whoever runs the hub.",
        ),
        "hub.repo": Text(
            "This is no name of a repository",
            "{repo} {why}.",
            "Write it as owner/name: letters, digits, dots, dashes and underscores, 96 at most.",
        ),
        "hub.branch": Text(
            "This is no name of a branch",
            "{branch} {why}.",
            "Use letters, digits, dots, dashes and slashes, such as main.",
        ),
    }
)
