"""Candidates in the order in which a person looks through them: like ones together, the largest groups first.

Likeness is the estimated Jaccard similarity of word 3-grams (Broder 1997, `selection.kernels.minhash`) of what sets
candidates apart: an instruction that all of them share is left out. Clusters join by chains, so each is cut again into
groups around a first one that all others of the group resemble. Nothing of it is chance: the same candidates, the same
groups.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from curation.content import load, render
from curation.models import Candidate, Generation
from curation.synthesis import inputs

ALIKE = 0.5  # Jaccard of word 3-grams at which two stand together
AROUND = 0.4  # and to the first of the group, at least
MOST_CUTS = 200  # groups that a chain of like ones is cut into; what is left then stands alone
TEXT = 20_000  # characters of a candidate that are compared
LABEL = 80
BATCH = 1_000

KEEP = """
UPDATE curation_candidate c SET alike = v.alike, place = v.place, chars = v.chars, label = v.label
FROM unnest(%(ids)s::bigint[], %(alike)s::bigint[], %(place)s::int[], %(chars)s::int[], %(label)s::text[])
  AS v(id, alike, place, chars, label)
WHERE c.id = v.id
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One candidate, as far as it decides where it stands."""

    id: int
    instruction: str
    rest: str
    answer: str


def arrange(generation: Generation, tick: Callable[[int], None] = lambda _: None) -> int:
    """Write the group, the place, the length and the label of every candidate of a run; returns how many groups."""
    lines = [_line(one) for one in _rows(generation)]
    tick(len(lines) // 2)
    groups = grouped(_texts(lines))
    labels = set(inputs.labels_of(generation.task))
    ids: list[int] = []
    alike: list[int] = []
    for group in groups:
        ids += [lines[at].id for at in group]
        alike += [lines[group[0]].id] * len(group)
    by_id = {one.id: one for one in lines}
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        answers = [by_id[one].answer for one in part]
        facts: dict[str, Any] = {
            "ids": part, "alike": alike[start : start + BATCH], "place": list(range(start, start + len(part))),
            "chars": [len(text) for text in answers],
            "label": [text.strip()[:LABEL] if text.strip() in labels else "" for text in answers],
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(KEEP, facts)
        tick(start + len(part))
    return len(groups)


def _rows(generation: Generation) -> Any:
    rows = Candidate.objects.filter(generation=generation).only("id", "content", "pair").order_by("pk")
    return rows.iterator(chunk_size=2_000)


def _line(row: Candidate) -> Line:
    content = load(row.content)
    if content.kind == "single":
        answer = content.outputs[0] if content.outputs else ""
        return Line(row.pk, content.instruction, f"{content.input}\n{answer}", answer)
    last = content.messages[-1].text if content.messages else ""
    return Line(row.pk, content.system, render(content, "text"), last)


def _texts(lines: Sequence[Line]) -> list[str]:
    """What is compared. An instruction that most share says nothing about which are alike."""
    common = {
        text for text, count in Counter(one.instruction for one in lines).items() if count > max(1, len(lines) // 2)
    }
    return [
        (one.rest if one.instruction in common else f"{one.instruction}\n{one.rest}")[:TEXT].strip() for one in lines
    ]


def grouped(texts: Sequence[str]) -> list[list[int]]:
    """Places of the texts, in groups: the largest first, of equals the one that begins first; each led by its first."""
    import numpy as np

    from selection.kernels import minhash

    if not texts:
        return []
    signed = minhash.signatures(texts)
    heads = minhash.clusters(signed, np.arange(len(texts), dtype=np.int64), ALIKE)
    chains: dict[int, list[int]] = {}
    for at, head in enumerate(heads.tolist()):
        chains.setdefault(head, []).append(at)
    groups = [group for chain in chains.values() for group in _cut(signed, chain)]
    return sorted(groups, key=lambda group: (-len(group), group[0]))


def _cut(signed: Any, chain: list[int]) -> list[list[int]]:
    """Groups of a chain, each around its first; within a group the likest to the first come first."""
    import numpy as np

    left = np.asarray(chain)
    found: list[list[int]] = []
    while len(left) and len(found) < MOST_CUTS:
        near = (signed[left] == signed[left[0]]).mean(axis=1)
        near[0] = 2.0  # the first, also where others equal it
        close = near >= AROUND
        order = np.argsort(-near[close], kind="stable")
        found.append(left[close][order].tolist())
        left = left[~close]
    return found + [[int(at)] for at in left]
