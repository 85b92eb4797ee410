"""Which files of a repository hold the rows of a configuration and split, as the hub's `datasets` library finds them. Pure.

First what the card says under `configs`; then how folders and files are called; of a branch that the hub converted to
Parquet (`refs/convert/parquet`), its folders. Rules: hub documentation, "Structure your repository".
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.faults import Fault

READ = ("parquet", "jsonl", "ndjson", "json", "csv", "tsv")  # also packed as .gz and .zst
PACKED = ("gz", "zst")
NO_DATA = {"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "dummy_data.zip", "run.json",
           "croissant.json"}  # fmt: skip
WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
DEFAULT = "default"
SHOWN = 12  # names in a message
Configs = dict[str, dict[str, list[str]]]  # {config: {split: files}}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was asked for, found: its names as the hub has them, and its files in the order in which they are read."""

    config: str
    split: str
    files: tuple[str, ...]


def chosen(
    card: Mapping[str, Any] | None, paths: Sequence[str], config: str = "", split: str = "", *, converted: bool = False
) -> Chosen:  # fmt: skip
    """The files of a configuration and split; "" takes the one that is meant where there is no doubt.

    Raises `Fault` hub.no_data, hub.no_config, hub.no_split.
    """
    found = configs(card, paths, converted=converted)
    if not any(found.values()):
        others = Counter(_suffix(path) for path in paths if not _hidden(path))
        there = (
            ", ".join(f"{count} × .{suffix}" for suffix, count in others.most_common(5) if suffix) or "no data at all"
        )
        raise Fault("hub.no_data", there=there)
    name = _one(config, found, _default(card, found), "hub.no_config")
    splits = {one: files for one, files in found[name].items() if files}
    if not splits:
        raise Fault("hub.no_data", there=f"nothing of the configuration {name}")
    part = _one(split, splits, "train" if "train" in splits else "", "hub.no_split")
    return Chosen(name, part, tuple(splits[part]))


def _one(asked: str, found: Mapping[str, Any], default: str, code: str) -> str:
    names = list(found)
    if asked in found:
        return asked
    if not asked and (default or len(names) == 1):
        return default or names[0]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    raise Fault(code, asked=asked or "none", there=", ".join(names[:SHOWN]) + more)


def _default(card: Mapping[str, Any] | None, found: Configs) -> str:
    for one in _said(card):
        if one.get("default") is True and one.get("config_name") in found:
            return str(one["config_name"])
    return DEFAULT if DEFAULT in found else ""


def configs(card: Mapping[str, Any] | None, paths: Sequence[str], *, converted: bool = False) -> Configs:
    """Every configuration with its splits and their files."""
    known = sorted(path for path in paths if not _hidden(path))
    if converted:
        return _converted(known)
    said = [one for one in _said(card) if "data_files" in one or "data_dir" in one]
    if said:
        return {str(one.get("config_name") or DEFAULT): _by_card(one, known) for one in said}
    return {DEFAULT: by_name(known)}


