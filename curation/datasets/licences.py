"""What the licences of a dataset's rows mean for the whole. No legal advice: it points out what to look at."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_SA = re.compile(r"(-sa\b|sharealike|share-alike|\bgpl|agpl|lgpl|odbl|gfdl)")
_NC = re.compile(r"(-nc\b|noncommercial|non-commercial|research[- ]only)")
_ND = re.compile(r"(-nd\b|noderiv|no-deriv)")
_UNKNOWN = ("", "unknown", "other", "n/a", "none")


@dataclass(frozen=True, slots=True)
class Conflict:
    level: Literal["warning", "note"]
    text: str


def conflicts(counts: Mapping[str, int]) -> list[Conflict]:
    """What stands against each other, given how many rows have which licence."""
    found: list[Conflict] = []
    names = {name: name.lower().strip() for name, rows in counts.items() if rows}
    unnamed = sum(counts[name] for name, low in names.items() if low in _UNKNOWN)
    if unnamed:
        found.append(
            Conflict("warning", f"{unnamed:,} rows name no licence: nobody knows whether they may be passed on.")
        )
    known = {name: low for name, low in names.items() if low not in _UNKNOWN}
    alike = sorted(name for name, low in known.items() if _SA.search(low) and not _NC.search(low))
    alike_nc = sorted(name for name, low in known.items() if _SA.search(low) and _NC.search(low))
    free = sorted(name for name, low in known.items() if not _NC.search(low))
    closed = sorted(name for name, low in known.items() if _NC.search(low))
    found += [
        Conflict("warning", f"{name} allows no changed copies; a dataset made of parts of it may be one.")
        for name in sorted(name for name, low in known.items() if _ND.search(low))
    ]
    families = {_family(known[name]) for name in (*alike, *alike_nc)}
    if len(families) > 1:
        both = " and ".join(sorted([*alike, *alike_nc])[:4])
        found.append(Conflict("warning", f"{both} each ask that the whole be passed on under themselves alone."))
    elif alike and closed:
        found.append(
            Conflict("warning", f"{alike[0]} forbids further limits, and {closed[0]} sets one: no commercial use.")
        )
    if closed and free and not alike:
        found.append(Conflict("note", f"{', '.join(closed[:4])}: the whole may not be used commercially."))
    if alike and not closed and len(known) > 1 and len(families) == 1:
        found.append(Conflict("note", f"{alike[0]}: the whole is passed on under the same licence."))
    return found


def _family(low: str) -> str:
    """Versions of one licence go together; non-commercial share-alike is a licence of its own."""
    base = "cc-by-nc-sa" if "cc" in low and _NC.search(low) else "cc-by-sa" if low.startswith("cc") else low
    return base if base.startswith("cc") else re.sub(r"[-v ]?\d+(\.\d+)*.*$", "", low)
