"""What is proposed: by size of pool and target, and by the machine; and why, in words."""

import pytest

from selection.methods import METHODS, Options, parse_params
from selection.methods.recommend import DENSE, NEAR, PATIENCE, PRESETS, STATIC, recommend


@pytest.mark.parametrize(
    ("facts", "method", "recipe"),
    [
        ({"rows": 20_000, "targets": 0}, "random", None),
        ({"rows": 20_000, "targets": 3}, "fusion", NEAR),
        ({"rows": 20_000, "targets": 100}, "fusion", DENSE),
        ({"rows": 500_000, "targets": 100, "workers": 2}, "fusion", STATIC),
        ({"rows": 500_000, "targets": 100, "workers": 2, "gpu": True}, "fusion", DENSE),
        ({"rows": 15_000_000, "targets": 100, "workers": 2}, "classifier", None),
        ({"rows": 900_000_000, "targets": 100, "workers": 2}, "bm25", None),
    ],
)
def test_the_best_that_is_done_in_ten_minutes(facts, method, recipe):
    advice = recommend(**facts)
    assert (advice.method, advice.params.get("methods")) == (method, recipe)
    assert advice.seconds <= PATIENCE or method == "bm25"
    parse_params(METHODS[method].Params, advice.params)
    assert all(line.endswith(".") for line in advice.why)


def test_what_a_better_recipe_would_take_is_said():
    why = recommend(rows=500_000, targets=100, workers=2).why
    assert why[0] == "500,000 rows, 100 target rows, 2 workers, no GPU."
    assert any("A better recipe would take about" in line and "minilm" in line for line in why)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_presets_name_settings_that_exist(preset):
    method = METHODS[preset.method]
    method.passes(parse_params(method.Params, preset.params))
    parse_params(Options, preset.options)
