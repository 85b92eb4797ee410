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
        "hub.gone": Text(
            "The files of this push are gone",
            "{name} was written for it, and a later push of the dataset cleaned up.",
            "Push the version again.",
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
register(
    {
        "hub.no_dataset": Text(
            "The hub has no such dataset",
            "{dataset} is not on {endpoint}, or not for {who}.",
            "Check the spelling (owner/name). For a private one, an owner of the team enters a token that may read it.",
            status=404,
        ),
        "hub.gated": Text(
            "This dataset is behind a condition",
            "{dataset} is shown only to those who accepted its terms on the hub; {who} did not.",
            "Accept the terms on its page on the hub with the account of the team's token, then resume.",
        ),
        "hub.no_revision": Text(
            "The dataset has no such revision",
            "{dataset} has no branch, tag or commit called {revision}.",
            "Look up its branches and tags on the hub, or leave the field empty for the newest state.",
        ),
        "hub.no_config": Text(
            "Which configuration?",
            "The dataset has {there}; asked for was {asked}.",
            "Name one of these as the configuration.",
        ),
        "hub.no_split": Text(
            "Which split?", "The configuration has {there}; asked for was {asked}.", "Name one of these as the split."
        ),
        "hub.no_data": Text(
            "No rows are found in the dataset",
            "There is {there}. Parquet, JSONL, JSON, CSV and TSV can be read, also as .gz and .zst.",
            "Try the revision refs/convert/parquet, where the hub keeps many datasets as Parquet, or download the files "
            "and import what they hold.",
        ),
        "hub.too_large": Text(
            "The split is too large",
            "Its {files} have {size}, and {limit} are allowed.",
            "Choose a smaller configuration or split, or have HUB_MAX_BYTES raised.",
        ),
        "hub.damaged": Text(
            "A file did not arrive whole",
            "What came as {name} is not what the hub announced: its hash is another one.",
            "Resume to fetch it anew. If it happens again, tell whoever runs the hub.",
        ),
        "hub.fetch_gone": Text(
            "What the rows were to go into is gone",
            "The {what} was deleted meanwhile.",
            "Discard this import and start a new one.",
        ),
        "hub.fetch_done": Text(
            "This import is past that",
            "Its files have come or it was discarded.",
            "Load the page again.",
            status=409,
        ),
    }
)
