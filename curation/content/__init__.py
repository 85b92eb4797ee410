"""Content: what a row of instruction data says, whatever its columns are called. Pure: no Django, no files.

    mapping = Mapping(instruction="prompt", output="completion")
    content = read({"prompt": "Name a prime.", "completion": "7"}, mapping)
    render(content, "text")         # "Name a prime.\\n7"
    key_of(content)                 # 32 hex digits, the same for equal content

Whole tables go through `check` (at import) and `columns` (when a method reads a view).
"""

from curation.content.columnar import JSON_MARK, BadContent, Checked, check, columns, contents, is_json, row_dicts
from curation.content.guessing import Guess, guess
from curation.content.model import MAX_CHARS, MAX_ID_CHARS, Content, ContentError, Mapping, Message, lookup
from curation.content.reading import read, read_id, read_source
from curation.content.rendering import VIEWS, key_of, messages, parts_of, render
from curation.content.stored import dump, load

__all__ = [
    "JSON_MARK",
    "MAX_CHARS",
    "MAX_ID_CHARS",
    "VIEWS",
    "BadContent",
    "Checked",
    "Content",
    "ContentError",
    "Guess",
    "Mapping",
    "Message",
    "check",
    "columns",
    "contents",
    "dump",
    "guess",
    "is_json",
    "key_of",
    "load",
    "lookup",
    "messages",
    "parts_of",
    "read",
    "read_id",
    "read_source",
    "render",
    "row_dicts",
]
