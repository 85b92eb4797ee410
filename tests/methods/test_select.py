"""The library call, as a notebook would make it."""

import subprocess
import sys
from pathlib import Path

import pytest

from curation.content import ContentError, Mapping
from selection.methods import METHODS, Options, ParamsError, Pick, select
from tests.methods.tables import USUAL

ROOT = Path(__file__).resolve().parents[2]
ALONE = [name for name, method in METHODS.items() if not getattr(method, "needs_runs", False)]
TARGET = [{"instruction": "Add two numbers", "output": "def add(a, b): return a + b"}]
ROWS = [
    {"id": "cat", "instruction": "Write a poem", "input": "about a cat", "output": "The cat sat on the mat."},
    {"id": "sub", "instruction": "Subtract two numbers", "input": "", "output": "def sub(a, b): return a - b"},
    {"id": "dog", "instruction": "Write a story", "input": "about a dog", "output": "A dog ran far away."},
]


@pytest.mark.parametrize("method", ["zipfit", "bm25"])
def test_the_row_that_is_like_the_target_comes_first(method):
    picks = select(ROWS, TARGET, method=method, budget=2)
    assert [(type(pick), pick.rank) for pick in picks] == [(Pick, 1), (Pick, 2)]
    assert picks[0].key == "sub"
    assert picks[0].score > picks[1].score
    assert picks[0].reason


FORMS = {
    "alpaca": [{"instruction": r["instruction"], "input": r["input"], "output": r["output"]} for r in ROWS],
    "prompt": [{"prompt": f"{r['instruction']} {r['input']}", "completion": r["output"]} for r in ROWS],
    "messages": [
        {"messages": [{"role": "user", "content": r["instruction"]}, {"role": "assistant", "content": r["output"]}]}
        for r in ROWS
    ],
    "text": [{"text": f"{r['instruction']}\n{r['output']}"} for r in ROWS],
}


@pytest.mark.parametrize("rows", FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize("target", FORMS.values(), ids=list(FORMS))
def test_every_form_of_row_against_every_form_of_target(rows, target):
    picks = select(iter(rows), iter(target[1:2]), method="bm25", budget=1)
    assert [pick.key for pick in picks] == ["1"], "without an id the key is the position"


def test_numbers_as_ids_and_ids_that_repeat():
    rows = [{"id": 7, "text": "one"}, {"id": 8, "text": "two"}]
    assert {pick.key for pick in select(rows, method="random")} == {"7", "8"}
    twice = [{"uid": "a", "text": "one"}, {"uid": "a", "text": "two"}]
    keys = {pick.key for pick in select(twice, method="random", mapping=Mapping(text="text", id="uid"))}
    assert keys == {"a", "a~2"}


@pytest.mark.parametrize(
    ("ids", "keys"), [("a a a~2", "a a~2 a~2~2"), ("a a~2 a", "a a~2 a~3"), ("a a b a b", "a a~2 b a~3 b~2")]
)
def test_a_repeated_id_never_takes_the_key_of_another_row(ids, keys):
    rows = [{"uid": uid, "text": f"row {place}"} for place, uid in enumerate(ids.split())]
    picks = select(rows, method="random", mapping=Mapping(text="text", id="uid"))
    assert sorted(pick.key for pick in picks) == sorted(keys.split())


def test_params_budget_and_options_reach_their_places():
    assert len(select(ROWS, TARGET, budget="67%", method="bm25", k1="2.0")) == 2
    assert [p.key for p in select(ROWS, TARGET, method="bm25", options=Options(min_chars=45))] != []
    doubled = [*ROWS, {**ROWS[1], "id": "copy"}]
    assert "sub" not in [pick.key for pick in select(doubled, TARGET, budget=4)], "of equals the first key stays"
    assert len(select(doubled, TARGET, options=Options(exact_duplicates=False))) == 4


def test_the_import_is_light():
    """Compiled and large libraries are loaded by the methods that need them."""
    code = "import sys, selection.methods.local; print({'numba', 'torch', 'sklearn', 'py3langid'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_rows_of_test_sets_are_kept_out_in_any_form():
    tests = [{"prompt": "Subtract two numbers def sub a b return a b", "completion": "…"}]
    picks = select(ROWS, TARGET, method="bm25", tests=tests)
    assert {pick.key for pick in picks} == {"cat", "dog"}
    with pytest.raises(ParamsError, match="as tests"):
        select(ROWS, method="random", options=Options(decontaminate="3"))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"method": "tfidf"}, KeyError, "no method is named 'tfidf'; there are zipfit, bm25, "),
        ({"level": 0}, ParamsError, "level must be between 1 and 9"),
        ({"size": 3}, ParamsError, "size is no parameter"),
        ({"budget": "many"}, ParamsError, "budget must look like"),
        ({"target": None}, ParamsError, "target must have at least one row for ZIP-FIT"),
        ({"target": []}, ParamsError, "target must have at least one row for ZIP-FIT"),
        ({"rows": [*ROWS, {"id": "x", "instruction": "", "output": ""}]}, ContentError, "row 3: instruction is empty"),
    ],
)
def test_what_cannot_be_done_is_said(change, error, says):
    with pytest.raises(error, match=says):
        select(**({"rows": ROWS, "target": TARGET} | change))


def test_no_rows_no_picks():
    for method in ALONE:
        assert select([], TARGET, method=method, **USUAL.get(method, {})) == []


def test_two_processes_give_the_same_picks_and_reasons():
    rows = [
        {"id": f"r{n:03}", "text": f"add {n} apples and {n % 5} pears for the price of {n % 7}"} for n in range(120)
    ]
    target = [{"text": "the price of apples"}, {"text": "add pears"}]
    for method in ALONE:
        usual = USUAL.get(method, {})
        two = select(rows, target, method=method, processes=2, **usual)
        assert two == select(rows, target, method=method, processes=1, **usual)


def test_the_example_of_the_guide_runs():
    """The code blocks of the guide, as one script, without Django."""
    guide = (ROOT / "docs" / "how-to" / "use-as-a-library.md").read_text("utf-8")
    blocks = [block.split("```")[0] for block in guide.split("```python\n")[1:]]
    assert len(blocks) >= 2
    script = "import sys\nsys.modules['django'] = None\n" + "\n".join(blocks)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
