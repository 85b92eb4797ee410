"""The record in words: the actions of this app."""

from curation.deeds import column, register, register_things

register(
    {
        "pool.created": "made a pool",
        "pool.renamed": "renamed a pool to",
        "pool.deleted": "deleted a pool",
        "target.created": "made a target",
        "target.copied": "copied a target",
        "target.described": "described a target",
        "target.rows_added": "added rows to a target",
        "target.row_edited": "edited a row of a target",
        "target.row_deleted": "deleted a row of a target",
        "target.bad_rows_dismissed": "dismissed the bad rows of a target",
        "target.deleted": "deleted a target",
        "run.started": "started",
        "run.cancelled": "cancelled",
        "run.resumed": "resumed",
        "run.deleted": "deleted",
        "task.ordered": "put the queue in order of",
        "task.order_undone": "undid an order of the queue of",
        "run.sent": "sent picks of",
        "preset.kept": "kept settings under a name",
        "preset.deleted": "deleted the settings named",
        "run.feature_looked_up": "looked up a feature of",
        "run.feature_name_asked": "asked a model to name a feature of",
        "run.features_muted": "selected again without features:",
        "sae.trained": "began to train a sparse autoencoder",
        "sae.loaded": "began to load a sparse autoencoder",
        "sae.cancelled": "cancelled a sparse autoencoder",
        "sae.resumed": "resumed a sparse autoencoder",
        "sae.renamed": "renamed a sparse autoencoder to",
        "sae.archived": "archived a sparse autoencoder",
        "sae.restored": "took back from the archive a sparse autoencoder",
        "sae.deleted": "deleted a sparse autoencoder",
        "sae.feature_named": "named a feature",
    }
)

register_things(
    {"selection.target": column("selection.target", "name"), "selection.pool": column("selection.pool", "name")}
)
