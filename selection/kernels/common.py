"""Stretches of text that two texts share."""

SEED = 8  # characters


def shared_stretches(text: str, other: str, most: int = 5, seed: int = SEED) -> list[str]:
    """The longest stretches of `text` that stand in `other` too, longest first, none inside another.

    Greedy from the left, as deflate looks for matches: at each place the longest match, then on behind it.
    Only stretches of at least `seed` characters count; space around them is cut off.
    """
    places: dict[str, list[int]] = {}
    for at in range(len(other) - seed + 1):
        held = places.setdefault(other[at : at + seed], [])
        if len(held) < 16:  # bounds the work for texts that repeat themselves
            held.append(at)
    found: set[str] = set()
    at = 0
    while at <= len(text) - seed:
        length = max((_match(text, at, other, place) for place in places.get(text[at : at + seed], ())), default=0)
        if length:
            found.add(text[at : at + length].strip())
        at += length or 1
    kept: list[str] = []
    for stretch in sorted(found, key=lambda stretch: (-len(stretch), stretch)):
        if len(stretch) >= seed and not any(stretch in longer for longer in kept):
            kept.append(stretch)
        if len(kept) == most:
            break
    return kept


def _match(text: str, at: int, other: str, place: int) -> int:
    """How many characters agree from `text[at]` and `other[place]` on."""
    most = min(len(text) - at, len(other) - place)
    low, high = 0, most  # agreement of prefixes is monotone, so halve
    while low < high:
        middle = (low + high + 1) // 2
        if text[at : at + middle] == other[place : place + middle]:
            low = middle
        else:
            high = middle - 1
    return low
