"""The words of what can go wrong when a file is read and its rows come in."""

from config.faults import Text, register
from curation import formats

register({code: Text(*words) for code, words in formats.TEXTS.items()})
register(
    {
        "import.started": Text(
            "This import has already started",
            "{name} is on its way or done, so its mapping cannot be changed any more.",
            "Send the file once more if it should be read differently.",
            status=409,
        ),
        "import.no_bad": Text(
            "There are no bad rows", "Every row of {name} is in.", "Go back to the import.", status=404
        ),
        "import.no_good_row": Text(
            "No row can be read",
            "All rows at the beginning of {name} are bad. Line {line} {reason}",
            "Mend the file, or check that it is the right one, then send it again.",
            again=False,
        ),
        "import.gone": Text(
            "The file is no longer here",
            "{name} was removed after its import ended.",
            "Send the file again.",
            status=409,
        ),
        "import.too_many_bad": Text(
            "Too many rows are bad",
            "{bad} of {seen} rows of {name} could not be read, more than the {share} that you allow. "
            "The most frequent reason: “{reason}”.",
            "Check the mapping of the columns, mend the file, or allow more bad rows. Nothing was added.",
        ),
        "import.mapping": Text(
            "The columns do not make a row",
            "{why}",
            "Choose at least the column of the instruction, of the messages, or of the text.",
        ),
    }
)
