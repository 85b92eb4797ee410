"""What Winnow proposes to somebody who does not want to choose, and starts for those who want a certain kind of run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selection.methods import METHODS, parse_params

PATIENCE = 600.0  # seconds that a selection may take without anybody having asked for it
FEW = 8  # targets under which a classifier has too little to learn from
DENSE = "classifier, classifier:features=minilm, embedding:encoder=minilm"
STATIC = "classifier, dsir, classifier:features=static"
NEAR = "bm25:aggregation=max, embedding:encoder=static"


@dataclass(frozen=True)
class Advice:
    """A method with settings, the seconds it should take, and why: whole sentences for a person."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """Settings under a name. `options` are those of `choose`."""

    name: str
    title: str
    note: str
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


PRESETS = (
    Preset("quick", "Quick look", "Seconds, by telling words: enough to see whether the pool holds anything.", "bm25"),
    Preset("meaning", "By meaning", "Rows that say the same in other words.", "embedding", {"encoder": "minilm"}),
    Preset(
        "careful", "Careful", "A classifier leaves ten rows for each pick, sentence vectors rank those, and a sample is checked.",
        "cascade",
    ),
    Preset(
        "deep", "Through a language model", "Hidden states (RDS+) rank what telling words leave, and a sample is checked.",
        "cascade", {"first": "bm25:aggregation=max", "then": "rds_plus"},
    ),
    Preset(
        "clean", "Clean", "The proposal, without near duplicates, repetition and personal data.", "fusion",
        {"methods": STATIC}, {"near_duplicates": 0.8, "repetition": 0.3, "pii": True},
    ),
)  # fmt: skip


def recommend(*, rows: int, targets: int, workers: int = 1, gpu: bool = False) -> Advice:
    """The best known recipe that this machine finishes within ten minutes.

    `rows` of the pool, `targets` rows of the target, `workers` steps that run at once, `gpu`: whether one serves the
    encoders. Quality is that of `benchmarks/quality.py`: mean R-precision over labelled targets.
    """
    if not targets:
        return Advice(
            "random", {}, _seconds("random", {}, rows, 0, workers),
            ("There is no target, so no row is nearer to it than another: rows are drawn by chance.",),
        )  # fmt: skip
    facts = f"{_of(rows, 'row')}, {_of(targets, 'target row')}, {_of(workers, 'worker')}, {'a' if gpu else 'no'} GPU"
    if targets < FEW:
        ladder = [
            (
                "fusion",
                {"methods": NEAR},
                f"With fewer than {FEW} target rows there is too little to learn from, so rows are compared with each of them.",
            )
        ]
    else:
        ladder = [
            ("fusion", {"methods": DENSE}, "Characters, meaning and nearness together find more than any of them alone."),
            ("fusion", {"methods": STATIC}, "Characters, words and word vectors together find more than any of them alone."),
            ("classifier", {}, "A classifier is the best single method for its cost."),
        ]  # fmt: skip
    ladder.append(("bm25", {}, "Telling words are the quickest that works well."))
    slower = ""
    for method, params, why in ladder:
        spent = _seconds(method, params, rows, targets, workers)
        if gpu and "minilm" in params.get("methods", ""):
            spent = spent / 50
        if spent <= PATIENCE or (method, params) == ladder[-1][:2]:
            return Advice(method, params, spent, tuple(filter(None, (f"{facts}.", why, slower))))
        slower = slower or f"A better recipe would take about {_minutes(spent)} here: {params.get('methods', method)}."
    raise AssertionError("the last rung is always taken")


def _seconds(method: str, params: Mapping[str, Any], rows: int, targets: int, workers: int) -> float:
    found = METHODS[method]
    return found.seconds(rows, targets, parse_params(found.Params, params)) / max(1, workers)


def _of(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return _of(minutes, "minute") if minutes < 120 else _of(round(minutes / 60), "hour")
