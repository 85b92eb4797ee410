"""Rows for the laws: made by Hypothesis, cut into shards, run through a method with the product's own driver."""

import itertools
import json

from hypothesis import strategies as st

from curation.content import Content
from selection.methods import METHODS, Budget, Ctx, Options, Row, Shard, Target, choose, parse_params
from selection.methods.local import run_local
from tests.tiny_lm import tiny
from tests.tiny_sae import tiny_sae

# Few words, so that rows share some, repeat themselves, and tie.
WORDS = ["sum", "add", "price", "apples", "train", "hour", "def", "return", "gene", "the", "of", "to", "is", "a"]
words = st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
texts = st.lists(words, min_size=1, max_size=12).map(" ".join)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4)


@st.composite
def tables(draw, max_rows=12):
    """(key, text, source) of each row; keys are unique."""
    keys = draw(st.lists(names, unique=True, max_size=max_rows))
    return [(key, draw(texts), draw(st.sampled_from(["", "one", "two"]))) for key in keys]


@st.composite
def cut_tables(draw):
    """A table and the same rows as shards: any cuts, empty shards among them."""
    rows = draw(tables())
    edges = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    edges = [0, *edges, len(rows)]
    return rows, [rows[a:b] for a, b in itertools.pairwise(edges)]


# In place of defaults that name the sentence encoder or a language model of 135 million parameters.
USUAL = {
    "mona": {"sae": tiny_sae(), "tokens": "64", "entries": "64"},
    "rds_plus": {"model": tiny(), "tokens": "64"},
    "perplexity": {"model": tiny(), "tokens": "64"},
    "ifd": {"model": tiny(), "tokens": "64"},
    "fusion": {"methods": "bm25, classifier:features=static, embedding"},
    "cascade": {"first": "bm25", "then": "embedding", "audit": "2"},
    "less": {
        "model": tiny(),
        "learn": "text",
        "epochs": "1",
        "warmup": "2",
        "rank": "2",
        "blocks": "1",
        "tokens": "12",
        "dims": "32",
        "batch": "1",
    },
    "vote_k": {"language_model": tiny()},
    "uncertainty": {"language_model": tiny(), "samples": "3", "tokens": "2"},
}


def target_of(texts_):
    return Target(tuple(f"t{n}" for n in range(len(texts_))), tuple(Content("single", input=text) for text in texts_))


def run(
    name,
    shards,
    *,
    target=("add the price of apples", "def sum return"),
    seed=0,
    per_item=None,
    processes=1,
    kept=None,
    **params,
):
    """(columns, ctx) of a method over shards of (key, text, source)."""
    method = METHODS[name]
    rows = sum(map(len, shards))
    given = parse_params(method.Params, params)
    ctx = Ctx(given, target_of(target), seed, rows)

    def open_item(item):
        held = shards[item.shard][item.start : item.stop]
        views = {view: [text for _, text, _ in held] for view in ("text", "prompt", "response")}
        views["messages"] = [json.dumps([{"role": "user", "content": text}]) for _, text, _ in held]
        return Shard.of({"keys": [key for key, _, _ in held], "sources": [s for *_, s in held], **views}, item.start)

    if per_item:
        method = small_items(method, per_item)
    return run_local(method, ctx, [len(shard) for shard in shards], open_item, processes=processes, features=kept)


def small_items(method, per_item):
    class Small:
        name = method.name

        def passes(self, params):
            return [step._replace(rows_per_item=lambda ctx: per_item) for step in method.passes(params)]

    return Small()


def picks(name, shards, *, budget="1000", options=None, seed=0, **kwargs):
    columns, _ = run(name, shards, seed=seed, **kwargs)
    by_key = {key: (text, source) for shard in shards for key, text, source in shard}

    def lookup(places):
        return [Row(by_key[p.key][1], len(by_key[p.key][0]), by_key[p.key][0], by_key[p.key][0]) for p in places]

    chosen = choose(columns, budget=Budget.parse(budget), options=options or Options(), lookup=lookup, seed=seed)
    return [(pick.key, pick.score) for pick in chosen.picks]
