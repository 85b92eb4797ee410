from selection.models.feature import Feature
from selection.models.ordering import Ordering
from selection.models.pool import Import, Pool, Shard
from selection.models.preset import Preset
from selection.models.run import Pick, Run
from selection.models.sae import FeatureLook, FeatureName, SparseAutoencoder
from selection.models.target import Target, TargetRow
from selection.models.value import PassValue

__all__ = [
    "Feature", "FeatureLook", "FeatureName", "Import", "Ordering", "PassValue", "Pick", "Pool", "Preset", "Run", "Shard",
    "SparseAutoencoder", "Target", "TargetRow",
]  # fmt: skip
