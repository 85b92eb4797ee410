"""The words of what can go wrong with collections and datasets."""

from config.faults import Text, register

register(
    {
        "dataset.name_taken": Text(
            "This team has a {kind} of that name", "There is a {kind} named {name} already.", "Take another name."
        ),
        "dataset.recipe": Text("The recipe cannot be followed", "{place} {why}", "{mend}"),
        "dataset.stale": Text(
            "The recipe was changed meanwhile",
            "Somebody saved this dataset after you opened it.",
            "Open it again: your changes are still in the fields of this page.",
            status=409,
        ),
        "dataset.splits_fixed": Text(
            "The splits are fixed",
            "This dataset has a frozen version, and a row never changes its split.",
            "Make a new dataset for other splits.",
        ),
        "dataset.no_sources": Text(
            "The recipe has no source",
            "There is nothing to make a version of.",
            "Add a task, a collection or a version.",
        ),
        "dataset.source_gone": Text(
            "A source is gone",
            "{place}: there is no {kind} {number} in this team that could be used.",
            "Take it out of the recipe.",
        ),
        "dataset.empty": Text(
            "No row is left",
            "{seen} rows were looked at and the recipe lets none through. {reason}",
            "Loosen the filters, or look at the preview of the recipe.",
            again=False,
        ),
        "dataset.freezing": Text(
            "A version is being frozen",
            "Version {number} is on its way.",
            "Wait for it, or cancel it.",
            status=409,
        ),
        "dataset.not_frozen": Text(
            "This version is not frozen yet", "{name} has no rows yet.", "Wait until it is frozen.", status=409
        ),
        "dataset.freeze_failed": Text(
            "This version was never frozen",
            "Freezing {name} failed, so it has no rows.",
            "Change the recipe if that is why, and freeze another version.",
            status=409,
        ),
        "dataset.version_used": Text(
            "This version is in use", "It is a source of {used}.", "Take it out of that recipe first.", status=409
        ),
        "dataset.version_tagged": Text(
            "This version has tags",
            "It is tagged {tags}, so others may count on it.",
            "Take the tags away first.",
            status=409,
        ),
        "dataset.tag": Text("This tag cannot be used", "{tag} {why}", "{mend}"),
        "dataset.nothing_fits": Text(
            "No row fits this format",
            "{name} has {rows} rows, and none of them can be written as {format}: {reason}.",
            "Choose a format that fits what the rows hold.",
            again=False,
        ),
        "dataset.format": Text("There is no such format", "{format} is no format.", "The formats are {known}."),
        "dataset.unknown": Text("There is no such dataset", "{what}", "{mend}"),
        "collection.used": Text(
            "This collection is in use", "It is a source of {used}.", "Take it out of that recipe first.", status=409
        ),
        "collection.empty": Text(
            "There are no rows",
            "{name} holds no row that could be read.",
            "Look at the mapping of its columns.",
            again=False,
        ),
        "collection.not_ready": Text(
            "This collection is not ready", "The rows of {name} are still on their way.", "Wait for them.", status=409
        ),
        "collection.mapping": Text("The file cannot be read like this", "{place} {why}", "Choose another column."),
    }
)
