"""What the style guide shows: every component in every state, with made-up data."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from config import plots
from config.icons import PATHS

LETTER = (
    "Dear Dr Hall,\n\nThis 67-year-old retired joiner came in with three weeks of breathlessness on the stairs and swollen "
    "ankles. He sleeps on three pillows. His blood pressure was 152/94 mmHg, the pulse irregular at 96 a minute, and there "
    "were fine crackles at both bases.\n\nThe echocardiogram shows an ejection fraction of 38 %. I have started furosemide "
    "40 mg in the morning and bisoprolol 1.25 mg, and would be glad if you could check his kidney function in a week."
)
LONG = "\n\n".join(f"Paragraph {number}. {LETTER.replace(chr(10), ' ')}" for number in range(1, 41))
STRANGE = "Invoice \u202egpj.exe\u202c from acme\u200b.example\x07 with a \x00 inside"
MARKUP = "<script>alert(1)</script> <b>bold</b> {{ request.user }} \n\tif (a < b && c > d) { return `$x`; }"


class SampleForm(forms.Form):
    name = forms.CharField(initial="Ward letters", help_text="Shown in lists and in the card of a dataset.")
    budget = forms.IntegerField(min_value=1, initial=1000, help_text="Rows to pick, at most the size of the pool.")
    method = forms.ChoiceField(choices=[("zipfit", "ZIP-FIT, header-corrected"), ("bm25", "BM25"), ("random", "Random")])
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    kind = forms.ChoiceField(
        label="What may be picked", initial="all", widget=forms.RadioSelect,
        choices=[("all", "Every row"), ("short", "Rows up to 2,000 characters"), ("single", "Single turns only")],
    )  # fmt: skip
    distinct = forms.BooleanField(required=False, initial=True, label="Take no exact duplicates")
    file = forms.FileField(required=False, label="Rows", help_text="JSONL, JSON, CSV, TSV or Parquet; also as .gz or .zst.")


@dataclass
class SampleJob:
    """What the run strip reads of a job."""

    state: str
    error_title: str = ""
    error_what: str = ""
    error_advice: str = ""
    error_id: str = ""
    cancel_requested_at: Any = None
    version: int = 1
    started_at: Any = field(default_factory=lambda: timezone.now() - timedelta(seconds=192))
    ended_at: Any = None

    @property
    def is_final(self) -> bool:
        return True  # the samples poll nothing


@dataclass
class SamplePass:
    """What the run strip reads of a pass (`jobs.queries.PassProgress`)."""

    title: str
    state: str
    done: int
    total: int
    rate: float = 0.0
    eta: float | None = None
    workers: tuple[str, ...] = ()
    note: str = ""
    unit: str = "rows"

    @property
    def percent(self) -> float:
        return 100 * self.done / self.total if self.total else 0.0


class RunningJob(SampleJob):
    @property
    def is_final(self) -> bool:
        return False


def strips() -> list[dict[str, Any]]:
    """The run strip in each state."""
    counted = SamplePass("Count the target's words", "done", 192_825, 192_825)
    pack = SamplePass(
        "Compress rows with the target", "running", 121_400, 192_825, 5_210.4, 13.7, ("cpu@north", "cpu@south"), "shard 3 of 4"
    )
    ended = timezone.now()
    fault = SampleJob(
        "failed", "A shard does not match its checksum",
        "Shard 2 of open-pool has changed on disk since it was written, so its rows cannot be trusted.",
        "Restore the file from a copy, or import it again; then resume. The finished shards are kept.", "8f2c1e",
        ended_at=ended,
    )  # fmt: skip
    broken = SamplePass("Compress rows with the target", "failed", 61_000, 192_825)
    return [
        {"job": RunningJob("queued"), "passes": [SamplePass("Count the target's words", "waiting", 0, 192_825)], "more": ["Compress rows with the target", "Choose picks"]},
        {"job": RunningJob("running"), "passes": [counted, pack], "more": ["Choose picks"]},
        {"job": fault, "passes": [counted, broken], "more": []},
        {"job": SampleJob("cancelled", ended_at=ended), "passes": [counted, SamplePass("Compress rows with the target", "cancelled", 90_112, 192_825)], "more": []},
        {"job": SampleJob("succeeded", ended_at=ended), "passes": [], "more": []},
    ]  # fmt: skip


def pictures() -> dict[str, Any]:
    edges = [number / 20 for number in range(0, 13)]
    scores = [900, 8_200, 31_000, 52_000, 47_500, 29_000, 13_800, 6_100, 2_700, 925, 480, 220]
    lengths = [0, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600]
    pool = {"grade-school-math": 7_473, "code-alpaca": 20_022, "dolly": 15_011, "flan": 88_000, "open-assistant": 33_919,
            "wiki-how": 11_200, "medical-notes-of-a-very-long-source-name": 4_900, "": 2_300, "poems": 1_000}  # fmt: skip
    picks = {"grade-school-math": 612, "medical-notes-of-a-very-long-source-name": 201, "flan": 120, "dolly": 41, "code-alpaca": 26}
    return {
        "scores": plots.histogram("Score, cut at .287", edges, pool=scores, cut=0.35),
        "lengths": plots.histogram(
            "Length: picks and pool", lengths, pool=[2, 9, 22, 48, 71, 60, 33, 15, 6, 1], picks=[0, 1, 6, 26, 61, 44, 12, 3, 0, 0],
            random=[2, 8, 23, 46, 73, 60, 34, 14, 6, 1], log=True, unit="characters",
        ),
        "sources": plots.source_shares("Sources: picks and pool", pool, picks, random={name: count // 190 for name, count in pool.items()}),
        "pool_sources": plots.source_shares("Sources of the pool", {f"source {number:03d}": 900 - 3 * number for number in range(300)}),
        "spark": plots.sparkline("Rows a day", [4, 8, 7, 12, 9, 15, 22, 18, 25]),
        "rings": [plots.ring(share) for share in (0.0, 0.12, 0.5, 0.83, 1.0)],
    }  # fmt: skip


def picks() -> list[dict[str, Any]]:
    near = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May."
    row = "A baker sells 12 loaves in the morning, and then sells half as many loaves in the afternoon. How many loaves is that?"
    marked = [("A baker sells 12 loaves in the morning, ", False), ("and then ", True), ("sells ", False), ("half as many", True), (" loaves in the afternoon. How many loaves is that?", False)]
    near_marked = [("Natalia sold clips to 48 of her friends in April, ", False), ("and then ", True), ("she sold ", False), ("half as many", True), (" clips in May.", False)]
    parts = [{"label": "instruction", "segments": marked}, {"label": "output", "text": "12 + 6 = 18 loaves.\n#### 18"}]
    base = {"parts": parts, "near_parts": [{"label": "instruction", "segments": near_marked}], "reason": "Shares two stretches of 9 and 12 characters with target row 3.", "near": near}
    return [
        {"rank": 1, "score": 0.4121, "share": 1.0, "text": row, "source": "grade-school-math", **base},
        {"rank": 2, "score": 0.3987, "share": 0.9, "text": LETTER, "source": "medical-notes-of-a-very-long-source-name", **base},
        {"rank": 1000, "score": 0.2871, "share": 0.5, "text": STRANGE, "source": "", **base},
    ]  # fmt: skip


def context() -> dict[str, Any]:
    """Everything the page shows. Nothing is read from the database."""
    bad = SampleForm({"name": "", "budget": "0", "method": "zipfit", "kind": "all"})
    bad.is_valid()
    return {
        "form": SampleForm(), "bad_form": bad, "strips": strips(), "plots": pictures(), "picks": picks(), "icons": sorted(PATHS),
        "letter": LETTER, "long": LONG, "strange": STRANGE, "markup": MARKUP, "now": timezone.now() - timedelta(hours=3),
        "tabs": [
            {"label": "Picks", "url": "#picks", "current": True, "count": 1000},
            {"label": "Evidence", "url": "#plots", "current": False, "count": None},
            {"label": "Manifest", "url": "#text", "current": False, "count": None},
        ],
        "colours": ["paper", "sheet", "line", "ink", "ink-2", "ink-3", "leaf", "wheat", "rust"], "hues": range(1, 9),
    }  # fmt: skip
