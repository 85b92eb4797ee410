"""Vectors of a pool's rows, made once and read by every later run."""

from django.db import models
from django.utils import timezone

from selection.models.pool import Shard


class Feature(models.Model):
    """Rows start..stop of a shard in one feature set: a .npy file, float16, rows × dims.

    `name` tells encoder, settings and view (`Pass.keeps`). Without this row its file does not count as made.
    """

    shard = models.ForeignKey(Shard, models.CASCADE, related_name="features")
    name = models.CharField(max_length=200)
    start = models.PositiveIntegerField()
    stop = models.PositiveIntegerField()
    dims = models.PositiveIntegerField()
    path = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["shard", "name", "start"]
        constraints = [models.UniqueConstraint(fields=["shard", "name", "start"], name="feature_of_rows")]

    def __str__(self) -> str:
        return f"{self.name}, {self.shard}, rows {self.start} to {self.stop}"
