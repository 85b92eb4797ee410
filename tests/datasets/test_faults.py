"""What goes wrong: workers killed, files gone, commands with wrong words, licences and picks on their way."""

import hashlib
import html
import re
import signal
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from config import storage
from config.faults import Fault
from curation import freezing, parts
from curation.actions import collections
from curation.actions import datasets as actions
from curation.models import Collection, DatasetVersion
from curation.versions import named
from jobs.models import Step
from jobs.runner import run_job
from selection.actions.collect import collect
from selection.models import Run
from tests.datasets import made
from tests.datasets.processes import process
from tests.selection import made as pools

pytestmark = pytest.mark.django_db(transaction=True)

DIE = """
import os, signal
from curation import {module}
from jobs.models import Job
from jobs.runner import run_job
whole = {module}.{name}
def die(*args, **kwargs):
    made = whole(*args, **kwargs)      # its files are written, its step is not ended
    os.kill(os.getpid(), signal.SIGKILL)
{module}.{name} = die
run_job(Job.objects.get(pk={job}))
"""


def killed(job, module, name):
    """A process works on the job and is killed after `name` wrote its files."""
    dead(job, process(DIE.format(module=module, name=name, job=job.pk)))


def dead(job, ended):
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    # The lease of the dead process is over sooner than it would be by the clock.
    Step.objects.filter(job=job, state="leased").update(leased_until=timezone.now() - timedelta(hours=1))


@pytest.mark.parametrize("name", ["gather", "choose", "write", "check"])
def test_a_freeze_that_is_killed_goes_on_and_gives_the_same_version(cast, name):
    dataset = made.dataset(cast.team, made.source(made.task(cast.team, 20)))
    expected = made.frozen(dataset)
    version = actions.freeze(dataset=dataset, by=None)
    killed(version.job, "freezing", name)
    version.refresh_from_db()
    assert not version.is_frozen
    run_job(version.job)
    version.refresh_from_db()
    assert (version.sha256, version.parts) == (expected.sha256, expected.parts)
    assert not storage.usage(freezing.scratch(version))


HALFWAY = """
import os, signal
from curation import packing
from jobs.models import Job
from jobs.runner import run_job
class Dying(packing._Hashed):
    def __exit__(self, *args):
        if {name!r} in str(self.path):
            self.out.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        super().__exit__(*args)
packing._Hashed = Dying
whole = packing._add
def add(archive, path, name):
    whole(archive, path, name)
    if {name!r} == "zip":
        os.kill(os.getpid(), signal.SIGKILL)
packing._add = add
run_job(Job.objects.get(pk={job}))
"""


@pytest.mark.parametrize("name", ["train.csv", "zip"])
def test_an_export_that_is_killed_in_the_middle_of_a_file_leaves_nothing_half(cast, name):
    """`zip`: with the first file in the archive."""
    version = made.frozen_letters(cast.team)
    expected = made.exported(version, "csv")
    version.exports.all().delete()
    storage.delete(expected.path)
    export = actions.export(version=version, format="csv", by=None)
    dead(export.job, process(HALFWAY.format(name=name, job=export.job_id)))
    export.refresh_from_db()
    assert not export.path
    assert not storage.exists(expected.path)
    run_job(export.job)
    export.refresh_from_db()
    assert (export.sha256, export.path) == (expected.sha256, expected.path)
    assert hashlib.sha256(storage.read(export.path, export.sha256)).hexdigest() == export.sha256


def test_an_export_that_is_killed_goes_on_and_gives_the_same_file(cast):
    version = made.frozen_letters(cast.team)
    expected = made.exported(version, "messages")
    version.exports.all().delete()
    export = actions.export(version=version, format="messages", by=None)
    killed(export.job, "packing", "packed")
    run_job(export.job)
    export.refresh_from_db()
    assert (export.sha256, export.path) == (expected.sha256, expected.path)


def test_a_part_that_is_gone_or_damaged_is_told(cast):
    version = made.frozen_letters(cast.team)
    storage.delete(version.parts[0]["path"])
    with pytest.raises(Fault) as raised:
        list(parts.rows(version.parts))
    assert raised.value.code == "store.missing"


def test_the_command_writes_a_folder_and_explains_what_it_cannot(cast, tmp_path, capsys):
    version = made.frozen_letters(cast.team)
    actions.describe(version=version, by=None, tags=["v1-paper"])
    for number, words in enumerate(
        ("Letters", "letters@1", "Letters@v1-paper", "Letters@latest", str(version.dataset_id))
    ):
        assert named(words).pk == version.pk
        call_command("export", words, "--format", "parquet", "--out", str(tmp_path / str(number)))
    assert "Letters@1 as parquet" in capsys.readouterr().out
    assert pq.read_table(tmp_path / "0" / "train.parquet").num_rows == version.counts["split"]["train"]
    wrong = {
        "None": "No dataset is named", "Letters@9": "has no frozen version 9", "Letters@v2": "has no frozen version v2",
    }  # fmt: skip
    for words, said in wrong.items():
        with pytest.raises(CommandError, match=said):
            call_command("export", words, "--format", "csv", "--out", str(tmp_path / "x"))
    with pytest.raises(CommandError, match="not an empty folder"):
        call_command("export", "Letters", "--format", "csv", "--out", str(tmp_path / "0"))
    with pytest.raises(CommandError, match="none of them can be written"):
        call_command("export", "Letters", "--format", "preference", "--out", str(tmp_path / "y"))
    made.frozen(made.dataset(cast.other_team, made.source(made.task(cast.other_team, 3)), name="Letters"))
    with pytest.raises(CommandError, match="Several teams"):
        call_command("export", "Letters", "--format", "csv", "--out", str(tmp_path / "z"))
    assert named("Letters", cast.team.slug).pk == version.pk