def _said(card: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    rows = (card or {}).get("configs")
    return [one for one in rows if isinstance(one, Mapping)] if isinstance(rows, list) else []


def _by_card(config: Mapping[str, Any], paths: Sequence[str]) -> dict[str, list[str]]:
    folder = str(config.get("data_dir") or "").strip("/")
    inside = [path for path in paths if not folder or path.startswith(f"{folder}/")]
    given = config.get("data_files")
    if given is None:
        return by_name(inside, folder)
    rows = given if isinstance(given, list) else [given]
    if all(isinstance(one, str) for one in rows):
        return {"train": _read(_matched(rows, folder, inside))}
    made: dict[str, list[str]] = {}
    for one in rows:
        if isinstance(one, Mapping) and one.get("split") and one.get("path"):
            patterns = one["path"] if isinstance(one["path"], list) else [one["path"]]
            made.setdefault(str(one["split"]), []).extend(_read(_matched(map(str, patterns), folder, inside)))
    return made


def _matched(patterns: Iterable[str], folder: str, paths: Sequence[str]) -> list[str]:
    """Files that the patterns mean, each once."""
    made: dict[str, None] = {}
    for pattern in patterns:
        text = re.sub(r"^\./", "", pattern)
        text = f"{folder}/{text}" if folder else text
        rule = re.compile(glob(text))
        below = f"{text.rstrip('/')}/"
        made |= dict.fromkeys(path for path in paths if rule.fullmatch(path) or path.startswith(below))
    return list(made)


def glob(pattern: str) -> str:
    """A pattern of paths as a regular expression: `*` stays within a folder, `**` does not."""
    made, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            made, at = f"{made}(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            made, at = f"{made}.*", at + 2
        elif pattern[at] == "*":
            made, at = f"{made}[^/]*", at + 1
        elif pattern[at] == "?":
            made, at = f"{made}[^/]", at + 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            inner = pattern[at + 1 : end].replace("\\", "\\\\")
            made, at = f"{made}[{'^' + inner[1:] if inner[0] in '!^' else inner}]", end + 1
        else:
            made, at = made + re.escape(pattern[at]), at + 1
    return made


def by_name(paths: Sequence[str], folder: str = "") -> dict[str, list[str]]:
    """Splits as folders and files name them; {} where nothing can be read."""
    inside = {path: path.removeprefix(f"{folder}/") if folder else path for path in paths}
    for patterns in (_numbered, _by_folder, _by_file):
        found: dict[str, list[str]] = {}
        for path, name in inside.items():
            for split in patterns(name):
                found.setdefault(split, []).append(path)
        readable = {split: mine for split, files in found.items() if (mine := _read(files))}
        if readable:
            order = {name: place for place, name in enumerate(WORDS)}
            return dict(sorted(readable.items(), key=lambda one: order.get(one[0], len(order))))
    return {"train": mine} if (mine := _read(paths)) else {}


def _numbered(name: str) -> list[str]:
    found = re.fullmatch(r"data/([^/]*?\w[^/]*)-\d{5}-of-\d*\d[^/]*\..*", name)
    return [found[1]] if found else []


def _word(text: str) -> list[str]:
    """Splits whose words stand alone in a text: between signs or at its ends."""
    parts = re.split(r"[\s._\-0-9]+", text.lower())
    return [split for split, words in WORDS.items() if any(word in parts for word in words)]


def _by_folder(name: str) -> list[str]:
    for part in name.split("/")[:-1]:
        if found := _word(part):
            return found
    return []


def _by_file(name: str) -> list[str]:
    return _word(name.rsplit("/", 1)[-1])


def _converted(paths: Sequence[str]) -> Configs:
    made: Configs = {}
    for path in paths:
        parts = path.split("/")
        if len(parts) == 3 and path.endswith(".parquet"):
            made.setdefault(parts[0], {}).setdefault(parts[1].removeprefix("partial-"), []).append(path)
    return made


def _read(paths: Sequence[str]) -> list[str]:
    """Those of the kind that most of them are, where that can be read."""
    kinds = Counter(kind for path in paths if (kind := _kind(path)))
    if not kinds:
        return []
    most = kinds.most_common(1)[0][0]
    return [path for path in paths if _kind(path) == most]


def _kind(path: str) -> str:
    suffix = _suffix(path)
    return {"ndjson": "jsonl"}.get(suffix, suffix) if suffix in READ else ""


def _suffix(path: str) -> str:
    """The last ending that is not of a packer."""
    parts = path.rsplit("/", 1)[-1].lower().split(".")[1:]
    while parts and parts[-1] in PACKED:
        parts.pop()
    return parts[-1] if parts else ""


def _hidden(path: str) -> bool:
    """Files that hold no rows: hidden ones, and those that say something about the data."""
    parts = path.split("/")
    return (
        any(part.startswith((".", "__")) for part in parts) or parts[-1] in NO_DATA or parts[-1].lower() == "readme.md"
    )
