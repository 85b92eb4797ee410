"""A version by the words that people use: NAME, NAME@3, NAME@v1-paper, NAME@latest."""

from config.faults import Fault
from curation.models import Dataset, DatasetVersion


def named(words: str, team: str = "") -> DatasetVersion:
    """The frozen version that the words name, the newest one without an @. `team`: a slug.

    Raises `Fault` dataset.unknown for what is not there or not told apart.
    """
    name, _, wanted = words.rpartition("@") if "@" in words else (words, "", "")
    found = Dataset.objects.alive().select_related("team")
    if team:
        found = found.filter(team__slug=team)
    datasets = list(found.filter(name__iexact=name)[:2]) or (list(found.filter(pk=int(name))) if _number(name) else [])
    if not datasets:
        raise Fault("dataset.unknown", what=f"No dataset is named {name!r}.", mend="Its page shows its name.")
    if len(datasets) > 1:
        raise Fault("dataset.unknown", what=f"Several teams have a dataset named {name!r}.", mend="Say --team SLUG.")
    versions = datasets[0].versions.select_related("dataset__team").filter(deleted_at=None).exclude(sha256="")
    if wanted in ("", "latest"):
        version = versions.order_by("-number").first()
    else:
        version = (
            versions.filter(number=int(wanted)).first()
            if _number(wanted)
            else versions.filter(tags__contains=[wanted]).first()
        )
    if version is None:
        have = ", ".join(str(one) for one in versions.values_list("number", flat=True)[:20]) or "none"
        what = f"{datasets[0].name} has no frozen version {wanted}.".replace(" .", ".")
        raise Fault("dataset.unknown", what=what, mend=f"It has {have}.")
    return version


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16
