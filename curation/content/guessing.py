"""Which form a file has, judged by column names and a few rows; a person sees why and may change it."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from typing import Any

from curation.content import jsontext
from curation.content.model import Mapping

Rows = Sequence[AbstractMapping[str, Any]]

_CHATS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "chat")
_INSTRUCTIONS = ("instruction", "instructions", "definition", "task_description")
_PROMPTS = ("prompt", "question", "query", "problem", "user", "human", "request")
_ANSWERS = (
    "completion", "response", "answer", "output", "outputs", "chosen", "target", "targets", "solution",
    "assistant", "reply", "label", "answers",
)  # fmt: skip
_OUTPUTS = ("output", "outputs", "response", "completion", "answer", "target", "targets", "solution", "label")
_INPUTS = ("input", "inputs", "context")
_TEXTS = ("text", "content", "passage", "document", "body", "paragraph", "sentence", "article")
_SYSTEMS = ("system", "system_prompt", "system_message")
_SOURCES = ("source", "dataset", "data_source", "origin", "subset", "corpus")
_IDS = ("id", "_id", "uid", "uuid", "guid", "row_id", "example_id", "key")


@dataclass(frozen=True, slots=True)
class Guess:
    """`name`: messages, sharegpt, alpaca, natural_instructions, prompt_completion, unanswered, text or unknown.

    `why` is a plain sentence. `sure` is False where a person should look twice.
    """

    name: str
    mapping: Mapping
    why: str
    sure: bool = True


def guess(columns: Sequence[str], sample_rows: Rows) -> Guess:
    """The likeliest form of rows with these columns; `sample_rows` may be empty, then names alone decide."""
    names = {column.strip().lower(): column for column in reversed(columns)}
    for attempt in (_chat, _natural, _alpaca, _prompted, _unanswered, _free):
        found = attempt(names, sample_rows)
        if found:
            return found
    return _longest(columns, names, sample_rows)


def _first(names: AbstractMapping[str, str], wanted: Sequence[str]) -> str:
    return next((names[name] for name in wanted if name in names), "")


def _extras(names: AbstractMapping[str, str], rows: Rows, used: Sequence[str]) -> dict[str, str]:
    """System, source and id columns, as far as they are not taken already and hold what they promise."""
    found = {"system": _first(names, _SYSTEMS), "source": _first(names, _SOURCES), "id": _first(names, _IDS)}
    ids = [row.get(found["id"]) for row in rows]
    unique = all(type(value) in (str, int) and value != "" for value in ids) and len(set(ids)) == len(ids)
    if not unique:
        found["id"] = ""
    for part in ("system", "source"):
        if not _all(rows, found[part], lambda value: value is None or isinstance(value, str)):
            found[part] = ""
    return {part: column for part, column in found.items() if column and column not in used}


def _made(names: AbstractMapping[str, str], rows: Rows, **parts: str) -> Mapping:
    return Mapping(**parts, **_extras(names, rows, tuple(parts.values())))


def _all(rows: Rows, column: str, holds: Callable[[Any], bool]) -> bool:
    return all(holds(row.get(column)) for row in rows)


def _some(rows: Rows, column: str, holds: Callable[[Any], bool]) -> bool:
    """Whether it holds for most of the rows: a few bad ones must not spoil a guess."""
    return not rows or sum(holds(row.get(column)) for row in rows) * 2 > len(rows)


def _turns(value: Any) -> list[Any]:
    """A list of turns, also one given as JSON text (as in a CSV cell); else an empty list."""
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = jsontext.loads(value)
        except ValueError:
            return []
    return value if isinstance(value, list) else []


def _is_chat(value: Any) -> bool:
    turns = _turns(value)
    return bool(turns) and isinstance(turns[0], dict) and ("role" in turns[0] or "from" in turns[0])


def _chat(names: AbstractMapping[str, str], rows: Rows) -> Guess | None:
    present = [names[name] for name in _CHATS if name in names]
    column = next((name for name in present if _some(rows, name, _is_chat)), "")
    if not column:
        return None
    chats = [_turns(row.get(column)) for row in rows if _is_chat(row.get(column))]
    first = chats[0][0] if chats else {}
    mapping = _made(names, rows, messages=column)
    if "from" in first or (not first and column.lower().startswith("conversation")):
        return Guess("sharegpt", mapping, f"“{column}” holds turns with “from” and “value”: ShareGPT.")
    return Guess("messages", mapping, f"“{column}” holds turns with “role” and “content”: OpenAI messages.")


def _natural(names: AbstractMapping[str, str], rows: Rows) -> Guess | None:
    """Rows that the reader made of a Natural Instructions task file, or a table in the same words."""
    examples = ("positive_examples", "negative_examples", "positive examples", "negative examples")
    asked, out = _first(names, ("instruction", "definition")), _first(names, ("output", "outputs", "targets"))
    if not (asked and out and any(name in names for name in examples)):
        return None
    mapping = _made(names, rows, instruction=asked, output=out, input=_first(names, ("input", "inputs")))
    why = "The rows are instances of a Natural Instructions task: its definition, an input and the outputs."
    return Guess("natural_instructions", mapping, why)


def _alpaca(names: AbstractMapping[str, str], rows: Rows) -> Guess | None:
    asked, out = _first(names, _INSTRUCTIONS), _first(names, _OUTPUTS)
    if not asked or not out:
        return None
    given = _first(names, _INPUTS)
    mapping = _made(names, rows, instruction=asked, input=given, output=out)
    listed = f"“{asked}”, “{given}” and “{out}”" if given else f"“{asked}” and “{out}”"
    sure = asked.lower() == "instruction" and out.lower() == "output"
    return Guess("alpaca", mapping, f"The columns {listed} are the Alpaca form.", sure)


def _prompted(names: AbstractMapping[str, str], rows: Rows) -> Guess | None:
    asked = _first(names, _PROMPTS)
    out = _first(names, [name for name in _ANSWERS if names.get(name) != asked])
    if not asked or not out:
        return None
    given = _first(names, _INPUTS)
    mapping = _made(names, rows, instruction=asked, input=given, output=out)
    sure = f"{asked} {out}".lower() in ("prompt completion", "prompt response", "question answer")
    return Guess("prompt_completion", mapping, f"“{asked}” asks and “{out}” answers.", sure)


def _unanswered(names: AbstractMapping[str, str], rows: Rows) -> Guess | None:
    """Rows that ask and wait for an answer: an instruction with or without an input, or a question about one."""
    asked = _first(names, _INSTRUCTIONS)
    given = _first(names, (*_INPUTS, *_TEXTS) if asked else _INPUTS)
    asked = asked or (_first(names, _PROMPTS) if given else "")
    if not asked or not _some(rows, asked, lambda value: isinstance(value, str)):
        return None
    listed = f"“{asked}” asks, “{given}” is what it is about, and" if given else f"“{asked}” asks, and"
    return Guess(
        "unanswered", _made(names, rows, instruction=asked, input=given), f"{listed} no column answers.", False
    )


def _free(names: AbstractMapping[str, str], rows: Rows) -> Guess | None:
    present = [names[name] for name in _TEXTS if name in names]
    column = next((name for name in present if _some(rows, name, lambda value: isinstance(value, str))), "")
    if not column:
        return None
    sure = column.lower() == "text" and not (set(names) & {*_ANSWERS, *_INSTRUCTIONS, *_PROMPTS})
    why = f"“{column}” holds text, and nothing looks like an instruction with an answer."
    return Guess("text", _made(names, rows, text=column), why, sure)


def _longest(columns: Sequence[str], names: AbstractMapping[str, str], rows: Rows) -> Guess:
    lengths = {
        column: sum(len(value) for row in rows if isinstance(value := row.get(column), str)) for column in columns
    }
    best = max(columns, key=lambda column: lengths[column], default="")
    if not best or not lengths[best]:
        return Guess("unknown", Mapping(), "No column holds text under a name that is known here.", False)
    why = f"No column has a name that is known here; “{best}” holds the longest texts."
    return Guess("text", _made(names, rows, text=best), why, False)
