"""zipfit anchored: the best rows of the exact way, the same on any cut, and an audit that tells the truth."""

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from curation.content import Content
from selection.kernels import overlap
from selection.methods import METHODS, Ctx, Shard, Target, notes_of, parse_params
from selection.methods.base import Scores
from selection.methods.local import run_local
from selection.methods.zipfit_audit import most_missed
from selection.methods.zipfit_fit import fitted, stages
from tests.methods.tables import run, target_of

SMALL = {"mode": "anchored", "keep": 30, "sample": 60, "audit": 40, "level": "6"}
VOCABULARY = [
    [f"{sound}{end}" for sound in ("sum", "price", "apple", "train") for end in ("", "s", "ed", "ing", "ly")],
    [f"{sound}{end}" for sound in ("gene", "cell", "prote", "acid") for end in ("", "s", "in", "ase", "ome")],
]


def pool(rows=700, seed=1):
    """Rows that share more and more of the target's words, of all lengths."""
    draw = random.Random(seed)
    made = []
    for number in range(rows):
        share = draw.random() ** 3
        words = [draw.choice(VOCABULARY[draw.random() > share]) for _ in range(draw.randint(3, 60))]
        made.append((f"k{number:04}", " ".join(words), "one"))
    return made


def targets(count=12):
    draw = random.Random(7)
    return [" ".join(draw.choice(VOCABULARY[0]) for _ in range(draw.randint(8, 40))) for _ in range(count)]


def scores(columns):
    """{key: (score, exact)}"""
    return {
        key: (float(score), bool(exact))
        for column in columns
        for key, score, exact in zip(column["key"].tolist(), column["score"], column["exact"], strict=True)
    }


def best(found, k):
    return sorted(found, key=lambda key: (-found[key][0], key))[:k]


@pytest.fixture(scope="module")
def both():
    """The pool scored both ways."""
    rows, goal = pool(), targets()
    exact, _ = run("zipfit", [rows], target=goal, level="6")
    anchored, ctx = run("zipfit", [rows], target=goal, **SMALL)
    return scores(exact), scores(anchored), ctx


def test_the_best_rows_are_those_of_the_exact_way(both):
    exact, anchored, _ = both
    assert best(anchored, 30) == best(exact, 30)
    finished = [key for key, (_, known) in anchored.items() if known]
    assert len(finished) < 450
    assert all(anchored[key][0] == exact[key][0] for key in finished), "to the bit"


def test_no_estimate_stands_above_a_row_that_was_finished(both):
    _, anchored, ctx = both
    finished = {f"k{place:04}".encode() for place in ctx["finish"]["place"]}
    assert len(finished) >= 20
    least = min(anchored[key][0] for key in finished)
    guessed = [score for score, known in anchored.values() if not known]
    assert len(guessed) > 200
    assert max(guessed) < least
    assert len(set(guessed)) > len(guessed) * 0.9, "estimates keep their own order"


@pytest.mark.parametrize("seed", [0, 5])
def test_cutting_the_pool_changes_nothing(seed):
    rows, goal = pool(500, seed=3), targets()
    whole, _ = run("zipfit", [rows], target=goal, seed=seed, **SMALL)
    cut = [rows[a:b] for a, b in itertools.pairwise([0, 1, 77, 77, 300, 500])]
    parts, _ = run("zipfit", cut, target=goal, seed=seed, per_item=41, **SMALL)
    assert scores(whole) == scores(parts)


def test_several_processes_score_the_same():
    rows, goal = pool(300, seed=4), targets()
    one, _ = run("zipfit", [rows[:200], rows[200:]], target=goal, **SMALL)
    two, _ = run("zipfit", [rows[:200], rows[200:]], target=goal, processes=2, **SMALL)
    assert scores(one) == scores(two)


def test_the_sample_follows_the_seed_and_the_keys(both):
    _, anchored, ctx = both
    other, _ = run("zipfit", [pool()], target=targets(), seed=9, **SMALL)
    assert best(scores(other), 30) == best(anchored, 30)
    assert {key for key, (_, known) in scores(other).items() if known} != {k for k, (_, x) in anchored.items() if x}
    assert 30 <= len(ctx["survey"]["place"]) <= 100, "about as many as asked for"


@pytest.mark.parametrize("compressor", ["zstd", "lz4"])
def test_other_compressors(compressor):
    rows, goal = pool(400), targets()
    settings = {"compressor": compressor, "level": "3"}
    exact, _ = run("zipfit", [rows], target=goal, **settings)
    anchored, _ = run("zipfit", [rows], target=goal, **{**SMALL, **settings})
    assert len(set(best(scores(exact), 30)) & set(best(scores(anchored), 30))) >= 29


