"""Perplexity and IFD as options of any selection: what stays, how much is read, and when it ends."""

import numpy as np
import pytest

from selection.encoders import causal
from selection.methods import METHODS, Budget, Options, ParamsError, Row, choose, judged, loss, parse_params, select
from selection.methods.ifd import ratio
from tests.encoders.conftest import DEVICE
from tests.tiny_lm import tiny

MODEL = tiny()
ROWS = [
    {
        "instruction": " and ".join([f"add {n} apples"] * (1 + n % 3)),
        "output": f"{n * 7} trains" * (n % 4),
        "id": f"k{n:02}",
    }
    for n in range(40)
]


@pytest.fixture(scope="module")
def values():
    """Perplexity and IFD of each row."""
    lm = causal.load(MODEL, DEVICE)
    prompts, answers = [row["instruction"] for row in ROWS], [row["output"] for row in ROWS]
    gain = loss.with_and_without(lm, prompts, answers, 2048)[:, 1]
    return np.exp(loss.of_answers(lm, prompts, answers, 2048)), ratio(gain)


def picks(budget=40, rows=ROWS, **options):
    given = parse_params(Options, {"judge": MODEL, **options})
    return [pick.key for pick in select(rows, method="random", budget=budget, options=given)]


@pytest.mark.parametrize("name", ["perplexity", "ifd"])
def test_rows_above_the_threshold_are_passed_over(values, name):
    value = values[name == "ifd"]
    middle = float(np.nanmedian(value))
    wanted = [key for key in picks() if not value[int(key[1:])] > middle]
    assert 5 < len(wanted) < 35
    assert picks(**{name: middle}) == wanted, "rows without an answer stay"


def test_both_at_once(values):
    perplexity, ifd = values
    limits = float(np.nanquantile(perplexity, 0.7)), float(np.nanquantile(ifd, 0.7))
    wanted = [key for key in picks() if not perplexity[int(key[1:])] > limits[0] and not ifd[int(key[1:])] > limits[1]]
    assert picks(perplexity=limits[0], ifd=limits[1]) == wanted


@pytest.fixture
def read(monkeypatch):
    """Rows that the model has read."""
    found, real = [], judged.Judge._read
    monkeypatch.setattr(judged.Judge, "_read", lambda self, rows: found.extend(rows) or real(self, rows))
    return found


def test_only_rows_that_are_come_to_are_read(read):
    assert len(picks(budget=3, perplexity=1e300)) == 3
    assert len(read) <= judged.AT_ONCE
    read.clear()
    picks(budget=40, perplexity=1e300)
    assert len(read) == len({row["output"] + row["instruction"] for row in ROWS}), "each once"
    read.clear()
    assert len(picks(budget=40)) == 40
    assert read == [], "without these options no model is loaded"


def test_other_options_come_first(read):
    picks(budget=40, perplexity=1e300, max_chars=1)
    assert read == []


def test_the_model_reads_no_more_than_the_bound(read, monkeypatch):
    monkeypatch.setattr(judged, "LEAST", 10)
    monkeypatch.setattr(judged, "AT_ONCE", 4)
    columns, _ = _scored()
    chosen = choose(
        columns, budget=Budget.parse("1"), options=Options(perplexity=1, judge=MODEL), lookup=_lookup, seed=0
    )
    assert len(chosen.picks) == 0
    assert len(read) == 10
    assert chosen.skipped == {"perplexity": 10, "judge": 30}
    assert chosen.read == 40


def test_it_can_be_stopped_while_the_model_reads(monkeypatch):
    class Stopped(Exception):
        pass

    def tick(done):
        raise Stopped

    columns, _ = _scored()
    with pytest.raises(Stopped):
        choose(
            columns, budget=Budget.parse("5"), options=Options(ifd=1, judge=MODEL), lookup=_lookup, seed=0, tick=tick
        )


def _lookup(places):
    return [Row("", 9, ROWS[p.row]["id"], "text", (ROWS[p.row]["instruction"], f"words of {p.row}")) for p in places]


def _scored():
    keys = np.array([row["id"].encode() for row in ROWS])
    column = {"key": keys, "row": np.arange(40, dtype=np.uint32), "score": np.linspace(1, 0, 40, dtype=np.float32)}
    return [{**column, "exact": np.ones(40, bool)}], None


def test_spread_over_judged_rows(values):
    perplexity = values[0]
    middle = float(np.nanmedian(perplexity))
    found = picks(budget=5, perplexity=middle, spread="k_center")
    assert len(found) == 5
    assert not any(perplexity[int(key[1:])] > middle for key in found)


def test_a_model_that_is_not_there():
    with pytest.raises(ParamsError, match="does not exist") as caught:
        picks(perplexity=5, judge="/no/such/model")
    assert caught.value.field == "judge"


def test_bounds():
    for given in ({"perplexity": 0.5}, {"ifd": 0}):
        with pytest.raises(ParamsError):
            parse_params(Options, given)
    assert not Options().judged
    assert Options(ifd=1).needs_text
    assert METHODS["ifd"].Params().model == Options().judge
