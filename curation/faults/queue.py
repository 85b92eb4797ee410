"""The words of what can go wrong in the queue, the answers and their review."""

from config.faults import Text, register

register(
    {
        "annotation.stale": Text(
            "This answer was saved elsewhere",
            "It was saved in another window since you opened it here, so nothing was overwritten.",
            "Keep yours or take the other one; both texts are shown.",
            status=409,
        ),
        "annotation.closed": Text(
            "This answer is closed",
            "It is {state}, so it can no longer be changed.",
            "Go on with the next example. A reviewer can return it to you.",
            status=409,
        ),
        "annotation.invalid": Text(
            "The answer is not complete",
            "{problems}",
            "Correct the fields that are marked, and submit again.",
        ),
        "queue.paused": Text(
            "This task is paused",
            "A curator paused {task}; what you have open can still be submitted.",
            "Take another task, or ask a curator.",
        ),
        "queue.not_assigned": Text(
            "You are not assigned to this task",
            "Only assigned annotators get examples of {task}.",
            "Ask a curator to assign you.",
            status=403,
        ),
        "review.stale": Text(
            "Somebody decided this example before you",
            "It is {state} by now, so nothing was changed.",
            "Look at what was decided; you can still revert it.",
            status=409,
        ),
        "review.moved": Text(
            "The answers changed since you looked",
            "An answer came in, or was returned or saved anew, so nothing was decided.",
            "Look at the answers as they are now, and decide again.",
            status=409,
        ),
        "review.nothing": Text(
            "There is nothing to {verb}",
            "This example has no answer that waits for a decision.",
            "Go on with the next one.",
            status=409,
        ),
    }
)