def test_names_tags_and_sources_are_guarded(cast):
    version = made.frozen_letters(cast.team)
    dataset = version.dataset
    with pytest.raises(Fault) as raised:
        made.dataset(cast.team, name="LETTERS")
    assert raised.value.code == "dataset.name_taken"
    for tag in ("7", "latest", "a b", "-x"):
        with pytest.raises(Fault) as raised:
            actions.describe(version=version, by=None, tags=[tag])
        assert raised.value.code == "dataset.tag"
    second = actions.restore(version=version, by=None)
    actions.describe(version=version, by=None, tags=["best"])
    actions.describe(version=second, by=None, tags=["best"])
    version.refresh_from_db()
    assert version.tags == []
    mixed = made.dataset(cast.team, {"kind": "version", "id": version.pk}, name="Mixed")
    with pytest.raises(Fault) as raised:
        actions.delete_version(version=version, by=None)
    assert raised.value.code == "dataset.version_used"
    with pytest.raises(Fault) as raised:
        actions.delete(dataset=dataset, by=None)
    assert raised.value.code == "dataset.version_used"
    # Its own recipe uses it too, which by itself is no reason.
    dataset.refresh_from_db()
    recipe = {"sources": [{"kind": "version", "id": version.pk}]}
    actions.change(dataset=dataset, by=None, revision=dataset.revision, recipe=recipe)
    with pytest.raises(Fault, match="Mixed") as raised:
        actions.delete(dataset=dataset, by=None)
    assert raised.value.code == "dataset.version_used"
    actions.delete(dataset=mixed, by=None)
    actions.delete(dataset=dataset, by=None)
    empty = made.dataset(cast.team, name="Empty")
    with pytest.raises(Fault) as raised:
        actions.freeze(dataset=empty, by=None)
    assert raised.value.code == "dataset.no_sources"
    with pytest.raises(Fault) as raised:
        actions.export(version=DatasetVersion(dataset=empty, number=1), format="csv", by=None)
    assert raised.value.code == "dataset.not_frozen"


def test_picks_become_a_collection_with_keys_of_their_pool_and_a_way_back(cast, as_):
    data = pools.rows(60)
    pool = pools.pool(cast.team, data)
    run = pools.run(cast.team, pool, None, budget="10", by=cast.owner)
    client = as_("curator")
    url = reverse("run_collect", args=[run.pk])
    assert "Run 1 on Open pool" in client.get(url).content.decode()
    answer = client.post(url, {"name": "Picks", "top": 8, "licence": "CC-BY-4.0"})
    found = Collection.objects.get()
    assert answer.url == found.get_absolute_url()
    assert "There is a collection named picks" in client.post(url, {"name": "picks", "top": 8}).content.decode()
    run_job(found.job)
    found.refresh_from_db()
    assert (found.rows, found.space) == (8, f"p{pool.pk}")
    again = collect(run=run, by=cast.curator, name="Again")
    run_job(again.job)
    again.refresh_from_db()
    sources = [{"kind": "collection", "id": one.pk} for one in (found, again)]
    version = made.frozen(made.dataset(cast.team, *sources, name="Of picks"))
    assert version.rows == 10  # the eight of the first are among the ten of the second
    row = next(parts.rows(version.parts))
    page = client.get(reverse("dataset_row", args=[version.dataset_id, 1]), {"key": row.key}).content.decode()
    assert run.get_absolute_url() in page
    assert pool.get_absolute_url() in page
    assert version.manifest["runs"][0]["method"] == "random"
    key = row.lineage["key"]
    links = re.findall(r'href="([^"]*lineage[^"]*)"', client.get(pool.get_absolute_url()).content.decode())
    [link] = [html.unescape(one) for one in links if html.unescape(one).endswith(f"?pool={pool.pk}&key={key}")]
    assert "Of picks@1" in client.get(link).content.decode()
    Run.objects.filter(pk=run.pk).delete()
    gone = client.get(reverse("dataset_row", args=[version.dataset_id, 1]), {"key": row.key})
    assert "gone" in gone.content.decode()
    with pytest.raises(Fault) as raised:
        collections.delete(collection=found, by=None)
    assert raised.value.code == "collection.used"
