"""The kinds of fields. A new kind is one file here, one line below, and one template."""

from curation.answers.kinds.base import Kind
from curation.answers.kinds.dialogue import Dialogue
from curation.answers.kinds.labels import Labels
from curation.answers.kinds.pair import Pair, pair_texts
from curation.answers.kinds.ranking import Ranking
from curation.answers.kinds.rating import Rating
from curation.answers.kinds.spans import Spans
from curation.answers.kinds.structured import Json
from curation.answers.kinds.text import Text

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (Text(), Labels(), Spans(), Rating(), Ranking(), Json(), Dialogue(), Pair())
}

__all__ = ["KINDS", "Kind", "pair_texts"]
