"""Files of every training format as our writers make them, for the programs that learn from them.

The rows are as mixed as a dataset of several tasks: plain ones, some with system text, chats, chats that call tools.
What is rare comes last, behind more than one block of a reader that looks at the first block to learn the columns.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from curation.content import Content, Message
from curation.formats.training import TRAINING, Record, companions, survey, together, write_file

ROWS = 12_000  # of some 1,000 characters: more than the 10 MiB that `datasets` takes for a block
TOOL = {
    "type": "function",
    "function": {
        "name": "add", "description": "Adds.",
        "parameters": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}},
    },
}  # fmt: skip
OTHER_TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"where": {"enum": ["a", "b"]}}}},
}
CALL = {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}]}
ANSWERS = {"chosen": "The scan was normal.", "rejected": "No idea.", "desirable": True}


def plain(number: int) -> Record:
    asked = f"Rewrite letter {number} in plain words. 日本語 \u2028 =1+1"
    text = f'Dear Dr Hall,\r\n\r\n"the scan", number {number}, was normal. ' + "All is well. " * 60
    return Record(f"row-{number:06d}", Content("single", asked, text, ("Your scan was normal.",)), **ANSWERS)


def rare() -> Iterator[Record]:
    """What comes at the end: one of each kind that a row may be."""
    spoken = (
        Message("user", "Hello?"),
        Message("assistant", "Yes?"),
        Message("user", "1+2?"),
        Message("assistant", "3."),
    )
    called = (Message("user", "1 and 2?"), Message("assistant", "", CALL), Message("tool", "3", {"tool_call_id": "c1"}),
              Message("assistant", "3."))  # fmt: skip
    yield Record("z-1", Content("single", "Answer.", "", ("Yes.", "No."), system="Be brief. 🐍"), **ANSWERS)
    yield Record("z-2", Content("chat", messages=spoken), **ANSWERS)
    yield Record("z-3", Content("chat", messages=spoken, system="You add."), **(ANSWERS | {"desirable": False}))
    yield Record("z-4", Content("chat", messages=called), tools=(TOOL,), **ANSWERS)
    yield Record("z-5", Content("chat", messages=called, system="Call."), tools=(TOOL, OTHER_TOOL), **ANSWERS)


def records(kind: str, rows: int) -> Iterator[Record]:
    """plain: rows of one kind; mixed: the rare ones behind them."""
    yield from map(plain, range(rows))
    if kind == "mixed":
        yield from rare()


def write(folder: Path, rows: int = ROWS) -> dict[str, dict[str, int]]:
    """{format: {file: rows}}, as it stands in `made.json`. Rows that a format cannot hold are left out.

    A `_plain` beside a format: the same of plain rows alone, where prompts are texts.
    """
    counts = {}
    for name in TRAINING:
        counts[name] = files_of(folder / name, name, {"train": ("mixed", rows), "test": ("plain", 50)})
    for name in ("prompt_completion", "preference", "kto", "alpaca", "messages", "sharegpt"):
        counts[f"{name}_plain"] = files_of(folder / f"{name}_plain", name, {"train": ("plain", 60)})
    (folder / "made.json").write_text(json.dumps(counts))
    return counts


def files_of(place: Path, name: str, splits: dict[str, tuple[str, int]]) -> dict[str, int]:
    """A file for each split and the companions, as an export has them."""
    place.mkdir(parents=True)
    fmt, counts = TRAINING[name], {}
    files = {split: f"{split}.{fmt.suffix}" for split in splits}
    head = {"Definition": ["Rewrite the letter."], "Categories": ["Rewriting"]} if fmt.suffix == "json" else None
    shapes = together({split: survey(fmt, records(*given)) for split, given in splits.items()})
    for split, given in splits.items():
        with (place / files[split]).open("wb") as out:
            counts[files[split]] = write_file(
                out, fmt, records(*given), head=head, on_unfit=lambda *_: None, shape=shapes[split]
            )
    for file, text in companions(name, "letters", files, shapes).items():
        (place / file).write_text(text)
    cards(place, name, fmt.suffix, {split: counts[file] for split, file in files.items()})
    return counts


def cards(place: Path, name: str, suffix: str, rows: dict[str, int]) -> None:
    """README.md and croissant.json, as an export writes them."""
    from curation.hub.card import readme
    from curation.hub.croissant import croissant
    from curation.hub.facts import Facts
    from curation.hub.features import layout

    names = [path.name for path in place.iterdir()]
    facts = Facts(
        name="Letters in plain words", description="Letters, rewritten.", number=3, sha256="0" * 64, rows=sum(rows.values()),
        day="2026-01-01", changelog="", manifest={"sources": []},
        counts={"split": rows, "licence": {"CC0-1.0": rows["train"]}, "language": {"en": rows["train"]}},
    )  # fmt: skip
    lies = layout(place, name, suffix, rows, names)
    sizes = {
        file: ((place / file).stat().st_size, hashlib.sha256((place / file).read_bytes()).hexdigest())
        for split in lies.splits for file in split.files
    }  # fmt: skip
    (place / "croissant.json").write_text(croissant(facts, lies, sizes))
    (place / "README.md").write_text(readme(facts, lies))
