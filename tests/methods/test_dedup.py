"""MinHash against the exact similarity, the clusters it makes, and the method that keeps one row of each."""

import random

import numpy as np
import pytest

from selection.kernels.minhash import SIZE, bands, clusters, estimate, signatures
from selection.kernels.wordhash import words
from selection.methods import Ctx, Dedup, Scores, params_schema, parse_params, select
from tests.methods.tables import picks, run


def shingle_set(text):
    said = words(text)
    return {tuple(said[at : at + 3]) for at in range(max(1, len(said) - 2))}


def jaccard(one, other):
    a, b = shingle_set(one), shingle_set(other)
    return len(a & b) / len(a | b)


def mutated(rng, text, changes):
    said = text.split()
    for at in rng.sample(range(len(said)), changes):
        said[at] = f"new{rng.randrange(10**6)}"
    return " ".join(said)


def sentence(rng, count=60):
    return " ".join(f"w{rng.randrange(3000)}" for _ in range(count))


def test_the_estimate_has_no_bias_and_the_spread_that_theory_says():
    rng = random.Random(1)
    errors = []
    for _ in range(400):
        one = sentence(rng)
        other = mutated(rng, one, rng.randint(0, 8))
        true = jaccard(one, other)
        found = estimate(*signatures([one, other], seed=rng.randrange(2**40)))
        if 0.0 < true < 1.0:
            errors.append((found - true) / np.sqrt(true * (1 - true) / SIZE))
        else:
            assert found == true
    assert abs(np.mean(errors)) < 4 / np.sqrt(len(errors))
    assert 0.85 < np.std(errors) < 1.15


