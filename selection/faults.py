"""The words of selection's faults."""

from config.faults import Text, register

register(
    {
        "ordering.running": Text(
            "The queue is being put in order",
            "An order of {task} is being made already.",
            "Wait until it stands, or cancel it on the task's page of orders.",
            status=409,
        ),
        "ordering.nothing_open": Text(
            "There is nothing to put in order",
            "{task} has fewer than two examples that still want answers.",
            "Add examples first, or send picks of a run to the task.",
        ),
        "ordering.too_many": Text(
            "There are too many open examples for this order",
            "The task has {examples} of them, and {method} sees at most {limit} at once.",
            "Choose another order, or send fewer picks to the task.",
        ),
        "ordering.task_gone": Text(
            "The task is gone",
            "The task whose queue was to be put in order was deleted meanwhile.",
            "Bring the task back, then order its queue again.",
        ),
        "ordering.undone": Text(
            "There is nothing to undo",
            "This order was undone already, or never stood.",
            "Load the page again to see how the queue stands.",
            status=409,
        ),
        "ordering.superseded": Text(
            "A later order stands on this one",
            "The queue was put in order again since.",
            "Undo the later order first.",
            status=409,
        ),
        "target.name_taken": Text(
            "There is a target of this name",
            "The team already has a target named {name}.",
            "Choose another name.",
        ),
        "preset.name_taken": Text(
            "There are settings of this name",
            "The team already keeps settings named {name}.",
            "Choose another name, or delete the other settings first.",
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
register(
    {
        "pool.name_taken": Text(
            "There is a pool of this name",
            "The team already has a pool named {name}.",
            "Choose another name, or add the rows to that pool from its page.",
        ),
        "pool.busy": Text(
            "An import into this pool is running",
            "Rows are added by one import at a time, so that their keys stay unique.",
            "Wait until {name} is in, or cancel it, then start this one.",
            status=409,
        ),
        "pool.in_use": Text(
            "Runs refer to this pool",
            "{runs} of {name} would lose the rows of their picks.",
            "Delete those runs first, or tick “and its runs” to delete them together.",
        ),
    }
)
register(
    {
        "run.empty_pool": Text(
            "The pool has no rows",
            "{pool} holds no row that could be picked.",
            "Import a file into it, then start the selection.",
            again=False,
        ),
        "run.no_target": Text(
            "This method needs a target",
            "{method} looks for rows like those of a target, and none was named.",
            "Choose a target, or the method random.",
        ),
        "run.too_many_rows": Text(
            "The pool is too large for this method alone",
            "{method} holds something of every row at once, at most {most} rows; the pool has {rows}.",
            "Take the method cascade with {name} as its second, behind a cheap one such as bm25.",
            again=False,
        ),
        "run.no_test_set": Text(
            "A test set is gone",
            "The target {target}, whose rows are to be kept out, is not among the team's targets.",
            "Choose the test sets again.",
        ),
        "run.no_method": Text(
            "There is no such method",
            "This installation has no method named {method}.",
            "Choose one of the methods that the page offers. Workers of another version may have to be restarted.",
        ),
        "run.other_version": Text(
            "The method has changed since the run was started",
            "The run was promised the picks of {method} version {wanted}; this worker has version {mine}.",
            "Start the run again with the new version, or restart the workers with the old one and resume.",
            again=False,
        ),
        "run.params": Text(
            "A setting of the method cannot be used",
            "The field {field} {why}.",
            "Start the run again with another value.",
            again=False,
        ),
        "run.unreadable": Text(
            "A row of the pool cannot be read",
            "In {pool} the field {field} {why}.",
            "Import the file again with a mapping that fits, and start the run on the new pool.",
        ),
        "run.memory": Text(
            "There is not enough memory",
            "{method} asked for more memory than this machine gives to a worker.",
            "Use a smaller target or pool, or give the worker more memory, then resume.",
        ),
        "run.shard_gone": Text(
            "A part of the pool is no longer there",
            "{pool} was changed while the run waited, so its picks could not be what was promised.",
            "Start the run again on the pool as it is now.",
        ),
        "run.send_gone": Text(
            "There is nothing to send the picks to or from",
            "The {what} was deleted before its picks were on their way.",
            "Choose another one and send them again.",
            status=409,
        ),
        "run.still_running": Text(
            "The run is not over",
            "{run} still has work under way.",
            "Cancel it first, then delete it.",
            status=409,
        ),
        "run.no_picks_yet": Text(
            "There are no picks yet",
            "Run {number} has not finished, so there is nothing to download or to send.",
            "Wait until it is done, or resume it if it stopped.",
            status=409,
        ),
    }
)
register(
    {
        "sae.name_taken": Text(
            "There is a sparse autoencoder of this name",
            "The team already has a sparse autoencoder named {name}.",
            "Choose another name.",
        ),
        "sae.pool_gone": Text(
            "Rows that were to be read are gone",
            "The pool was deleted or changed while the sparse autoencoder was made.",
            "Start it again on a pool that is there.",
            status=409,
        ),
        "sae.too_little": Text(
            "There is too little text to learn from",
            "The rows gave {tokens} tokens; {least} are the least.",
            "Take a larger pool, or look at more tokens of each row.",
            again=False,
        ),
        "sae.not_finite": Text(
            "The model gave numbers that are not finite",
            "Hidden states of the model hold infinite or undefined numbers.",
            "Choose another layer, or another model: its weights may be spoilt.",
        ),
        "sae.cannot": Text(
            "The sparse autoencoder cannot be had",
            "{what}",
            "{mend}",
        ),
        "sae.in_use": Text(
            "The sparse autoencoder is in use",
            "{name} was used by {runs}, and runs must stay repeatable.",
            "Archive it instead, or delete those runs first.",
            status=409,
        ),
        "sae.working": Text(
            "The work is not over",
            "{name} is still being made.",
            "Cancel it first, then delete it.",
            status=409,
        ),
        "sae.not_usable": Text(
            "This sparse autoencoder cannot be used",
            "{identity} {why}.",
            "Choose one that passed, or train one.",
        ),
        "sae.no_feature": Text(
            "There is no such feature",
            "Feature {feature} is not among the {latents} of this sparse autoencoder.",
            "Choose one from the list of features of the run.",
            status=404,
        ),
        "sae.no_texts": Text(
            "There are no texts to name it by",
            "Nobody has looked up where feature {feature} fires, or it fires in no row of the pool.",
            "Open the page of the feature and wait for its texts, then ask again.",
            status=409,
        ),
        "sae.named_by_person": Text(
            "A person has named this feature",
            "Feature {feature} has a name by a person, and a model does not write over it.",
            "Take that name away first, if a model shall find another.",
            status=409,
        ),
        "sae.no_name": Text(
            "The model gave no name",
            "{name} was asked, and its answer is none that could be used: {why}.",
            "Ask another model, or write the name yourself.",
        ),
        "sae.not_kept": Text(
            "The features of its rows were not kept",
            "Run {number} was started without keeping what it read, so nobody can look through it now.",
            "Start it again with “Keep the features”.",
        ),
        "sae.not_a_run_of_features": Text(
            "This run knows no features",
            "Run {number} was made by a method that does not look at features, or its sparse autoencoder is gone.",
            "Start a selection with the method mona.",
            status=404,
        ),
    }
)
__all__ = ["Text", "register"]
