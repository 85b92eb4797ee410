"""What the methods share that read rows through a causal language model: parameters, what is cut, what goes wrong."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import EncoderError
from selection.methods.base import Ctx, Note, Part, Pass, Shard, Value
from selection.methods.params import ParamsError, param

if TYPE_CHECKING:
    from selection.encoders.causal import CausalLM

LONGEST = 131_072  # tokens of a row that may be asked for; the model's own context may be shorter
SECONDS = 0.12  # a row of about 500 characters through SmolLM2-135M, one core


def model_param() -> Any:
    return param(
        "smollm2", label="Language model",
        help="smollm2 comes with Winnow (135 M parameters, English); or a model's name on the Hub, or a folder, with safetensors.",
    )  # fmt: skip


def tokens_param() -> Any:
    return param(
        2048, label="Tokens of a row, at most", ge=8, le=LONGEST, advanced=True,
        help="What is longer is cut, and counted in the run's notes.",
    )  # fmt: skip


def identity(params: Any) -> str:
    """Of the model, without loading it. Raises `ParamsError` for one that is not on this machine."""
    from selection.encoders import causal_files

    with refused():
        return causal_files.identity(params.model, fetch=False)


def loaded(params: Any, field: str = "model") -> "CausalLM":
    """The model, one a process. Raises `ParamsError` for `field`."""
    from selection.encoders import causal

    with refused(field):
        return causal.load(params.model)


@contextmanager
def refused(field: str = "model", keys: Sequence[str] = ()) -> Iterator[None]:
    """What the model refuses, as a `ParamsError` that names the row where it was one of `keys`."""
    try:
        yield
    except EncoderError as error:
        row = getattr(error, "row", None)
        where = f" for the row {keys[row]}" if row is not None and row < len(keys) else ""
        raise ParamsError(field, f"cannot be used{where}: {error}") from None


def by_work(sizes: Sequence[int], tick: Callable[[int], None]) -> Callable[[NDArray[np.int64]], None]:
    """Progress of rows that are read longest first, of which only some `tick` is told: as many rows as the share of the
    work that is done, so that the time left is not that of the longest ones. `sizes`: the work of each row.
    """
    work, done = np.asarray(sizes, np.int64), 0

    def more(rows: NDArray[np.int64]) -> None:
        nonlocal done
        done += int(work[rows].sum())
        tick(len(work) * done // max(1, int(work.sum())))

    return more


def cut_pass(view: str) -> Pass:
    """`ctx["cut"]["rows"]`: int64[1], how many rows of the pool are longer than what is read of them."""
    return Pass("cut", _cut, _sum, title="Measure rows", reads=(view,))


def _cut(shard: Shard, ctx: Ctx) -> Part:
    view, model, many = ctx.params.view, loaded(ctx.params), 0
    for start in range(0, len(shard), 500):
        texts = shard[view][start : start + 500]
        many += model.longer(model.templated(texts) if view == "messages" else texts, ctx.params.tokens)
        ctx.tick(min(start + 500, len(shard)))
    return {"rows": np.array([many], np.int64)}


def _sum(parts: Iterator[Part], ctx: Ctx) -> Value:
    return {"rows": np.array([sum(int(part["rows"][0]) for part in parts)], np.int64)}


def cut_note(rows: int, ctx: Ctx) -> list[Note]:
    """Of `rows` that were cut."""
    if not rows:
        return []
    said = "row is" if rows == 1 else "rows are"
    text = (
        f"{rows:,} {said} longer than {ctx.params.tokens:,} tokens or than the model's context, and read up to there."
    )
    return [Note("fact", text)]
