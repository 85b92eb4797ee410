"""Targets whose rows a run keeps out: named by a person, kept in the run's options by id."""

from collections.abc import Iterable, Sequence

from config.faults import Fault
from curation.models import Team
from selection.actions import targets
from selection.methods import ParamsError
from selection.models import Run, Target, TargetRow

OPTION = "decontaminate"


def ids_in(option: str | None) -> list[int]:
    """The ids that a run's option holds."""
    return [int(part) for part in (option or "").split(",") if part.strip()]


def as_option(found: Iterable[Target]) -> str | None:
    """The option of choose that names these targets."""
    return ",".join(map(str, sorted({target.pk for target in found}))) or None


def named(team: Team, text: str | None) -> str | None:
    """The option that a person means by "3, 7" or "GSM8K, MMLU": ids or names of the team's targets.

    Raises `ParamsError` for one that is not there.
    """
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    there = Target.objects.filter(team=team)
    found = []
    for part in parts:
        target = there.filter(pk=int(part)).first() if part.isdecimal() and len(part) < 19 else None
        target = target or there.filter(name=part).first()
        if target is None:
            raise ParamsError(OPTION, f"names no target of the team: {part[:80]}")
        found.append(target)
    return as_option(found)


def freeze(team: Team, option: str | None) -> None:
    """Called where a run starts. Raises `Fault` run.no_test_set for a target that is gone or another team's."""
    for target in _found(team.pk, option):
        targets.freeze(target=target)


def of_run(run: Run) -> list[Target]:
    """The test sets of a run, by id. Raises `Fault` run.no_test_set."""
    return _found(run.team_id, run.options.get(OPTION))


def _found(team: int, option: str | None) -> list[Target]:
    wanted = ids_in(option)
    found = Target.objects.filter(team=team).in_bulk(wanted)
    gone = [pk for pk in wanted if pk not in found]
    if gone:
        raise Fault("run.no_test_set", target=gone[0])
    return [found[pk] for pk in wanted]


def texts(found: Sequence[Target]) -> list[str]:
    """What of their rows must not be picked."""
    from selection.kernels.contamination import texts_of  # compiled code, which pages do without

    rows = TargetRow.objects.filter(target__in=found).order_by("target_id", "position")
    return texts_of(row.unpacked() for row in rows)
