"""The words of what can go wrong with tasks."""

from config.faults import Text, register

register(
    {
        "task.name_taken": Text(
            "This team has a task of that name",
            "There is a task named {name} already.",
            "Take another name.",
        ),
        "task.form_breaks": Text(
            "Answers would no longer fit this form",
            "{said}",
            "Confirm the change, or take it back. No answer is rewritten.",
            status=409,
        ),
        "natural.file": Text(
            "{file} is not brought in",
            "{place} {why}",
            "{mend} Nothing of this file was kept.",
        ),
        "demonstration.not_accepted": Text(
            "Only accepted examples become demonstrations",
            "This example is {state}, so there is no answer yet that the team stands for.",
            "Accept it first.",
        ),
    }
)
