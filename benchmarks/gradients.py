"""Rows a second of gradient features (`less`) with SmolLM2, on whatever the machine has.

python -m benchmarks.gradients [rows]        32 rows of 128 tokens: about two minutes on two cores
"""

import argparse
import time

import numpy as np

from benchmarks.common import peak_mib, save
from selection.encoders import causal
from selection.encoders.gradients import Lora
from selection.encoders.gradients_text import Lesson
from selection.encoders.gradients_train import Plan, State, epoch, features
from selection.methods import METHODS, parse_params
from selection.methods.less_settings import seconds, setting, shape

TOKENS = 128


def measured(lm, lessons, **given):
    """One setting: a short warm-up so that weights and Adam's means are not zero, then gradients with and without projection."""
    import torch

    params = parse_params(METHODS["less"].Params, given)
    lora, one = Lora(lm, shape(params)), setting(params)
    few = lessons[:4]
    state, _ = epoch(lora, few, State.begin(lora, 0), Plan(1, 4, one.rate), number=0, seed=0)
    weights = torch.tensor(state.weights, device=lm.device)
    spent = {"gradients": np.inf, "features": np.inf}
    for _ in range(2):  # the better of two: the machine may be busy
        begun = time.perf_counter()
        for _ in lora.gradients(lessons, weights):
            pass
        _wait(lm)
        spent["gradients"] = min(spent["gradients"], time.perf_counter() - begun)
        begun = time.perf_counter()
        features(lora, lessons, state, dims=one.dims, seed=0, adam=True)
        spent["features"] = min(spent["features"], time.perf_counter() - begun)
    rate = len(lessons) / spent["features"]
    return {
        "params": given, "weights": lora.size, "dims": one.dims, "rows_a_second": round(rate, 2),
        "rows_a_second_without_projection": round(len(lessons) / spent["gradients"], 2),
        "hours_for_10000_rows": round(10_000 * one.epochs / rate / 3600, 2),
        "estimate_of_the_method_core_hours": round(seconds(params, 10_000, 20) / 3600, 2),
    }  # fmt: skip


def _wait(lm):
    if lm.device != "cpu":
        import torch

        torch.cuda.synchronize()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="?", type=int, default=32)
    rows = parser.parse_args().rows
    lm, rng = causal.load("smollm2"), np.random.default_rng(0)
    lessons = [Lesson(rng.integers(0, lm.vocabulary, TOKENS).astype(np.int32), TOKENS // 2, False) for _ in range(rows)]
    cases = [{"setting": "quick"}, {"setting": "quick", "blocks": 0}]
    if lm.device != "cpu":
        cases.append({"setting": "paper"})
    found = [measured(lm, lessons, **case) for case in cases]
    for one in found:
        print(one)
    save("gradients", {
        "model": lm.identity, "device": lm.device, "precision": lm.precision, "rows": rows, "tokens": TOKENS, "found": found,
        "peak_mib": round(peak_mib()),
    })  # fmt: skip


if __name__ == "__main__":
    main()
