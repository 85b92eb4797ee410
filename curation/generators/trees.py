"""A tree of topics as a person edits it: indented text or nested JSON, with ids that outlive a change of name.

    finance: reading statements of a firm [#4f2a91c0]
      sum up a quarterly report [x20]
      answer a question about a balance sheet

Two spaces a level (any steady indentation is read), a note after the first ": ", how many examples a leaf should get
as [x20], and an id as [#…]. A new line needs no id: it gets one from its place and name when the text is read.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curation.generators import model

MOST_NODES = 20_000
MOST_CHARS = 200  # of a name
DEPTH = 8

_MARK = re.compile(r"\s*\[(?:x(\d{1,6})|#([0-9a-z]{1,32}))\]\s*$")
_BULLET = re.compile(r"^(?:[-*•]\s+|\d+[.)]\s+)")


class TreeError(ValueError):
    """A tree that cannot be used: where (a line, or a path of names), what is wrong, how to mend it."""

    def __init__(self, where: str, what: str, mend: str) -> None:
        super().__init__(f"{where}: {what}. {mend}")
        self.where, self.what, self.mend = where, what, mend


@dataclass(frozen=True, slots=True)
class Node:
    """`quota`: how many examples are wanted below it; None where the coverage decides. `card`: see `cards`; JSON alone
    holds it.
    """

    id: str
    name: str
    note: str = ""
    quota: int | None = None
    children: tuple["Node", ...] = ()
    card: Mapping[str, Any] | None = field(default=None, hash=False)

    def walk(self, path: tuple["Node", ...] = ()) -> Iterator[tuple["Node", ...]]:
        """The path to every node, itself last, parents before children."""
        here = (*path, self)
        yield here
        for child in self.children:
            yield from child.walk(here)


Tree = tuple[Node, ...]


def leaves(tree: Tree) -> list[tuple[Node, ...]]:
    """The path to each leaf, in order."""
    return [path for root in tree for path in root.walk() if not path[-1].children]


def fresh_id(parent: str, name: str) -> str:
    """8 hex digits of the parent's id and the name as it is compared."""
    return hashlib.blake2b(f"{parent}\0{alike(name)}".encode(), digest_size=4).hexdigest()


