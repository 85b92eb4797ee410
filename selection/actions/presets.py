"""Settings under a name."""

from django.db import IntegrityError, transaction

from config.faults import Fault
from curation.audit import audit
from curation.models import User
from selection import test_sets
from selection.models import Preset, Run


@transaction.atomic
def keep(*, run: Run, name: str, note: str, by: User) -> Preset:
    """The run's method, parameters and options under a name. Test sets are not kept: they belong to a target.

    Raises `Fault` preset.name_taken.
    """
    options = {key: value for key, value in run.options.items() if key != test_sets.OPTION}
    try:
        with transaction.atomic():
            made = Preset.objects.create(
                team=run.team, name=name, note=note, method=run.method, params=run.params, options=options,
                created_by=by,
            )  # fmt: skip
    except IntegrityError:
        raise Fault("preset.name_taken", name=name) from None
    audit("preset.kept", actor=by, team=run.team, target=made, name=name, run=run.number)
    return made


@transaction.atomic
def delete(*, preset: Preset, by: User) -> None:
    audit("preset.deleted", actor=by, team=preset.team, target=preset, name=preset.name)
    Preset.objects.filter(pk=preset.pk).delete()
