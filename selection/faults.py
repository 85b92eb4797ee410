"""The words of selection's faults."""

from config.faults import Text, register
from curation import formats

register({code: Text(*words) for code, words in formats.TEXTS.items()})
register(
    {
        "target.name_taken": Text(
            "There is a target of this name",
            "The team already has a target named {name}.",
            "Choose another name.",
        ),
        "target.empty": Text(
            "No row could be taken",
            "A target needs at least one row, and none was readable. {why}",
            "Mend the rows and send them again.",
        ),
        "target.too_large": Text(
            "That is too much for a target",
            "A target has at most {limit} rows; a few hundred are plenty.",
            "Take a part of the file, or import it as a pool and tick rows there.",
        ),
        "target.nothing_left": Text(
            "No row is left",
            "None of the {rows} rows has {value} in the column {column}.",
            "Check the spelling, or leave the condition empty to take all rows.",
        ),
        "target.no_columns": Text(
            "No column holds text that stands for a row",
            "The columns of {name} are: {columns}.",
            "Name the columns instruction, input and output, prompt and completion, messages, or text.",
        ),
        "target.frozen": Text(
            "This target is frozen",
            "A run has used {name}, and runs must stay repeatable, so its rows no longer change.",
            "Copy it to a new target and edit the copy.",
            status=409,
        ),
        "target.row_twice": Text(
            "The target holds this row already",
            "Another row of {name} says exactly the same, and a doubled row would weigh double.",
            "Change the text, or delete one of the two.",
        ),
        "target.last_row": Text(
            "A target keeps one row",
            "This is the only row of {name}.",
            "Add another row first, or delete the whole target.",
        ),
        "target.in_use": Text(
            "The target is in use",
            "{name} was used by {runs}, and a run must stay repeatable.",
            "Delete those runs first.",
            status=409,
        ),
        "target.bad_ticks": Text(
            "These rows cannot be taken",
            "The page sent something that is no row of the pool, or more than 1,000 rows at once.",
            "Load the pool's page again and tick at most 1,000 rows.",
        ),
        "target.no_ticks": Text(
            "No row is ticked",
            "Rows of {pool} become a target by ticking them.",
            "Go back, tick the rows that stand for your task, and send them again.",
        ),
    }
)

__all__ = ["Text", "register"]