@pytest.mark.parametrize("many", [1, 2, 3, 40])
def test_any_number_of_targets_and_of_anchors(many):
    rows, goal = pool(400), targets(many)
    exact, _ = run("zipfit", [rows], target=goal, level="6")
    anchored, _ = run("zipfit", [rows], target=goal, **{**SMALL, "anchors": 2})
    assert len(set(best(scores(exact), 30)) & set(best(scores(anchored), 30))) >= 29


@pytest.mark.parametrize("text", ["", "the same words in every row"])
def test_rows_that_are_all_equal_and_empty_ones(text):
    rows = [(f"k{n:03}", text, "") for n in range(200)]
    found = scores(run("zipfit", [rows], target=targets(), **SMALL)[0])
    assert len({score for score, known in found.values() if known}) == 1
    assert all(math.isfinite(score) for score, _ in found.values())


def test_one_row_of_a_megabyte_and_an_empty_target():
    rows = [*pool(150), ("long", "apples " * 150_000, "")]
    found = scores(run("zipfit", [rows], target=[*targets(), ""], **SMALL)[0])
    assert all(math.isfinite(score) for score, _ in found.values())


def test_without_anything_to_leave_out_all_rows_are_finished():
    columns, ctx = run("zipfit", [pool(200)], target=targets(), mode="anchored")
    assert all(column["exact"].all() for column in columns)
    (note,) = told(ctx)
    assert note.text == "All 200 rows were compared with every target."


def told(ctx):
    return notes_of(METHODS["zipfit"], ctx, Scores(0, 0, 0, 0, 0))


def test_the_audit_is_told(both):
    _, _, ctx = both
    count, audit = told(ctx)
    assert " of 700 rows were compared with every target; the others are estimated." in count.text
    assert audit.kind == "fact"
    assert audit.text.startswith(
        "Audit: of 30 of the 30 left-out rows nearest to the cut, scored in full, 0 would have"
    )
    assert "at most 0.0 % of them are missed there" in audit.text, "all of the thirty were looked at"


def test_the_audit_finds_what_a_margin_of_nothing_misses(both):
    """The bound holds and grows: hits among the rows that fell out, and never fewer missed than it says."""
    exact, _, _ = both
    rough = {**SMALL, "margin": 0, "anchors": 1, "sample": 40, "audit": 25}
    columns, ctx = run("zipfit", [pool()], target=targets(), **rough)
    found = scores(columns)
    missed = [key for key in best(exact, 30) if not found[key][1]]
    assert missed
    _, audit = told(ctx)
    assert audit.kind == "warning"
    assert audit.text.endswith("A larger margin misses fewer.")
    from selection.methods.zipfit_audit import bounds

    assert sum(bounds(ctx["audit"], ctx["finish"])) >= len(missed)


def test_nothing_audited_is_a_warning():
    _, ctx = run("zipfit", [pool()], target=targets(), **{**SMALL, "audit": 0})
    assert [note.kind for note in told(ctx)] == ["fact", "warning"]


def test_the_bound_by_hand():
    assert most_missed(10, 10, 0, 0.05) == 0, "all were looked at"
    assert most_missed(10, 0, 0, 0.05) == 10, "none was"
    # Of 20 rows 10 are drawn without a hit. With 4 marked: C(16,10)/C(20,10) = 8008/184756 = 0.0433; with 3: 0.1053.
    assert most_missed(20, 10, 0, 0.05) == 3
    assert most_missed(20, 10, 0, 0.04) == 4
    # 300 of very many and no hit: the rule of three, 1 - 0.05^(1/300) = 0.994 %.
    assert most_missed(10**6, 300, 0, 0.05) / 10**6 == pytest.approx(1 - 0.05 ** (1 / 300), rel=2e-3)


def test_the_bound_is_right_as_often_as_it_says():
    """Drawn a thousand times from rows of which 14 are marked: too low a bound in at most 5 % of the draws."""
    draw = np.random.Generator(np.random.PCG64(5))
    hits = draw.hypergeometric(14, 286, 60, 1000)
    low = sum(most_missed(300, 60, int(hit), 0.05) + hit < 14 for hit in hits)
    assert low <= 65
    assert low > 0, "else the bound would be wider than it need be"


