"""The job that finds where a feature fires: which rows have most of it, and at which of their tokens."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from config.faults import Fault
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register
from selection.actions.browse import KIND
from selection.encoders.base import EncoderError, writable
from selection.methods import ParamsError
from selection.models import FeatureLook
from selection.running import browsing
from selection.running.browsing import Featured


@register
class Looks(Kind):
    name = KIND

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        return PassPlan("look", "Look through the rows", [StepPlan(job.params, "gpu", job.params["rows"])])

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        look = FeatureLook.objects.select_related("run", "run__pool", "run__target").get(pk=step.payload["look"])
        run = browsing.featured(look.run)
        if run is None:
            raise Fault("sae.not_a_run_of_features", number=look.run.number)
        try:
            count, found = browsing.strongest(run, look.feature, beat.progress)
            return {"rows": count, "seen": look.run.rows, "texts": _lit(run, look.feature, found)}
        except EncoderError as error:
            raise Fault("sae.cannot", what=error.what, mend=error.mend) from None
        except ParamsError as error:
            raise Fault("run.params", field=error.field, why=error.why) from None

    def store(self, step: Step, result: dict[str, Any]) -> None:
        FeatureLook.objects.filter(pk=step.payload["look"]).update(found=result)


def _lit(run: Featured, feature: int, found: Sequence[tuple[float, Any, int]]) -> list[dict[str, Any]]:
    """The texts with the feature's strength at each of their tokens, by running the model over the few once more."""
    if not found:
        return []
    from selection.encoders.sae.fit import fit
    from selection.methods.mona_read import loaded

    weights, lm = loaded(run.params)
    texts = browsing.texts_of(found, run.params.view)
    if run.params.view == "messages":
        texts = lm.templated(texts)
    opening = str(lm.tokenizer.bos_token or "") if lm.template.before else ""
    texts = [writable(text).removeprefix(opening) for text in texts]
    layer = fit(
        weights, lm, run.params.layer if run.params.layer >= 0 else None, run.inputs.target[run.params.view]
    ).layer
    strengths: dict[int, list[float]] = {}
    for rows, hidden, mask in lm.hidden(lm.tokens(texts, run.params.tokens), layer):
        for line, row in enumerate(rows.tolist()):
            acts, index = weights.encode(hidden[line, : int(mask[line].sum())])
            strengths[row] = np.where(index == feature, acts, 0).max(axis=1).tolist()
    made = []
    for number, (value, shard, row) in enumerate(found):
        spans = _spans(lm, texts[number], strengths.get(number, []))
        made.append({"value": round(value, 4), "shard": shard.pk, "row": row, **browsing.clipped(texts[number], spans)})
    return made


def _spans(lm: Any, text: str, strengths: Sequence[float]) -> list[tuple[int, int, float]]:
    """(start, end, strength) of the tokens that fire. A row's first token is none of its text."""
    places = lm.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    shift = len(lm.template.before)
    return [
        (start, end, strengths[number + shift])
        for number, (start, end) in enumerate(places)
        if 0 < number + shift < len(strengths) and strengths[number + shift] > 0 and end > start
    ]
