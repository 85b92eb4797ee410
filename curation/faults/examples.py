"""The words of what can go wrong with examples."""

from config.faults import Text, register

register(
    {
        "example.key_taken": Text(
            "The task has this example already",
            "An example with the key {key} is in {task}.",
            "Open that one, or give this one another id.",
        ),
        "example.too_many_parts": Text(
            "This example has too many parts for a page",
            "A page changes at most {turns} turns and {outputs} outputs.",
            "Change it by the API, or import it anew.",
        ),
        "example.unreadable": Text(
            "The text of this example cannot be read",
            "It was stored by another version, or changed outside of Winnow.",
            "Look at its history, and go back to an earlier revision.",
        ),
        "bulk.too_many": Text(
            "More examples than one change takes",
            "One change takes at most {limit} examples. Nothing was changed.",
            "Narrow the search or the filters, and change one part after the other.",
        ),
        "bulk.undone": Text(
            "This change is already undone",
            "Somebody took it back before you, so nothing was changed now.",
            "Look at the table as it is.",
            status=409,
        ),
        "bulk.value": Text("Nothing was changed", "{why}", "Correct it, and choose the button again."),
        "bulk.nothing_ticked": Text(
            "No example is ticked",
            "A change of ticked rows needs at least one of them. Nothing was changed.",
            "Tick rows, or choose all that match.",
        ),
    }
)