def alike(name: str) -> str:
    """A name without case, accents of form and white space: equal for names that a person takes for one."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def parse(text: str) -> Tree:
    """Reads indented text, or JSON when it begins with a bracket. Raises `TreeError`."""
    if text.lstrip()[:1] in ("[", "{"):
        try:
            return from_json(json.loads(text))
        except (json.JSONDecodeError, RecursionError) as error:
            where = f"Line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "The tree"
            raise TreeError(where, "it is not JSON", "Close all brackets and quotes.") from None
    rows: list[tuple[int, Node]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("//"):
            indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
            rows.append((indent, _line(f"Line {number}", line.strip())))
    return _checked(_nested(rows))


def _line(where: str, text: str) -> Node:
    text = _BULLET.sub("", text)
    quota, ident = None, ""
    while match := _MARK.search(text):
        if match[1]:
            quota = int(match[1])
        else:
            ident = match[2]
        text = text[: match.start()]
    name, _, note = text.partition(": ")
    return _node(where, ident, name.strip().rstrip(":"), note.strip(), quota)


def _node(where: str, ident: str, name: str, note: str, quota: int | None) -> Node:
    if not name:
        raise TreeError(where, "a topic has no name", "Write its name, or take the line out.")
    if len(name) > MOST_CHARS:
        raise TreeError(where, f"a name has {len(name)} characters", "Shorten it; a note goes after a colon.")
    return Node(ident, name, note, quota)


def _nested(rows: list[tuple[int, Node]]) -> Tree:
    """Deeper indentation is a child of the line above; going back ends at the nearest line that is not deeper."""
    frames: list[tuple[int, Node | None, list[Node]]] = [(-1, None, [])]

    def close() -> None:
        _, node, children = frames.pop()
        if node is not None:
            frames[-1][2].append(replace(node, children=tuple(children)))

    for indent, node in rows:
        while frames[-1][0] >= indent:
            close()
        frames.append((indent, node, []))
        if len(frames) > DEPTH + 1:
            raise TreeError(node.name, f"it lies more than {DEPTH} levels deep", "Move it up.")
    while len(frames) > 1:
        close()
    return tuple(frames[0][2])


def from_json(raw: Any) -> Tree:
    """A list of {"name", "note", "quota", "id", "children"}; also {name: children}, and a bare name. Raises `TreeError`."""
    return _checked(tuple(_from_json(raw, ())))


def _from_json(raw: Any, path: tuple[str, ...]) -> list[Node]:
    where = " / ".join(path) or "The tree"
    if len(path) > DEPTH:
        raise TreeError(where, f"it lies more than {DEPTH} levels deep", "Move it up.")
    if isinstance(raw, str):
        return [_node(where, "", raw.strip(), "", None)]
    if isinstance(raw, list | tuple):
        return [node for one in raw for node in _from_json(one, path)]
    if not isinstance(raw, Mapping):
        raise TreeError(where, f"{raw!r} is no topic", 'Write {"name": …, "children": […]}.')
    if "name" not in raw:
        return [
            replace(
                _node(where, "", str(name).strip(), "", None),
                children=tuple(_from_json(below or [], (*path, str(name)))),
            )
            for name, below in raw.items()
        ]
    name, quota = raw["name"], raw.get("quota")
    if not isinstance(name, str) or not isinstance(raw.get("note", ""), str):
        raise TreeError(where, "a name or a note is no text", "Put it in quotes.")
    if quota is not None and (not isinstance(quota, int) or isinstance(quota, bool) or quota < 0):
        raise TreeError(where, f"the quota {quota!r} is no whole number", "Write 0 or more, or leave it out.")
    node = _node(where, str(raw.get("id", "")), name.strip(), raw.get("note", "").strip(), quota)
    card = raw.get("card")
    if card is not None and not isinstance(card, Mapping):
        raise TreeError(where, "a card is no object", "Write its fields in braces.")
    return [replace(node, children=tuple(_from_json(raw.get("children") or [], (*path, name))), card=card)]


def _checked(tree: Tree) -> Tree:
    if not tree:
        raise TreeError("The tree", "it is empty", "Write one topic a line.")
    tree = tuple(_identified(node, "") for node in tree)
    paths = [path for root in tree for path in root.walk()]
    if len(paths) > MOST_NODES:
        raise TreeError("The tree", f"it has {len(paths)} topics", f"Leave at most {MOST_NODES}.")
    _no_twins(tree, "The tree")
    for path in paths:
        _no_twins(path[-1].children, path[-1].name)
    twice = [ident for ident, often in Counter(path[-1].id for path in paths).items() if often > 1]
    if twice:
        names = " and ".join(repr(path[-1].name) for path in paths if path[-1].id == twice[0])
        raise TreeError(
            names, f"they have the same id {twice[0]}", "Take the id out of one of them; it gets a new one."
        )
    return tree


def _identified(node: Node, parent: str) -> Node:
    ident = node.id or fresh_id(parent, node.name)
    return replace(node, id=ident, children=tuple(_identified(child, ident) for child in node.children))


def _no_twins(nodes: Tree, where: str) -> None:
    names = Counter(alike(node.name) for node in nodes)
    for node in nodes:
        if names[alike(node.name)] > 1:
            raise TreeError(where, f"{node.name!r} is there twice", "Leave one of them, or tell them apart.")


def render(tree: Tree, level: int = 0) -> str:
    """Indented text with ids, which `parse` reads back as an equal tree."""
    lines = []
    for node in tree:
        note = f": {node.note}" if node.note else ""
        quota = f" [x{node.quota}]" if node.quota is not None else ""
        lines.append(f"{'  ' * level}{node.name}{note}{quota} [#{node.id}]")
        if node.children:
            lines.append(render(node.children, level + 1))
    return "\n".join(lines)


def to_json(tree: Tree) -> list[dict[str, Any]]:
    """Plain data that `from_json` reads back as an equal tree."""
    return [
        {"id": node.id, "name": node.name}
        | ({"note": node.note} if node.note else {})
        | ({"quota": node.quota} if node.quota is not None else {})
        | ({"card": dict(node.card)} if node.card is not None else {})
        | ({"children": to_json(node.children)} if node.children else {})
        for node in tree
    ]


def to_nodes(tree: Tree) -> tuple[model.Node, ...]:
    """As generators take it: a flat list, parents first."""
    return tuple(
        model.Node(
            path[-1].id, path[-1].name, path[-2].id if len(path) > 1 else "", path[-1].note, path[-1].quota,
            {"card": dict(card)} if (card := path[-1].card) is not None else {},
        )
        for root in tree for path in root.walk()
    )  # fmt: skip


def from_nodes(nodes: Iterable[model.Node]) -> Tree:
    """The tree of a flat list in any order. Raises `TreeError`, also for a parent that is not there, and for a ring."""
    below: dict[str, list[model.Node]] = {}
    known = list(nodes)
    for node in known:
        below.setdefault(node.parent, []).append(node)
    ids = {node.key for node in known}
    for node in known:
        if node.parent and node.parent not in ids:
            raise TreeError(node.name, f"its parent {node.parent} is not there", "Put it below a topic that is.")

    def made(parent: str, level: int) -> Tree:
        if level > DEPTH:
            raise TreeError(parent, f"it lies more than {DEPTH} levels deep", "Move it up.")
        return tuple(
            Node(one.key, one.name, one.text, one.quota, made(one.key, level + 1), one.meta.get("card"))
            for one in below.get(parent, ())
        )

    tree = _checked(made("", 0))
    reached = {path[-1].id for root in tree for path in root.walk()}
    for node in known:
        if node.key not in reached:
            raise TreeError(node.name, "it lies below itself", "Put it below another topic.")
    return tree


def with_cards(tree: Tree, before: Tree) -> Tree:
    """The tree with the cards that nodes of the same id had before: edited text does not hold them."""
    known = {path[-1].id: path[-1].card for root in before for path in root.walk()}
    return tuple(
        replace(node, card=node.card or known.get(node.id), children=with_cards(node.children, before)) for node in tree
    )


def grown(tree: Tree, ident: str, names: list[tuple[str, str]]) -> Tree:
    """The tree with further children (name, note) of one node; "" adds roots. Names that are there already are skipped."""
    if not ident:
        return (*tree, *_new(tree, "", names))
    found = []
    for node in tree:
        children = node.children
        if node.id == ident:
            children = (*children, *_new(children, node.id, names))
        elif children:
            children = grown(children, ident, names)
        found.append(replace(node, children=children))
    return tuple(found)


def _new(there: Tree, parent: str, names: list[tuple[str, str]]) -> list[Node]:
    known, found = {alike(node.name) for node in there}, []
    for told, note in names:
        name = told.strip()[:MOST_CHARS]
        if name and alike(name) not in known:
            known.add(alike(name))
            found.append(Node(fresh_id(parent, name), name, note.strip()))
    return found


def quotas(tree: Tree, total: int, *, balance: str = "branches") -> dict[str, int]:
    """Leaf id → how many examples, `total` in all beside what the tree itself says.

    "branches": every branch gets the same share as its siblings, at every level; "leaves": every leaf the same. Shares
    differ by at most one between siblings (or leaves); the first in order get what is left over. A quota in the tree
    is kept as it is (of a branch: shared by its leaves), and the total is shared by the rest.
    """
    fixed = {node.id: node.quota for path in leaves(tree) if (node := _decider(path)) is not None}
    free = max(0, total - sum(quota or 0 for quota in fixed.values()))
    found: dict[str, int] = {}
    for root in tree:
        for path in root.walk():
            if path[-1].id in fixed and _decider(path) is path[-1]:
                found |= _shared((path[-1],), fixed[path[-1].id] or 0, balance, skip=frozenset())
    rest = tuple(tree)
    found |= _shared(rest, free, balance, skip=frozenset(fixed))
    return {path[-1].id: found.get(path[-1].id, 0) for path in leaves(tree)}


def _decider(path: tuple[Node, ...]) -> Node | None:
    """The first node of the path that has a quota of its own."""
    return next((node for node in path if node.quota is not None), None)


def _shared(nodes: Tree, total: int, balance: str, *, skip: frozenset[str]) -> dict[str, int]:
    open_nodes = tuple(node for node in nodes if _free_leaves(node, skip))
    if not open_nodes:
        return {}
    if balance == "leaves":
        ids = [leaf for node in open_nodes for leaf in _free_leaves(node, skip)]
        return dict(zip(ids, _even(total, len(ids)), strict=True))
    found: dict[str, int] = {}
    for node, share in zip(open_nodes, _even(total, len(open_nodes)), strict=True):
        found |= _shared(node.children, share, balance, skip=skip) if node.children else {node.id: share}
    return found


def _free_leaves(node: Node, skip: frozenset[str]) -> list[str]:
    if node.id in skip:
        return []
    return [leaf for child in node.children for leaf in _free_leaves(child, skip)] if node.children else [node.id]


def _even(total: int, parts: int) -> list[int]:
    return [total // parts + (at < total % parts) for at in range(parts)]
