"""What passes of scheduled runs have computed, kept so that a run on a grown pool computes it for new rows only."""

from django.db import models
from django.utils import timezone

from selection.models.pool import Shard
from selection.models.run import Run


class PassValue(models.Model):
    """The part that one pass made of rows start..stop of a shard: an npz file.

    It holds for everything that decided it: `key` (sha256) over method, version, parameters, seed, target, pass, shard
    and mapping; `given` is the rest: the values of earlier passes by content, and what else the map looked at.
    """

    shard = models.ForeignKey(Shard, models.CASCADE, related_name="values")
    key = models.CharField(max_length=64)
    start = models.PositiveIntegerField()
    stop = models.PositiveIntegerField()
    given = models.JSONField(default=dict)
    given_sha = models.CharField(max_length=64)
    path = models.CharField(max_length=500)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+", help_text="The last that used it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shard", "key", "start", "stop", "given_sha"], name="pass_value_once")
        ]

    def __str__(self) -> str:
        return f"rows {self.start} to {self.stop} of {self.shard_id}"
