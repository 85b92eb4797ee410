"""The sample pool: about 4,000 rows over thirteen families of tasks, made by this code and by nothing else.

Every row says which family it is from, so that a selection over it can be judged. The rows are the same on every
machine. The targets are of two of the families, with people, things and wordings that no pool row has.

    write("var/sample")     # pool.jsonl, target-word-problems.jsonl, target-bank-intents.jsonl
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from curation.formats import write_rows
from curation.sample import code, facts, prose, sums, talk
from curation.sample.words import Made

LICENCE = "CC0-1.0"
Row = dict[str, str]


class Family(NamedTuple):
    """One kind of task; its name is the `source` of its rows."""

    name: str
    rows: int
    make: Callable[[Random, bool], Made]


FAMILIES = (
    Family("word-problems", 420, sums.word_problem),
    Family("dates", 280, facts.date_question),
    Family("unit-conversion", 280, facts.conversion),
    Family("numbers-in-words", 260, facts.spelled),
    Family("python-functions", 320, code.function),
    Family("sql-queries", 320, code.query),
    Family("sentence-edits", 420, prose.edit),
    Family("named-entities", 320, prose.entities),
    Family("summaries", 320, prose.summary),
    Family("recipes", 260, prose.recipe),
    Family("bank-intents", 420, talk.bank_intent),
    Family("travel-intents", 260, talk.travel_intent),
    Family("booking-dialogues", 320, talk.dialogue),
)
TARGETS = ("word-problems", "bank-intents")


def pool() -> list[Row]:
    """The rows `id, instruction, input, output, source, task, licence`, families mixed, no two alike."""
    rows = [row for family in FAMILIES for row in _rows(family, family.rows, held_out=False)]
    _random("order").shuffle(rows)
    return rows


def targets(rows: int = 24) -> dict[str, list[Row]]:
    """By family name: rows of the same columns that stand for a task and do not occur in the pool."""
    chosen = (family for family in FAMILIES if family.name in TARGETS)
    return {family.name: list(_rows(family, rows, held_out=True)) for family in chosen}


def write(folder: str | Path) -> dict[str, Path]:
    """Writes the pool and the targets as JSON Lines and returns where: `pool`, and each target by its name."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = {"pool": folder / "pool.jsonl"}
    write_rows(files["pool"], "jsonl", pool())
    for name, rows in targets().items():
        files[name] = folder / f"target-{name}.jsonl"
        write_rows(files[name], "jsonl", rows)
    return files


def _rows(family: Family, count: int, held_out: bool) -> Iterator[Row]:
    rng = _random(f"{family.name}/{'target' if held_out else 'pool'}")
    seen: set[tuple[str, str]] = set()
    while len(seen) < count:
        made = family.make(rng, held_out)
        if (made.input or made.instruction, made.output) in seen:
            continue
        seen.add((made.input or made.instruction, made.output))
        kind = "target" if held_out else "sample"
        yield {
            "id": f"{kind}-{family.name}-{len(seen):04d}",
            "instruction": made.instruction,
            "input": made.input,
            "output": made.output,
            "source": family.name,
            "task": made.task,
            "licence": LICENCE,
        }


def _random(name: str) -> Random:
    # A text as seed is hashed the same way by every Python.
    return Random(f"winnow sample 1/{name}")  # noqa: S311
