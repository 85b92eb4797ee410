"""The sample data for a team that wants to look around first."""

import secrets
import shutil
import tempfile
from pathlib import Path

from django.db import transaction

from curation import sample
from curation.actions.sample import load_tasks
from curation.content import Mapping
from curation.models import Team, User
from selection import store
from selection.actions import pools, target_files, targets
from selection.models import Import, Pool, Target

POOL = "Sample pool"
ABOUT = "About 4,000 rows of thirteen kinds of tasks, made by Winnow itself. Every row says which kind it is."


def load(*, team: Team, by: User | None) -> Pool:
    """Tasks to annotate, a pool that is being imported, and targets for it. What is there already stays as it is."""
    load_tasks(team=team, by=by)
    found = Pool.objects.filter(team=team, name=POOL).first()
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(prefix="winnow-sample-") as folder:
        files = sample.write(Path(folder))
        path = f"uploads/{secrets.token_hex(16)}"
        try:
            with files["pool"].open("rb") as source, store.writing(path) as out:
                shutil.copyfileobj(source, out)
            with transaction.atomic():
                made = _import(team, by, path)
                for name in sample.TARGETS:
                    _target(team, by, name, files[name])
        except BaseException:
            store.delete(path)
            raise
    return made.pool


def _import(team: Team, by: User | None, path: str) -> Import:
    made = pools.new_pool_from_file(team=team, by=by, pool_name=POOL, name="sample.jsonl", path=path, description=ABOUT)
    pools.start_import(import_=made, by=by, mapping=Mapping.from_dict(made.mapping))
    return made


def _target(team: Team, by: User | None, family: str, path: Path) -> None:
    name = family.replace("-", " ").capitalize()
    if Target.objects.filter(team=team, name=name).exists():
        return
    with path.open("rb") as file:
        rows, bad = target_files.from_file(file, path.name)
    targets.create(team=team, by=by, name=name, rows=rows, bad=bad, description="Made by Winnow, as a sample.")
