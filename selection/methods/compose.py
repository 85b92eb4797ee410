"""Methods made of methods: how they are named in a parameter, and their passes inside another method's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.methods.base import VECTORS, Ctx, Item, Method, Part, Pass, Shard, Value, kept
from selection.methods.params import ParamsError, parse_params

Rows = Callable[[Ctx], NDArray[np.int64]]
NOT_INSIDE = frozenset({"fusion", "cascade", "runs"})  # each of them can hold the others' parts already


@dataclass(frozen=True)
class Component:
    """A method with its parameters inside another; `prefix` keeps the values of its passes apart."""

    method: Method
    params: Any
    prefix: str
    label: str

    def ctx(self, ctx: Ctx) -> Ctx:
        """`ctx` as the method expects it: its own parameters, its own values."""
        return Ctx(
            self.params, ctx.target, ctx.seed, ctx.rows, _Own(ctx.values, self.prefix), ctx.tick, ctx.wanted
        )  # fmt: skip


class _Own(Mapping[str, Value]):
    """The values whose name starts with the prefix, without it; loaded when asked for."""

    def __init__(self, values: Mapping[str, Value], prefix: str) -> None:
        self._values, self._prefix = values, prefix

    def __getitem__(self, name: str) -> Value:
        return self._values[self._prefix + name]

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(self._prefix) for name in self._values if name.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def components(text: str, field: str) -> list[Component]:
    """`classifier, embedding:encoder=minilm;view=prompt`: methods with a comma between, parameters after a colon.

    Raises `ParamsError` for `field`, naming the part that cannot be used.
    """
    from selection.methods import METHODS

    found: list[Component] = []
    for number, piece in enumerate(filter(None, map(str.strip, text.split(",")))):
        name, _, rest = piece.partition(":")
        name = name.strip()
        if name not in METHODS or name in NOT_INSIDE:
            usable = ", ".join(known for known in METHODS if known not in NOT_INSIDE)
            raise ParamsError(field, f"names {name!r}; it may name {usable}")
        given = {}
        for setting in filter(None, map(str.strip, rest.split(";"))):
            key, equals, value = setting.partition("=")
            if not equals:
                raise ParamsError(field, f"has {setting!r} where name=value is expected")
            given[key.strip()] = value.strip()
        method = METHODS[name]
        try:
            params: Any = parse_params(method.Params, given)
        except ParamsError as error:
            raise ParamsError(field, f"gives {name} a {error.field} that {error.why}") from None
        told = f" ({', '.join(given.values())})" if given else ""
        found.append(Component(method, params, f"{number}.", f"{method.title}{told}"))
    return found


def passes_of(one: Component, *, rows: Rows | None = None, about: Callable[[Ctx], int] | None = None) -> list[Pass]:
    """The passes of a component, named with its prefix; the last one reduces to `ranked` under `<prefix>scores`.

    rows: only these places are scored, `about` so many. Feature sets are then not kept: vectors of some rows are made on the way.
    """
    inner = list(one.method.passes(one.params))
    making = tuple(step for step in inner if step.keeps) if rows else ()
    return [_Inside(one, step, making, step is inner[-1], rows, about).made() for step in inner if step not in making]


@dataclass(frozen=True)
class _Inside:
    """One pass of a component, as a pass of the method around it."""

    one: Component
    step: Pass
    making: tuple[Pass, ...]
    last: bool
    rows: Rows | None
    about: Callable[[Ctx], int] | None

    def made(self) -> Pass:
        one, step = self.one, self.step
        return step._replace(
            name=one.prefix + ("scores" if self.last else step.name),
            title=f"{one.label}: {(step.title or step.name).lower()}",
            map=self.map,
            reduce=ranked if self.last else step.reduce and self.reduce,
            rows_per_item=self.per_item,
            rows=self.rows if self.few else step.rows and self.only,
            over=step.over and self.over,
            keeps=step.keeps and self.keeps,
            keyed=step.keyed and self.keyed,
            reads=self.reads(),
            # What makes vectors on the way does an encoder's work, so it belongs where encoders run.
            queue="gpu" if self.few and any(made.queue == "gpu" for made in self.making) else step.queue,
        )

    @property
    def few(self) -> bool:
        """Whether this pass looks at some rows only: where it scores, or where each row's vector is made for it.

        What is fitted to the pool is still fitted to all of it, or the scores would not be those of the method alone.
        """
        dear = bool(self.making) and VECTORS in self.step.reads
        return self.rows is not None and not self.step.over and (self.last or dear)

    def reads(self) -> tuple[str, ...]:
        """What the vectors are made of is read instead of the vectors."""
        plain = [name for name in self.step.reads if not (self.making and name == VECTORS)]
        if len(plain) < len(self.step.reads):
            plain += [name for step in self.making for name in step.reads]
        return tuple(dict.fromkeys(plain))

    def map(self, shard: Shard, ctx: Ctx) -> Part:
        part = self.step.map(with_vectors(self.one, shard, ctx, self.making), self.one.ctx(ctx))
        if not self.last:
            return part
        # A score column knows positions in its shard file; together with the offset they are places in the pool.
        return {"key": part["key"], "score": part["score"], "place": part["row"].astype(np.int64) + shard.offset}

    def reduce(self, parts: Iterator[Part], ctx: Ctx) -> Value:
        return self.step.reduce(parts, self.one.ctx(ctx)) if self.step.reduce else {}

    def per_item(self, ctx: Ctx) -> int:
        most = self.step.rows_per_item(self.one.ctx(ctx))
        if self.about is None or not self.few:
            return most
        # Of few rows that are dear: about a thousand of them an item, or two minutes of one core.
        each = self.one.method.seconds(1_000, len(ctx.target), self.one.params) / 1_000
        some = min(1_000.0, max(50.0, 120 / max(each, 1e-9)))
        return max(1_000, min(most, int(ctx.rows * some / max(1, self.about(ctx)))))

    def only(self, ctx: Ctx) -> NDArray[np.int64] | None:
        return self.step.rows(self.one.ctx(ctx)) if self.step.rows else None

    def over(self, ctx: Ctx) -> Sequence[Item]:
        return self.step.over(self.one.ctx(ctx)) if self.step.over else ()

    def keeps(self, params: Any) -> str:
        return self.step.keeps(self.one.params) if self.step.keeps else ""

    def keyed(self, ctx: Ctx) -> str:
        return self.step.keyed(self.one.ctx(ctx)) if self.step.keyed else ""


def with_vectors(one: Component, shard: Shard, ctx: Ctx, making: Sequence[Pass] | None = None) -> Shard:
    """The same rows; the feature sets that `making` would have kept are made when they are asked for."""
    if making is None:
        making = [step for step in one.method.passes(one.params) if step.keeps]
    if not making:
        return shard
    inner = one.ctx(ctx)

    def load(name: str) -> Any:
        if not name.startswith("features:"):
            return shard[name]
        # Only now: the name of a set may hang on what the passes before this one made.
        maker = next((step.map for step in making if f"features:{kept(step, inner)}" == name), None)
        return maker(shard, inner)["features"] if maker else shard.array(name)

    return Shard(len(shard), load, shard.start, offset=shard.offset, picked=shard.places)


def ranked(parts: Iterator[Part], ctx: Ctx) -> Value:
    """Of every row of the pool by its place: "rank" int32 from 0 by (-score, key), and "score" float32.

    A row without a score has the rank -1 and the score NaN.
    """
    held = list(parts)
    rank = np.full(ctx.rows, -1, np.int32)
    score = np.full(ctx.rows, np.nan, np.float32)
    if held:
        place, value = (np.concatenate([part[name] for part in held]) for name in ("place", "score"))
        keys = np.concatenate([part["key"] for part in held])
        order = np.lexsort((keys, -value))
        order = order[np.isfinite(value[order])]
        rank[place[order]] = np.arange(len(order), dtype=np.int32)
        score[place[order]] = value[order]
    return {"rank": rank, "score": score}
