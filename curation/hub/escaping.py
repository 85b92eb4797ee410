"""Texts of people as parts of a Markdown file that others render: they say what they say and build nothing.

The hub renders CommonMark with HTML in it. A name of a task must not open a tag, a table cell, a heading, or the block of
YAML at the head of the card.
"""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$>]|^-|--)")
_LINK = re.compile(r"\[[^\[\]\n]{1,500}\]\(https?://[^\s()<>]{1,2000}\)")
_LINE_START = re.compile(r"^([ \t]{0,3})(#{1,6}(?=\s|$)|[-=_*]{2,}[-=_* \t]*$|`{3,}|~{3,}|\|)")
_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def line(text: object, most: int = 300) -> str:
    """One line of plain text: white space collapsed, every sign of Markdown and HTML escaped."""
    flat = " ".join(_INVISIBLE.sub("", str(text)).split())
    if len(flat) > most:
        flat = f"{flat[: most - 1]}…"
    return _SPECIAL.sub(r"\\\1", flat.replace("&", "&amp;").replace("<", "&lt;"))


def flat(text: object, most: int = 300) -> str:
    """One line for a field of YAML or JSON, whose writer does the quoting."""
    return " ".join(_INVISIBLE.sub("", str(text)).split())[:most]


def code(text: object, most: int = 300) -> str:
    """A value in code type. Backticks in it cannot end it."""
    value = flat(text, most).replace("|", "\\|")
    if not value:
        return ""
    longest = max((len(run) for run in re.findall("`+", value)), default=0)
    ticks = "`" * (longest + 1)
    room = " " if value.startswith("`") or value.endswith("`") else ""
    return f"{ticks}{room}{value}{room}{ticks}"


def fenced(text: str, language: str = "text") -> str:
    """Lines as they are, in a fence that is longer than any in them."""
    body = _INVISIBLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def prose(text: str) -> str:
    """Paragraphs, lists, emphasis and links to http(s) stay; HTML, headings, rules, fences, tables and images do not."""
    body = _INVISIBLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n").strip()
    return "\n".join(_prose_line(one) for one in body.split("\n"))


def _prose_line(text: str) -> str:
    made, at = [], 0
    text = text.replace("\t", "    ").rstrip()
    indent = len(text) - len(text.lstrip())
    text = " " * min(indent, 3) + text.lstrip() if indent > 3 and not text.lstrip().startswith(("- ", "* ")) else text
    for link in _LINK.finditer(text):
        image = text[at : link.start()].endswith("!")
        made.append(_tame(text[at : link.start()]))
        made.append(_tame(link.group()) if image else link.group().replace("<", "&lt;"))
        at = link.end()
    made.append(_tame(text[at:]))
    return _LINE_START.sub(r"\1\\\2", "".join(made))


def _tame(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("[", r"\[").replace("]", r"\]")