def test_least_squares_by_hand():
    told_ = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 3.0]])
    weights, error = fitted(told_, np.array([1.0, 3.0, 5.0, 7.0]))
    assert weights == pytest.approx([1, 2])
    assert error == pytest.approx(0, abs=1e-12)
    # A constant: each row left out is foretold by the mean of the others.
    weights, error = fitted(np.ones((3, 1)), np.array([0.0, 0.0, 3.0]))
    assert weights == pytest.approx([1])
    assert error == pytest.approx(np.sqrt((1.5**2 + 1.5**2 + 3**2) / 3))


def test_the_first_anchor_is_the_target_that_tells_most():
    draw = np.random.Generator(np.random.PCG64(0))
    mean = draw.random(80)
    found = np.column_stack([draw.random(80), mean + 0.01 * draw.random(80), np.zeros(80)])
    learnt = stages(found, np.full((80, 2), 100.0), mean, 1)
    assert learnt["anchors"][0] == 1
    assert 2 not in learnt["anchors"], "a target that never changes tells nothing"


def test_overlap_by_hand_and_without_numba(monkeypatch):
    others = overlap.table([b"abcdef", b"abcxyz"])
    # abcd: abc (in both), bcd (in one); no stretch of five. abcdefg: five of three bytes, three of five.
    expected = [[2, 2, 3, 0, 0, 0], [5, 4, 5, 3, 2, 2], [0, 0, 0, 0, 0, 0], [1, 1, 2, 0, 0, 0]]
    texts = [b"abcd", b"abcdefg", b"ab", b"abc"]
    assert overlap.overlaps(texts, others).tolist() == expected
    draw = random.Random(2)
    more = [draw.randbytes(draw.randint(0, 400)) for _ in range(50)] + [b"abcabcabc" * 30]
    compiled = overlap.overlaps(more, overlap.table(more[:9]))
    monkeypatch.setattr(overlap, "_compiled", lambda: None)
    assert overlap.overlaps(more, overlap.table(more[:9])).tolist() == compiled.tolist()


def test_work_is_told_while_rows_are_foretold():
    rows, goal, marks = pool(300), targets(), []
    table = {"keys": [key for key, *_ in rows], "text": [f"{text} " * 60 for _, text, _ in rows]}
    params = parse_params(METHODS["zipfit"].Params, {**SMALL, "level": "1"})
    ctx = Ctx(params, target_of([text * 20 for text in goal]), rows=300)
    _, ctx = run_local(METHODS["zipfit"], ctx, [300], lambda item: Shard.of(table), processes=1)
    steps = {step.name: step for step in METHODS["zipfit"].passes(params)}
    for name in ("foretell", "finish"):
        marks.clear()
        steps[name].map(Shard.of({k: v * 4 for k, v in table.items()}), replace(ctx, tick=marks.append))
        assert marks
        assert marks == sorted(marks)


@pytest.mark.parametrize("goal", ["gsm8k", "banking_intent"])
def test_recall_on_real_rows(shared, goal):
    """Of the best 200 of 5,000 rows at least 99.5 %, with less than half of the work."""
    import json

    table = pq.read_table(shared / "pool_20k.parquet", columns=["id", "instruction", "input", "output"])
    rows = [
        (row["id"], "\n".join(filter(None, (row["instruction"], row["input"], row["output"]))), "")
        for row in table.to_pylist()[::4]
    ]
    with (shared / "targets" / f"{goal}.jsonl").open() as file:
        held = [json.loads(line) for line in list(file)[:25]]
    texts = ["\n".join(filter(None, (row["instruction"], row["input"], row["output"]))) for row in held]
    exact, _ = run("zipfit", [rows], target=texts)
    anchored, _ = run("zipfit", [rows], target=texts, mode="anchored", keep=200)
    exact, anchored = scores(exact), scores(anchored)
    assert len(set(best(exact, 200)) & set(best(anchored, 200))) >= 199
    assert sum(known for _, known in anchored.values()) < 2_500


def test_rows_wanted_tell_how_many_to_rank():
    from selection.methods.zipfit_anchored import keep

    def of(rows, wanted=0, **params):
        given = parse_params(METHODS["zipfit"].Params, {"mode": "anchored", **params})
        return keep(Ctx(given, Target(("t",), (Content("single", input="x"),)), rows=rows, wanted=wanted))

    assert [of(200_000), of(1_000_000), of(10_000), of(700)] == [10_000, 20_000, 2_000, 700]
    assert [of(200_000, 1_000), of(200_000, 8_000), of(200_000, 30_000)] == [4_000, 20_000, 60_000]
    assert of(200_000, 1_000, keep=50) == 50
