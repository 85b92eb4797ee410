"""A recipe: what a version is made of. JSON in and out, checked, with the place of what is wrong."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

SOURCES = ("task", "collection", "version")
BALANCE_BY = ("tag", "task", "category", "source", "licence", "language")
CAPS = ("source", "task", "tag")
MIXES = ("all", "share", "temperature")
STATES = ("accepted", "rejected", "repaired")  # repaired: pairs of an old text and what was taken instead
MOST_SOURCES = 200
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class RecipeError(ValueError):
    """A recipe that cannot be followed: the place in it, why, and what to do."""

    def __init__(self, place: str, why: str, mend: str) -> None:
        super().__init__(f"{place} {why} {mend}")
        self.place, self.why, self.mend = place, why, mend


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from. weight: how much likelier its rows are kept where not all are. share: of the whole."""

    kind: str
    id: int
    weight: float = 1.0
    share: float | None = None
    cap: int | None = None
    state: str = "accepted"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows come into question. Empty lists and None let everything through.

    licences: compared without case; a row without one passes only where "" is listed. from_day, to_day: both included.
    """

    tags_any: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    sources_not: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    min_chars: int | None = None
    max_chars: int | None = None
    from_day: str = ""
    to_day: str = ""
    min_agreement: float | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """So many rows of each. counts: by name; each: of every name not in counts; rest: what has no name there."""

    by: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    each: int | None = None
    rest: Literal["keep", "drop"] = "drop"


@dataclass(frozen=True, slots=True)
class Recipe:
    """caps: most rows by source name, by task (or collection), by tag. rows, tokens: most of the whole."""

    sources: tuple[Source, ...] = ()
    filters: Filters = Filters()
    caps: Mapping[str, int] = field(default_factory=dict)
    balance: Balance = Balance()
    mix: str = "all"
    temperature: float = 2.0
    rows: int | None = None
    tokens: int | None = None
    duplicates: Literal["drop", "keep"] = "drop"
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        made = asdict(self)
        made["sources"] = [asdict(one) for one in self.sources]
        made["filters"] = {name: list(v) if isinstance(v, tuple) else v for name, v in made["filters"].items()}
        return made

    def scaled(self, factor: int) -> "Recipe":
        """The same for one row in `factor`: what a preview of a large dataset mixes."""
        if factor <= 1:
            return self

        def less(amount: int | None) -> int | None:
            return None if amount is None else max(1, round(amount / factor))

        return replace(
            self, sources=tuple(replace(one, cap=less(one.cap)) for one in self.sources), rows=less(self.rows),
            tokens=less(self.tokens), caps={name: less(amount) or 1 for name, amount in self.caps.items()},
            balance=replace(
                self.balance, each=less(self.balance.each),
                counts={name: less(amount) or 0 for name, amount in self.balance.counts.items()},
            ),
        )  # fmt: skip


def parse(raw: Mapping[str, Any]) -> Recipe:
    """Raises `RecipeError` for what is unknown, of the wrong kind, or contradicts itself."""
    _known(raw, Recipe, "")
    sources = tuple(_source(one, f"sources[{n}]") for n, one in enumerate(_list(raw, "sources", "")))
    if len(sources) > MOST_SOURCES:
        raise RecipeError(
            "sources", f"are more than {MOST_SOURCES}.", "Combine some of them in a version of their own."
        )
    seen: set[tuple[str, int, str]] = set()
    for n, one in enumerate(sources):
        if (one.kind, one.id, one.state) in seen:
            raise RecipeError(f"sources[{n}]", "is in the recipe twice.", "Take it out once.")
        seen.add((one.kind, one.id, one.state))
    filters = _filters(_object(raw, "filters"))
    caps = {
        name: _whole(amount, f"caps.{name}", 1) for name, amount in _object(raw, "caps").items() if amount is not None
    }
    if unknown := sorted(set(caps) - set(CAPS)):
        raise RecipeError(f"caps.{unknown[0]}", "is no kind of cap.", f"They are {', '.join(CAPS)}.")
    mix = _choice(raw, "mix", MIXES, "all")
    made = Recipe(
        sources=sources, filters=filters, caps={name: n for name, n in caps.items() if n is not None},
        balance=_balance(_object(raw, "balance")), mix=mix, temperature=_number(raw.get("temperature", 2.0), "temperature"),
        rows=_whole(raw.get("rows"), "rows", 1), tokens=_whole(raw.get("tokens"), "tokens", 1),
        duplicates=_choice(raw, "duplicates", ("drop", "keep"), "drop"),  # type: ignore[arg-type]
        seed=_whole(raw.get("seed", 0), "seed", 0) or 0,
    )  # fmt: skip
    if not 0.1 <= made.temperature <= 100:
        raise RecipeError("temperature", "is not between 0.1 and 100.", "1 keeps the sizes, more makes them more even.")
    if mix == "share":
        _shares(sources)
    return made


def _shares(sources: Sequence[Source]) -> None:
    for n, one in enumerate(sources):
        if one.share is None:
            raise RecipeError(f"sources[{n}].share", "is missing.", "Mixing by share needs one for every source.")
    if sources and abs(sum(one.share or 0 for one in sources) - 1) > 1e-6:
        raise RecipeError("sources", "have shares that do not add up to 100 %.", "Change them until they do.")


def _source(raw: Any, place: str) -> Source:
    if not isinstance(raw, Mapping):
        raise RecipeError(place, "is not an object.", "Write it as {kind, id}.")
    _known(raw, Source, place)
    kind, pk = raw.get("kind"), raw.get("id")
    if kind not in SOURCES:
        raise RecipeError(f"{place}.kind", "is no kind of source.", f"They are {', '.join(SOURCES)}.")
    if type(pk) is not int or not 0 < pk < 1 << 63:
        raise RecipeError(f"{place}.id", "is not the number of a source.", "Choose one of your team's.")
    share = raw.get("share")
    if share is not None and not 0 < _number(share, f"{place}.share") <= 1:
        raise RecipeError(f"{place}.share", "is not between 0 and 100 %.", "Take out a source that has no share.")
    weight = _number(raw.get("weight", 1.0), f"{place}.weight")
    if not 0.001 <= weight <= 1000:
        raise RecipeError(f"{place}.weight", "is not between 0.001 and 1000.", "1 is the weight of most sources.")
    state = raw.get("state", "accepted")
    if state not in STATES:
        raise RecipeError(f"{place}.state", "is not a state that goes out.", f"They are {', '.join(STATES)}.")
    return Source(str(kind), pk, weight, share, _whole(raw.get("cap"), f"{place}.cap", 1), state)


def _filters(raw: Mapping[str, Any]) -> Filters:
    _known(raw, Filters, "filters")
    texts: dict[str, Any] = {}
    for name in ("tags_any", "tags_none", "sources", "sources_not", "licences", "languages"):
        values = _list(raw, name, "filters.")
        if not all(isinstance(one, str) and len(one) <= 255 for one in values):
            raise RecipeError(f"filters.{name}", "holds something that is no short text.", "Use a list of texts.")
        texts[name] = tuple(dict.fromkeys(values))
    days: dict[str, Any] = {}
    for name in ("from_day", "to_day"):
        value = raw.get(name) or ""
        if value and (not isinstance(value, str) or not _DAY.fullmatch(value)):
            raise RecipeError(f"filters.{name}", "is not a day.", "Write it as 2026-03-31.")
        days[name] = value
    low, high = (_whole(raw.get(name), f"filters.{name}", 0) for name in ("min_chars", "max_chars"))
    if low is not None and high is not None and low > high:
        raise RecipeError("filters.min_chars", "is above the most.", "Exchange the two.")
    least = raw.get("min_agreement")
    if least is not None and not 0 <= _number(least, "filters.min_agreement") <= 1:
        raise RecipeError("filters.min_agreement", "is not between 0 and 1.", "Agreement is a share.")
    return Filters(**texts, **days, min_chars=low, max_chars=high, min_agreement=least)


def _balance(raw: Mapping[str, Any]) -> Balance:
    _known(raw, Balance, "balance")
    by = raw.get("by") or ""
    if not by:
        return Balance()
    if by not in BALANCE_BY:
        raise RecipeError("balance.by", "is nothing to balance by.", f"It is one of {', '.join(BALANCE_BY)}.")
    counts = {str(name): _whole(n, f"balance.counts.{name}", 0) or 0 for name, n in (raw.get("counts") or {}).items()}
    each = _whole(raw.get("each"), "balance.each", 0)
    if not counts and each is None:
        raise RecipeError("balance", "says by what, but not how many.", "Give a count, or one for each.")
    rest = raw.get("rest", "drop")
    if rest not in ("keep", "drop"):
        raise RecipeError("balance.rest", "is neither keep nor drop.", "Choose one of them.")
    return Balance(by, counts, each, rest)


def _known(raw: Mapping[str, Any], cls: type, place: str) -> None:
    names = set(cls.__dataclass_fields__)  # type: ignore[attr-defined]
    for name in raw:
        if name not in names:
            where = f"{place}.{name}" if place else str(name)
            raise RecipeError(where, "is no part of a recipe.", f"The parts there are {', '.join(sorted(names))}.")


def _list(raw: Mapping[str, Any], name: str, before: str) -> list[Any]:
    value = raw.get(name) or []
    if not isinstance(value, list | tuple):
        raise RecipeError(f"{before}{name}", "is not a list.", "Put it into square brackets.")
    return list(value)


def _object(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name) or {}
    if not isinstance(value, Mapping):
        raise RecipeError(name, "is not an object.", "Put it into curly brackets.")
    return value


def _choice(raw: Mapping[str, Any], name: str, choices: Sequence[str], start: str) -> str:
    value = raw.get(name, start)
    if value not in choices:
        raise RecipeError(name, "is none of the choices.", f"They are {', '.join(choices)}.")
    return str(value)


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RecipeError(place, "is not a number.", "Write a number.")
    return float(value)


def _whole(value: Any, place: str, least: int) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not least <= value < 1 << 40:
        raise RecipeError(place, f"is not a whole number of {least:,} or more.", "Write one, or leave it empty.")
    return value


def nested(sources: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The sources of a version as they were frozen, and those of the versions among them."""
    for one in sources:
        yield one
        yield from nested(one.get("sources") or [])