def test_signatures_do_not_depend_on_what_stands_beside():
    rng = random.Random(2)
    texts = [sentence(rng, rng.randint(1, 40)) for _ in range(2500)] + ["", "?!", "one", "one two"]
    whole = signatures(texts, seed=7)
    told = []
    np.testing.assert_array_equal(whole[1000:1030], signatures(texts[1000:1030], 7, told.append))
    assert told == [30]
    assert signatures([], 7).shape == (0, SIZE)
    assert not np.array_equal(whole, signatures(texts, seed=8))
    assert len({row.tobytes() for row in whole[-4:]}) == 4
    np.testing.assert_array_equal(*signatures(["One, two – THREE!", "one two three"]))


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99])
def test_bands_miss_one_pair_in_two_hundred_at_the_threshold(threshold):
    count, rows = bands(threshold)
    assert count * rows <= SIZE
    assert (1 - threshold**rows) ** count <= 0.005
    more = rows + 1
    assert (1 - threshold**more) ** (SIZE // more) > 0.005, "with longer bands, fewer pairs would be compared"


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.9])
def test_recall_and_precision_against_the_exact_similarity(threshold):
    """Pairs a little above the threshold are found, pairs a little below are not; between them chance decides."""
    rng = random.Random(3)
    pairs = []
    for _ in range(1500):
        one = sentence(rng)
        pairs.append((one, mutated(rng, one, rng.randint(0, 12))))
    texts = [text for pair in pairs for text in pair]
    found = clusters(signatures(texts, seed=5), np.arange(len(texts)), threshold)
    joined = found[0::2] == found[1::2]
    true = np.array([jaccard(*pair) for pair in pairs])
    margin = 3 * np.sqrt(threshold * (1 - threshold) / SIZE)
    above, below = true >= threshold + margin, true < threshold - margin
    assert above.sum() > 80
    assert below.sum() > 80
    assert joined[above].mean() >= 0.99
    assert joined[below].mean() <= 0.01
    # Rows of different pairs are joined by nobody.
    assert (found // 2 == np.arange(len(texts)) // 2).all()


def slow_clusters(signed, threshold):
    """Every pair compared, joined by flooding."""
    near = [[j for j in range(len(signed)) if estimate(signed[i], signed[j]) >= threshold] for i in range(len(signed))]
    found = [-1] * len(signed)
    for start in range(len(signed)):
        todo = [start] if found[start] < 0 else []
        while todo:
            row = todo.pop()
            if found[row] < 0:
                found[row] = start
                todo += near[row]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_clusters_are_those_of_all_pairs(seed):
    rng = random.Random(seed)
    texts = [sentence(rng, 30) for _ in range(20)]
    for _ in range(100):  # chains: a copy of a copy of a copy
        texts.append(mutated(rng, rng.choice(texts), rng.randint(0, 2)))
    signed = signatures(texts, seed)
    found = clusters(signed, np.arange(len(texts)), 0.75)
    assert len(set(found.tolist())) < 100
    assert (found.tolist() == np.array(slow_clusters(signed, 0.75))).mean() > 0.98
    # In another order the same rows are joined, and another one is the first.
    order = np.random.default_rng(seed).permutation(len(texts))
    again = order[clusters(signed, order, 0.75)]
    groups = {tuple(np.sort(order[again == first])) for first in set(again.tolist())}
    assert groups == {tuple(np.flatnonzero(found == first)) for first in set(found.tolist())}


def test_ten_thousand_copies_take_no_time():
    signed = signatures(
        ["the same text in every row, again and again"] * 10_000 + ["something else entirely, alone here"]
    )
    found = clusters(signed, np.arange(10_001), 0.8)
    assert (found[:-1] == 0).all()
    assert found[-1] == 10_000


BASE = "how many apples does the farmer have left after he sold half of them at the market in the old town today"
ROWS = [
    ("d", BASE, ""),
    ("b", BASE.upper() + "!", ""),
    ("c", "a train leaves the station at noon and goes as fast as the wind over the hills and far away", ""),
    ("a", BASE.replace("today", "again"), ""),
    ("e", "nothing of the sort", ""),
]


def test_of_near_duplicates_the_first_by_key_stays():
    kept = {key for key, _ in picks("dedup", [ROWS])}
    assert kept == {"a", "c", "e"}
    assert {key for key, _ in picks("dedup", [ROWS], threshold=0.99)} == {"a", "b", "c", "e"}
    # The same rows, cut everywhere, and in another order.
    assert picks("dedup", [[row] for row in ROWS]) == picks("dedup", [ROWS[::-1]]) == picks("dedup", [ROWS])


def test_those_that_stay_are_drawn_by_chance():
    rows = [(f"k{n:03}", f"row number {n} says {n * 7919} and {n * 104729} only once", "") for n in range(200)]
    first, second = (picks("dedup", [rows], budget=20, seed=seed) for seed in (1, 2))
    assert len(first) == 20
    assert first != second
    assert {key for key, _ in picks("random", [rows], budget=20, seed=1)} == {key for key, _ in first}


def test_notes_and_reasons_say_what_was_dropped():
    columns, ctx = run("dedup", [ROWS[:2], ROWS[2:]])
    scores = Scores.of(columns)
    assert scores.count == 3
    [note] = Dedup().notes(ctx, scores)
    assert (note.kind, note.text) == ("fact", "2 rows (40.0%) were dropped as near duplicates of 1 that stays.")
    found = select([{"id": key, "text": text} for key, text, _ in ROWS], method="dedup")
    said = {pick.key: pick.reason[0].text for pick in found}
    assert said["a"] == "Stands for 2 near duplicates. Drawn by chance."
    assert said["c"] == "Nothing like it. Drawn by chance."
    columns, ctx = run("dedup", [ROWS[2:3]])
    assert "none was dropped" in Dedup().notes(ctx, Scores.of(columns))[0].text


def test_a_template_taken_for_copies_is_warned_of():
    rows = [(f"k{n:03}", f"{BASE} and the number of this row is {n}", "") for n in range(150)]
    columns, ctx = run("dedup", [rows])
    notes = Dedup().notes(ctx, Scores.of(columns))
    assert [note.kind for note in notes] == ["fact", "warning"]
    assert "150 rows" in notes[1].text


def test_rows_without_an_answer_are_not_duplicates_of_each_other():
    rows = [
        {"id": str(n), "prompt": f"Question {n}?", "completion": "" if n < 3 else "Yes, it is so."} for n in range(6)
    ]
    found = select(rows, method="dedup", view="response")
    assert sorted(pick.key for pick in found) == ["0", "1", "2", "3"]


def test_the_whole_pool_thinned_has_no_pair_of_copies(shared):
    """On real rows: no two kept rows share nearly all of their 3-grams, and those dropped have one that stays."""
    import pyarrow.parquet as pq

    rows = pq.read_table(shared / "pool_20k.parquet", columns=["id", "instruction", "input", "output"]).slice(0, 1500)
    found = select(rows.to_pylist(), method="dedup", budget=1500)
    kept = {pick.key for pick in found}
    text = {
        row["id"]: " ".join(filter(None, (row["instruction"], row["input"], row["output"]))) for row in rows.to_pylist()
    }
    by_gram = {}
    for key in kept:
        for gram in shingle_set(text[key]):
            by_gram.setdefault(gram, []).append(key)
    for key in sorted(set(text) - kept):
        grams = shingle_set(text[key])
        near = {other for gram in grams for other in by_gram.get(gram, [])}
        assert max(jaccard(text[key], text[other]) for other in near) > 0.55
    for key in sorted(kept)[:300]:
        near = {other for gram in shingle_set(text[key]) for other in by_gram[gram][:50]} - {key}
        assert max((jaccard(text[key], text[other]) for other in near), default=0) < 0.95


def test_the_parameters():
    assert [entry["name"] for entry in params_schema(Dedup.Params)] == ["threshold", "view"]
    assert parse_params(Dedup.Params, {"threshold": "0.5"}).threshold == 0.5
    assert Dedup().passes(Dedup.Params())[0].rows_per_item(Ctx(Dedup.Params())) > 1
