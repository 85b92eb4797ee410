"""The words of what can go wrong with endpoints and generations."""

from config.faults import Text, register

register(
    {
        "endpoint.name_taken": Text(
            "This team has an endpoint of that name",
            "There is an endpoint named {name} already.",
            "Take another name.",
        ),
        "endpoint.address": Text(
            "This is not the address of an endpoint",
            "{url} {why}.",
            "Give the http or https address of an OpenAI-compatible server, up to and with /v1.",
        ),
        "endpoint.archived": Text(
            "This endpoint is archived",
            "{name} is no longer in use.",
            "Choose another endpoint.",
            status=409,
        ),
        "endpoint.unreachable": Text(
            "The endpoint may not be reached",
            "{name}: {host} is {why}.",
            "Use a public address, or have the host added to OUTBOUND_ALLOW.",
        ),
        "endpoint.key_refused": Text(
            "The endpoint refuses the key",
            "{name} answered: {said}",
            "Enter a key that works on the page of the endpoint, then resume. What was answered is kept.",
        ),
        "endpoint.quota": Text(
            "The account at the endpoint has nothing left",
            "{name} answered: {said}",
            "Top up the account or choose another endpoint, then resume. What was answered is kept.",
        ),
        "endpoint.local_model": Text(
            "The model cannot be loaded",
            "{model}: {why}",
            "{mend}",
        ),
        "generation.refused": Text(
            "The endpoint refuses every request",
            "The first {count} requests all failed; {name} answered: {said}",
            "Check the model's name and the settings of the endpoint, then ask for another try of what failed.",
        ),
        "generation.team_limit": Text(
            "The team's spending limit is reached",
            "{team} has spent {spent} of {limit} this month; the next request could cost {next}.",
            "Raise the limit or wait for the next month, then resume. What was answered is kept.",
        ),
        "generation.own_limit": Text(
            "The run's spending limit is reached",
            "It has spent {spent} of {limit}; the next request could cost {next}.",
            "Raise the limit of the run, then resume. What was answered is kept.",
        ),
        "generation.unknown": Text(
            "There is no such generator",
            "No generator is named {name}.",
            "Choose one of: {names}.",
        ),
        "generation.params": Text(
            "A parameter cannot be used",
            "{field} {why}.",
            "Correct it and start again.",
        ),
        "generation.missing": Text(
            "Something that the generator needs is not there",
            "{name} needs {what}.",
            "Add it to the task or to the sources, or choose another generator.",
        ),
        "generation.template": Text(
            "A prompt template cannot be used",
            "{name}: the section {why}.",
            "Correct the template.",
        ),
        "generation.limits": Text(
            "The limits cannot be used",
            "{why}",
            "Correct them and start again.",
        ),
        "generation.running": Text(
            "This run is still at work",
            "It is {state}, so nothing was changed.",
            "Wait until it has ended, or cancel it first.",
            status=409,
        ),
        "generation.nothing_failed": Text(
            "Nothing of this run failed",
            "Every request of it was answered.",
            "Start a new run for more candidates.",
            status=409,
        ),
        "generation.gone": Text(
            "What this run was started with is gone",
            "Its task and sources are no longer in the storage.",
            "Start a new run.",
            status=409,
        ),
        "assist.closed": Text(
            "This answer is no longer open",
            "A model helps while an answer is written; this one was submitted or skipped.",
            "Open another example.",
            status=409,
        ),
        "assist.no_endpoint": Text(
            "The team has no model to ask",
            "It has no endpoint, or the one that was chosen is no longer in use.",
            "Ask an owner of the team to add one, or choose another.",
            status=409,
        ),
        "assist.not_here": Text(
            "A model cannot be asked for that here",
            "The form of this task has no field that it could be done for.",
            "Choose one of the buttons that are there.",
        ),
        "assist.nothing": Text(
            "There is no answer yet",
            "A model was to look at the answer, and nothing is written.",
            "Write something first, or ask for a suggestion.",
        ),
        "assist.words": Text(
            "What is wrong was not said",
            "A repair needs to know what is wrong with the answer.",
            "Say it in a few words and press Repair again.",
        ),
        "assist.busy": Text(
            "The model is still at the last question",
            "One question about an answer is asked at a time.",
            "Wait for its answer, or leave it.",
            status=409,
        ),
        "assist.no_text": Text(
            "There is no text to take",
            "The model gave none, or it gave remarks and not an answer.",
            "Ask again, or write it yourself.",
            status=409,
        ),
        "candidate.nothing_ticked": Text(
            "No candidate is ticked",
            "Nothing was changed.",
            "Tick the candidates that this is for, or use the buttons of one of them or of a group.",
            status=422,
        ),
        "prompt.stale": Text(
            "Somebody else changed this prompt",
            "You wrote after version {number}; version {newest} is there now.",
            "Look at both texts and save again.",
            status=409,
        ),
        "candidate.taken": Text(
            "This candidate is an example already",
            "It is in the task, so it can no longer be dropped or rescued here.",
            "Change or delete the example.",
            status=409,
        ),
    }
)
