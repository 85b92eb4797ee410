from selection.models.feature import Feature
from selection.models.pool import Import, Pool, Shard
from selection.models.run import Pick, Run
from selection.models.target import Target, TargetRow

__all__ = ["Feature", "Import", "Pick", "Pool", "Run", "Shard", "Target", "TargetRow"]
