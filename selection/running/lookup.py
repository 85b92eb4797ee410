"""What `choose` asks about candidate rows: source, length, content, text. Read as little as the options need."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curation.content import Mapping as Columns
from curation.content import key_of, read, row_dicts
from selection import models, store
from selection.methods import Options, Place, Row
from selection.running.inputs import ShardRows

GROUPS_KEPT = 64  # decoded row groups (2,000 rows each) that are kept at once


class Lookup:
    """Called by `choose` with places whose column is the item's number; `shard_of` says which shard that is."""

    def __init__(self, shards: Sequence[models.Shard], shard_of: Sequence[int], options: Options) -> None:
        self.shards, self.shard_of, self.options = shards, shard_of, options
        self._own: dict[int, tuple[NDArray[np.int32], NDArray[np.int32], list[str]]] = {}
        self._groups: OrderedDict[tuple[int, int], list[dict[str, object]]] = OrderedDict()

    def __call__(self, places: Sequence[Place]) -> list[Row]:
        # In the order of the files, so that every row group is decoded once a batch.
        order = sorted(range(len(places)), key=lambda n: (self.shard_of[places[n].column], places[n].row))
        found: dict[int, Row] = {n: self._row(self.shard_of[places[n].column], places[n]) for n in order}
        return [found[n] for n in range(len(places))]

    def _row(self, number: int, place: Place) -> Row:
        if number not in self._own:
            rows = ShardRows(self.shards[number])
            self._own[number] = (rows.chars(), *rows.sources())
        chars, codes, names = self._own[number]
        source, length = names[codes[place.row]], int(chars[place.row])
        if not self.options.exact_duplicates and not self.options.needs_text:
            return Row(source, length)
        shard = self.shards[number]
        if not self.options.needs_text and not shard.mapping.get("id"):
            # Without a mapped id the key is the content's own; repeats carry ~2, ~3.
            return Row(source, length, place.key.partition("~")[0])
        row = self._group(number, place.row // store.ROW_GROUP)[place.row % store.ROW_GROUP]
        content = read(row, Columns.from_dict(shard.mapping))
        return Row.of(content, source, length, key_of(content))

    def _group(self, number: int, group: int) -> list[dict[str, object]]:
        if (number, group) not in self._groups:
            shard, start = self.shards[number], group * store.ROW_GROUP
            rows = ShardRows(shard, start, min(start + store.ROW_GROUP, shard.rows))
            self._groups[number, group] = row_dicts(rows.content)
            while len(self._groups) > GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end((number, group))
        return self._groups[number, group]
