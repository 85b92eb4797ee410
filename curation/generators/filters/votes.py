"""Several samples of one answer: which is meant, and how sure; and labels in equal number."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from curation.generators.chance import Chance
from curation.generators.filters.texts import natural
from curation.generators.model import Candidate, Verdict


class Vote(NamedTuple):
    """`text` as the first sample that said it had it; `share` of the samples that can be read."""

    text: str
    share: float


def vote(samples: Sequence[str], same: Callable[[str], str] = str.strip) -> Vote | None:
    """The most frequent sample; of equally frequent ones the shortest, then the first in the alphabet. None of none.

    Wang and others 2023 (self-consistency), as used in Zhao and others 2024.
    """
    counts = Counter(same(text) for text in samples)
    if not counts:
        return None
    best = min(counts, key=lambda text: (-counts[text], len(text), text))
    first = next(text for text in samples if same(text) == best)
    return Vote(first.strip(), counts[best] / len(samples))


def consistency(found: Vote | None, least: float) -> Verdict:
    share = found.share if found else 0.0
    passed = found is not None and share >= least
    said = "" if passed else f"{share:.0%} of the samples agree; {least:.0%} are wanted."
    return Verdict("consistency", 1, passed, said, round(share, 4), least)


def balance(
    candidates: Sequence[Candidate], labels: Sequence[str], label_of: Callable[[Candidate], str], chance: Chance
) -> Mapping[str, tuple[Verdict, ...]]:
    """As many of every label as of the rarest; the best-scored stay, chance by key among equals.

    A label that no candidate has fails them all: silently left out, the data would teach that it does not exist.
    """
    held: dict[str, list[Candidate]] = {label: [] for label in labels}
    for one in candidates:
        if label_of(one) in held:
            held[label_of(one)].append(one)
    if not candidates or not labels:
        return {}
    none = [label for label in labels if not held[label]]
    most = min(len(ones) for ones in held.values())
    found: dict[str, tuple[Verdict, ...]] = {}
    for label, ones in held.items():
        order = sorted(ones, key=lambda one: (-(one.score or 0.0), chance.number("balance", one.key), natural(one.key)))
        for place, one in enumerate(order):
            said = ""
            if none:
                said = f"No candidate has the label {', '.join(none)}, so the labels cannot be balanced."
            elif place >= most:
                said = f"There are {len(ones)} of {label} and {most} of the rarest label."
            found[one.key] = (Verdict("balance", 1, not said, said, len(ones), most),)
    return found
