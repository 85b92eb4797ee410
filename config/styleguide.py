"""What the style guide shows: every component in every state, with made-up data."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from config import plots
from config.icons import PATHS

LETTER = (
    "Dear Dr Hall,\n\nThis 67-year-old retired joiner came in with three weeks of breathlessness on the stairs and "
    "swollen ankles. He sleeps on three pillows. His blood pressure was 152/94 mmHg, the pulse irregular at 96 "
    "a minute, and there were fine crackles at both bases.\n\nThe echocardiogram shows an ejection fraction of 38 %. "
    "I have started furosemide 40 mg in the morning and bisoprolol 1.25 mg, and would be glad if you could check his "
    "kidney function in a week."
)
LONG = "\n\n".join(f"Paragraph {number}. {LETTER.replace(chr(10), ' ')}" for number in range(1, 41))
STRANGE = "Invoice \u202egpj.exe\u202c from acme\u200b.example\x07 with a \x00 inside"
MARKUP = "<script>alert(1)</script> <b>bold</b> {{ request.user }} \n\tif (a < b && c > d) { return `$x`; }"


class SampleForm(forms.Form):
    name = forms.CharField(initial="Ward letters", help_text="Shown in lists and in the card of a dataset.")
    budget = forms.IntegerField(min_value=1, initial=1000, help_text="Rows to pick, at most the size of the pool.")
    method = forms.ChoiceField(
        choices=[("zipfit", "ZIP-FIT, header-corrected"), ("bm25", "BM25"), ("random", "Random")]
    )
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    kind = forms.ChoiceField(
        label="What may be picked", initial="all", widget=forms.RadioSelect,
        choices=[("all", "Every row"), ("short", "Rows up to 2,000 characters"), ("single", "Single turns only")],
    )  # fmt: skip
    distinct = forms.BooleanField(required=False, initial=True, label="Take no exact duplicates")
    file = forms.FileField(
        required=False, label="Rows", help_text="JSONL, JSON, CSV, TSV or Parquet; also as .gz or .zst."
    )


@dataclass
class SampleJob:
    """What the run strip reads of a job."""

    state: str
    error_title: str = ""
    error_what: str = ""
    error_advice: str = ""
    error_id: str = ""
    error_code: str = ""
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


COUNT, PACK, CHOOSE = "Count the words of the target", "Compress rows with the target", "Choose the picks"


def strips() -> list[dict[str, Any]]:
    """The run strip in each state."""
    counted = SamplePass(COUNT, "done", 192_825, 192_825)
    workers = ("cpu@north", "cpu@south")
    packing = SamplePass(PACK, "running", 121_400, 192_825, 5_210.4, 13.7, workers, "shard 3 of 4")
    ended = timezone.now()
    failed = SampleJob(
        "failed", "A shard does not match its checksum",
        "Shard 2 of open-pool has changed on disk since it was written, so its rows cannot be trusted.",
        "Restore the file from a copy, or import it again; then resume. The finished shards are kept.", "8f2c1e",
        ended_at=ended,
    )  # fmt: skip

    def strip(job: SampleJob, *passes: SamplePass, more: tuple[str, ...] = ()) -> dict[str, Any]:
        return {"job": job, "passes": list(passes), "more": more}

    return [
        strip(RunningJob("queued"), SamplePass(COUNT, "waiting", 0, 192_825), more=(PACK, CHOOSE)),
        strip(RunningJob("running"), counted, packing, more=(CHOOSE,)),
        strip(failed, counted, SamplePass(PACK, "failed", 61_000, 192_825)),
        strip(SampleJob("cancelled", ended_at=ended), counted, SamplePass(PACK, "cancelled", 90_112, 192_825)),
        strip(SampleJob("succeeded", ended_at=ended)),
    ]


LONG_NAME = "medical-notes-of-a-very-long-source-name"
POOL = {
    "flan": 88_000, "open-assistant": 33_919, "code-alpaca": 20_022, "dolly": 15_011, "wiki-how": 11_200,
    "grade-school-math": 7_473, LONG_NAME: 4_900, "": 2_300, "poems": 1_000,
}  # fmt: skip
PICKED = {"grade-school-math": 612, LONG_NAME: 201, "flan": 120, "dolly": 41, "code-alpaca": 26}


def pictures() -> dict[str, Any]:
    """The plots: scores with a cut, lengths of three series, shares with and without picks, 300 sources."""
    edges = [number / 40 for number in range(21)]
    scores = [90, 410, 1_900, 6_200, 15_000, 27_000, 33_500, 31_000, 24_700, 18_000, 12_400, 8_300, 5_600, 3_900, 2_300]
    lengths = [20, 50, 100, 150, 225, 340, 500, 760, 1_140, 1_700, 2_560, 3_840, 5_760, 8_640, 12_960]
    pool = [2, 9, 22, 31, 48, 61, 71, 64, 52, 33, 19, 9, 4, 1]
    picks = [0, 0, 1, 4, 9, 26, 51, 74, 58, 31, 12, 3, 0, 0]
    random = [2, 8, 23, 29, 50, 59, 73, 62, 54, 32, 20, 8, 4, 1]
    chance = {name: count // 190 for name, count in POOL.items()}
    many = {f"source {number:03d}": 900 - 3 * number for number in range(300)}
    return {
        "scores": plots.histogram("Scores and the cut", edges, pool=[*scores, 1_200, 540, 260, 110, 40], cut=0.4),
        "lengths": plots.histogram(
            "Length: picks and pool", lengths, pool=pool, picks=picks, random=random, log=True, unit="characters"
        ),
        "sources": plots.source_shares("Sources: picks and pool", POOL, PICKED, random=chance),
        "pool_sources": plots.source_shares("Sources of the pool", many),
        "spark": plots.sparkline("Rows a day", [4, 8, 7, 12, 9, 15, 22, 18, 25]),
        "rings": [plots.ring(share) for share in (0.0, 0.12, 0.5, 0.83, 1.0)],
    }


def picks() -> list[dict[str, Any]]:
    """Three picks; the first is what a good one looks like, the last what a strange one does."""
    near = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May."
    row = [
        ("A baker sells 12 loaves in the morning, ", False), ("and then ", True), ("sells ", False),
        ("half as many", True), (" loaves in the afternoon. How many loaves is that?", False),
    ]  # fmt: skip
    alike = [
        ("Natalia sold clips to 48 of her friends in April, ", False), ("and then ", True), ("she sold ", False),
        ("half as many", True), (" clips in May.", False),
    ]  # fmt: skip
    base = {
        "parts": [
            {"label": "instruction", "segments": row},
            {"label": "output", "text": "12 + 6 = 18 loaves.\n#### 18"},
        ],
        "near_parts": [{"label": "instruction", "segments": alike}],
        "reason": "Shares stretches of 9 and 12 characters with row 3 of the target.",
        "near": near,
    }
    text = "".join(part for part, _ in row)
    return [
        {"rank": 1, "score": 0.4121, "share": 1.0, "text": text, "source": "grade-school-math", **base},
        {"rank": 2, "score": 0.3987, "share": 0.9, "text": LETTER, "source": LONG_NAME, **base},
        {"rank": 1000, "score": 0.2871, "share": 0.5, "text": STRANGE, "source": "", **base},
    ]


def context() -> dict[str, Any]:
    """Everything the page shows. Nothing is read from the database."""
    bad = SampleForm({"name": "", "budget": "0", "method": "zipfit", "kind": "all"})
    bad.is_valid()
    return {
        "form": SampleForm(), "bad_form": bad, "strips": strips(), "plots": pictures(), "picks": picks(),
        "letter": LETTER, "long": LONG, "strange": STRANGE, "markup": MARKUP, "icons": sorted(PATHS),
        "now": timezone.now() - timedelta(hours=3),
        "tabs": [
            {"label": "Picks", "url": "#picks", "current": True, "count": 1000},
            {"label": "Evidence", "url": "#plots", "current": False, "count": None},
            {"label": "Manifest", "url": "#text", "current": False, "count": None},
        ],
        "colours": ["paper", "sheet", "line", "ink", "ink-2", "ink-3", "leaf", "wheat", "rust"], "hues": range(1, 9),
    }  # fmt: skip
