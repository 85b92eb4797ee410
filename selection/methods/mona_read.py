"""Rows as the features of a sparse autoencoder: parameters, what is loaded for them, and the reading of texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels import sparse, truncated
from selection.kernels.sparse import Rows
from selection.methods import aims, lm
from selection.methods.base import Ctx, Part, Shard
from selection.methods.params import ParamsError, param

if TYPE_CHECKING:
    from selection.encoders.causal import CausalLM
    from selection.encoders.sae import TopKSAE

ENTRIES = 2_048  # kept of a row: one of 150 tokens has about 1,800 with k = 32, and what is dropped costs re-reading
BLOCK = 256  # rows read between two looks at what is longer than it should be


@dataclass(frozen=True)
class MonaParams:
    sae: str = param(
        "", label="Sparse autoencoder",
        help="One of the team (sae-…), owner/repo:hookpoint of the Hub, or a folder.",
    )  # fmt: skip
    model: str = param(
        "", label="Language model", advanced=True,
        help="Left empty: the one on which the autoencoder was trained, where its files say so.",
    )  # fmt: skip
    layer: int = param(
        -1, label="Layer", ge=-1, advanced=True,
        help="-1: what the autoencoder says. That one and the next are measured, and the better one is taken.",
    )  # fmt: skip
    aggregation: Literal["prototype", "max", "round_robin"] = param(
        "prototype", label="Over the targets",
        choices={"prototype": "Prototype", "max": "Best target", "round_robin": "Each target in turn"},
        help="The paper's prototype is the mean of all targets. Targets of several kinds are better served one by one.",
    )  # fmt: skip
    groups: Literal["use", "ignore"] = aims.groups_param()
    duplicates: Literal["skip", "consume"] = aims.duplicates_param()
    keep: bool = param(
        True, label="Keep the features",
        help="Later runs, muting and other targets then start at once; 12 kB a row as a rule.",
    )  # fmt: skip
    entries: int = param(
        ENTRIES, label="Features kept of a row", ge=16, le=16_384, advanced=True,
        help="The largest ones, 6 bytes each. What they lack is bounded, and rows near the cut are read again.",
    )  # fmt: skip
    muted: str = param(
        "", label="Features left out",
        help="Numbers with commas between. They count on neither side, so a run without them needs no new reading.",
    )  # fmt: skip
    size: Literal["corrected", "published"] = param(
        "corrected", label="Size of rows", advanced=True,
        choices={"corrected": "Above rows of the same size", "published": "Not looked at, as published"},
        help="Rows in which more features fire share more with any target: what rows of their size share is taken off.",
    )  # fmt: skip
    measure: Literal["jaccard", "cosine"] = param(
        "jaccard", label="Likeness", advanced=True,
        choices={"jaccard": "Generalised Jaccard", "cosine": "Cosine, to compare with; keeps nothing"},
    )  # fmt: skip
    codes: Literal["sae", "hidden"] = param(
        "sae", label="Read off", advanced=True,
        choices={"sae": "The autoencoder's features", "hidden": "Hidden states by cosine, to compare with; keeps nothing"},
    )  # fmt: skip
    view: Literal["text", "prompt", "messages"] = param(
        "text", label="Compare",
        choices={"text": "Whole rows", "prompt": "Prompts only", "messages": "Whole rows, in the model's chat template"},
    )  # fmt: skip
    tokens: int = lm.tokens_param()

    @property
    def kept(self) -> bool:
        return self.keep and self.measure == "jaccard" and self.codes == "sae"

    def feature_set(self) -> str:
        """Autoencoder, model, layer, entries, longest row and view. Raises `ParamsError` for what is not here."""
        from selection.encoders import EncoderError, causal_files
        from selection.encoders.sae import files

        with refused("sae"):
            sae = files.identity(self.sae)
        name = model_of(self)
        try:
            model = causal_files.identity(name, fetch=False)
        except EncoderError as error:
            raise ParamsError("model", f"cannot be used: {error}") from None
        layer = f"l{self.layer}" if self.layer >= 0 else "own"
        return f"{sae}-{model}-{layer}-m{even(self.entries)}-t{self.tokens}-{self.view}"


def even(entries: int) -> int:
    """Stored rows have an even number of entries."""
    return entries + entries % 2


def refused(field: str, keys: Sequence[str] = ()) -> Any:
    return lm.refused(field, keys)


def model_of(params: MonaParams) -> str:
    """The language model's name. Raises `ParamsError` where nobody says which it is."""
    from selection.encoders.sae import files

    if params.model:
        return params.model
    with refused("sae"):
        folder = files.folder_of(params.sae, fetch=False)
        named = files.read_json(folder / files.OWN).get("model") if (folder / files.OWN).is_file() else ""
    if not named:
        raise ParamsError("model", "must name the language model; the files of this sparse autoencoder do not say it")
    return str(named)


def loaded(params: MonaParams) -> "tuple[TopKSAE, CausalLM]":
    """Both, one a process. Raises `ParamsError`."""
    from selection.encoders import causal, sae

    if not params.sae:
        raise ParamsError(
            "sae", "must name a sparse autoencoder: train one on a pool, or give a folder or one of the Hub"
        )
    with refused("sae"):
        found = sae.load(params.sae)
    with refused("model"):
        return found, causal.load(model_of(params))


