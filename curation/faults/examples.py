"""The words of what can go wrong with examples."""

from config.faults import Text, register

register(
    {
        "example.key_taken": Text(
            "The task has this example already",
            "An example with the key {key} is in {task}.",
            "Open that one, or give this one another id.",
        ),
    }
)
