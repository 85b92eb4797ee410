"""The words of what can go wrong with tasks."""

from config.faults import Text, register

register(
    {
        "task.name_taken": Text(
            "This team has a task of that name",
            "There is a task named {name} already.",
            "Take another name.",
        ),
    }
)