def muted_of(params: MonaParams) -> NDArray[np.int64]:
    """The features of "12, 77", ascending. Raises `ParamsError`."""
    told = params.muted.replace(",", " ").split()
    if not all(part.isdecimal() for part in told):
        raise ParamsError("muted", f"must be numbers of features with commas between, not {params.muted[:80]!r}")
    return np.array(sorted({int(part) for part in told}), np.int64)


# --- reading ---


def read(texts: Sequence[str], ctx: Ctx, layer: int, keys: Sequence[str] = ()) -> Rows:
    """The mean feature activations of each text over its tokens; the first one is left out."""
    sae, _ = loaded(ctx.params)
    order, pieces = [], []
    for rows, hidden, tokens in _hidden(texts, ctx, layer, keys):
        with refused("sae"):
            acts, index = sae.encode(hidden)
        pieces.append(sparse.pooled(acts, index, tokens, sae.latents))
        order.append(rows)
    there = np.concatenate(order) if order else np.empty(0, np.int64)
    empty = np.setdiff1d(np.arange(len(texts)), there)
    nothing = Rows(np.zeros(len(empty) + 1, np.int64), np.empty(0, np.uint32), np.empty(0, np.float32))
    return sparse.join([*pieces, nothing]).take(np.argsort(np.concatenate([there, empty]), kind="stable"))


def read_hidden(texts: Sequence[str], ctx: Ctx, layer: int, keys: Sequence[str] = ()) -> NDArray[np.float32]:
    """float32[n, d]: the mean hidden state of each text, first tokens left out; zeros where nothing is left."""
    _, model = loaded(ctx.params)
    out = np.zeros((len(texts), model.dims), np.float32)
    for rows, hidden, tokens in _hidden(texts, ctx, layer, keys):
        ends = np.cumsum(tokens)
        for row, stop, count in zip(rows.tolist(), ends.tolist(), tokens.tolist(), strict=True):
            if count:
                out[row] = hidden[stop - count : stop].double().mean(dim=0).float().cpu().numpy()
    return out


def _hidden(
    texts: Sequence[str], ctx: Ctx, layer: int, keys: Sequence[str]
) -> Iterator[tuple[NDArray[np.int64], Any, NDArray[np.int64]]]:
    from selection.encoders.sae.fit import tokens_of

    _, model = loaded(ctx.params)
    if ctx.params.view == "messages":
        texts = model.templated(texts)
    # A token is about four characters; what lies behind the cut is no work.
    done = lm.by_work([min(len(text), 4 * ctx.params.tokens) for text in texts], ctx.tick)
    with refused("model", keys):
        for rows, hidden, tokens in tokens_of(model, texts, layer, most=ctx.params.tokens):
            yield rows, hidden, tokens
            done(rows)
    ctx.tick(len(texts))


def target(shard: Shard, ctx: Ctx) -> Part:
    """The targets' features (or hidden states), and at which layer the autoencoder fits the model, with its FVU."""
    from selection.encoders.sae.fit import fit

    ctx.tick(0)
    sae, model = loaded(ctx.params)
    muted = muted_of(ctx.params)
    if len(muted) and muted[-1] >= sae.latents:
        raise ParamsError("muted", f"names feature {muted[-1]}, and the autoencoder has {sae.latents:,}")
    texts = ctx.target[ctx.params.view]
    shown = model.templated(texts) if ctx.params.view == "messages" else texts
    with refused("sae"):
        found = fit(sae, model, ctx.params.layer if ctx.params.layer >= 0 else None, shown)
    made: Part = {"layer": np.array([found.layer]), "fvu": np.array([found.fvu]), "latents": np.array([sae.latents])}
    mine = replace(ctx, tick=_capped(ctx.tick, ctx.rows))
    if ctx.params.codes == "hidden":
        return made | {"vectors": read_hidden(texts, mine, found.layer, ctx.target.keys)}
    return made | read(texts, mine, found.layer, ctx.target.keys).arrays()


def _capped(tick: Callable[[int], None], most: int) -> Callable[[int], None]:
    return lambda done: tick(min(done, most))


def layer_of(ctx: Ctx) -> int:
    return int(ctx["target"]["layer"][0])


def encode(shard: Shard, ctx: Ctx) -> Part:
    """uint8[rows, 6 m + 8]: the rows' features as `selection.kernels.truncated` packs them."""
    rows = read(shard[ctx.params.view], ctx, layer_of(ctx), shard.keys)
    return {"features": truncated.pack(rows, even(ctx.params.entries))}


def cut(shard: Shard, ctx: Ctx) -> Part:
    """How many rows are longer than what is read of them."""
    from selection.encoders import causal

    with refused("model"):
        model = causal.load(model_of(ctx.params))
    many, view = 0, ctx.params.view
    for start in range(0, len(shard), BLOCK):
        texts = shard[view][start : start + BLOCK]
        many += model.longer(model.templated(texts) if view == "messages" else texts, ctx.params.tokens)
        ctx.tick(min(start + BLOCK, len(shard)))
    return {"rows": np.array([many], np.int64)}
