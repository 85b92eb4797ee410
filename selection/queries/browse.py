"""What the pages of features show: those that made a run match, those of a pick, and where one fires."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from curation.models import Endpoint
from jobs import queries as jobs
from jobs.models import Firing, Job
from selection.models import FeatureLook, FeatureName, Pick, Run, SparseAutoencoder
from selection.running.browsing import Featured, done, featured

LEADING = 1_000  # picks whose shared features are added up
SHOWN = 60  # features of a run's page
STRENGTHS = 3  # shades of a lit token


def names_of(sae: SparseAutoencoder | None, features: Iterable[int]) -> dict[int, FeatureName]:
    if sae is None:
        return {}
    return {one.feature: one for one in FeatureName.objects.filter(sae=sae, feature__in=list(features))}


def shared(reasons: list[dict[str, Any]]) -> list[list[Any]]:
    """[feature, value in the row, value in the target, what both share] of a pick, the largest share first."""
    found: list[list[Any]] = next(
        (reason["data"]["features"] for reason in reasons if reason["kind"] == "features"), []
    )
    return sorted(found, key=lambda one: (-one[3], one[0]))


def of_run(run: Featured) -> dict[str, Any]:
    """The features that made the run match, by what the first picks share of them with the target."""
    totals: dict[int, list[float]] = {}
    picks = Pick.objects.filter(run=run.run).order_by("rank").values_list("reason", flat=True)[:LEADING]
    rows = 0
    for reasons in picks:
        rows += 1
        for feature, value, _, both in shared(reasons):
            entry = totals.setdefault(feature, [0.0, 0.0, 0.0])
            entry[0] += both
            entry[1] += value
            entry[2] += 1
    ranked = sorted(totals.items(), key=lambda one: (-one[1][0], one[0]))[:SHOWN]
    named = names_of(run.sae, [*(feature for feature, _ in ranked), *run.muted])
    top = ranked[0][1][0] if ranked else 1.0
    return {
        "rows_added": rows,
        "entries": [
            {
                "feature": feature, "name": named.get(feature), "mass": total[0], "share": round(100 * total[0] / top, 1),
                "picks": int(total[2]), "part": total[2] / rows, "url": reverse("run_feature", args=[run.run.pk, feature]),
            }
            for feature, total in ranked
        ],
        "muted": [(feature, named.get(feature)) for feature in run.muted],
        "followers": followers(run.run),
    }  # fmt: skip


def of_pick(run: Run, pick: Pick) -> dict[str, Any] | None:
    """The features that a pick shares with the target; None for a run that knows none."""
    found = featured(run)
    if found is None:
        return None
    listed = shared(pick.reason)
    named = names_of(found.sae, (one[0] for one in listed))
    top = listed[0][3] if listed else 1.0
    return {
        "entries": [
            {
                "feature": feature, "name": named.get(feature), "value": value, "target": target, "both": both,
                "share": round(100 * both / top, 1) if top else 0.0,
                "url": reverse("run_feature", args=[run.pk, feature]),
            }
            for feature, value, target, both in listed
        ],
        "all_url": reverse("run_features", args=[run.pk]),
    }  # fmt: skip


def feature(run: Featured, number: int) -> dict[str, Any]:
    """One feature: its name, how often it fires, its strongest texts, and the picks that share most of it."""
    look = FeatureLook.objects.select_related("job", "naming").filter(run=run.run, feature=number).first()
    named = names_of(run.sae, [number]).get(number)
    found = look.facts if look else {}
    job = look.job if look and not look.found else None
    may_ask = run.sae is not None and bool(found.get("texts")) and (named is None or bool(named.by_model))
    asking = look.naming if look and may_ask and look.naming and look.naming.state != Job.State.SUCCEEDED else None
    return {
        "feature": number,
        "named": named,
        "is_muted": number in run.muted,
        "look": look,
        "found": found,
        "firing": found["rows"] / found["seen"] if found.get("seen") else None,
        "texts": [_lit(text) for text in found.get("texts", [])],
        "job": job,
        "passes": jobs.progress(job) if job else [],
        "picks": _picks(run.run, number),
        "endpoints": endpoints(run.run) if may_ask else [],
        "asking": asking if asking and asking.state != Job.State.CANCELLED else None,
        "asking_passes": jobs.progress(asking) if asking else [],
    }


def endpoints(run: Run) -> list[Endpoint]:
    """The language models that may be asked for a name."""
    return list(Endpoint.objects.open().filter(team=run.team_id).order_by("name", "pk"))


def _lit(text: dict[str, Any]) -> dict[str, Any]:
    """A text cut into pieces: (words, strength from 0 to 3)."""
    pieces, at = [], 0
    for start, end, share in sorted(text["spans"]):
        if start < at:
            continue
        if start > at:
            pieces.append((text["text"][at:start], 0))
        pieces.append((text["text"][start:end], 1 + min(int(share * STRENGTHS), STRENGTHS - 1)))
        at = end
    if at < len(text["text"]):
        pieces.append((text["text"][at:], 0))
    return text | {"pieces": pieces}


def _picks(run: Run, number: int) -> list[dict[str, Any]]:
    """The first of the picks that share this feature with the target."""
    holding = Pick.objects.filter(run=run, reason__contains=[{"kind": "features"}]).order_by("rank")[:LEADING]
    found = []
    for pick in holding:
        mine = next((one for one in shared(pick.reason) if one[0] == number), None)
        if mine is not None:
            url = reverse("run_pick", args=[run.pk, pick.rank])
            found.append({"rank": pick.rank, "text": pick.excerpt, "both": mine[3], "url": url})
    return sorted(found, key=lambda one: (-one["both"], one["rank"]))[:10]


def followers(run: Run) -> list[dict[str, Any]]:
    """Runs made from this one by muting features, newest first."""
    made = Run.objects.filter(after=run).select_related("job").order_by("-pk")[:10]
    return [{"run": one, "muted": one.params.get("muted", "")} for one in made]


def difference(run: Run) -> dict[str, Any] | None:
    """Against the run that this one was made from: how many picks are others; None for a run of its own."""
    if run.after_id is None:
        return None
    before = Run.objects.select_related("job").get(pk=run.after_id)
    facts: dict[str, Any] = {"before": before, "muted": run.params.get("muted", ""), "others": None}
    fired = Firing.objects.filter(schedule__lane=run.team.lane, schedule__kind="run", facts__run=run.pk)
    facts["schedule"] = next((one.schedule for one in fired.select_related("schedule")), None)
    if done(run) and done(before):
        both = Pick.objects.filter(run=run, key__in=Pick.objects.filter(run=before).values("key")).count()
        facts |= {
            "others": run.picks_count - both, "both": both, "gone": before.picks_count - both,
            "url": f"{reverse('run_compare', args=[run.team.slug])}?run={before.number}&run={run.number}",
        }  # fmt: skip
    return facts
