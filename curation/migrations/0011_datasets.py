"""Collections, datasets, versions and their exports. The database itself refuses to change a frozen version."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION curation_version_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.sha256 <> '' AND (NEW.sha256, NEW.rows, NEW.parts, NEW.recipe, NEW.splits, NEW.number, NEW.dataset_id,
      NEW.manifest) IS DISTINCT FROM (OLD.sha256, OLD.rows, OLD.parts, OLD.recipe, OLD.splits, OLD.number,
      OLD.dataset_id, OLD.manifest) THEN
    RAISE EXCEPTION 'a frozen version of a dataset never changes';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER curation_version_frozen BEFORE UPDATE ON curation_datasetversion
  FOR EACH ROW EXECUTE FUNCTION curation_version_frozen();
"""
BACK = """
DROP TRIGGER curation_version_frozen ON curation_datasetversion;
DROP FUNCTION curation_version_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0010_synthesis"),
        ("jobs", "0002_worker_gpu"),
    ]

    operations = [
        migrations.CreateModel(
            name="Dataset",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True)),
                ("recipe", models.JSONField(default=dict, help_text="As curation.datasets.recipe reads it.")),
                (
                    "splits",
                    models.JSONField(
                        default=dict, help_text="{shares, seed, group}, as curation.datasets.splits reads it."
                    ),
                ),
                (
                    "card_texts",
                    models.JSONField(default=dict, help_text="{section: text} that people wrote for the card."),
                ),
                (
                    "revision",
                    models.PositiveIntegerField(
                        default=1, help_text="Counts up at each change; older saves are refused."
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="datasets", to="curation.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DatasetVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("recipe", models.JSONField(default=dict)),
                ("splits", models.JSONField(default=dict)),
                (
                    "sources",
                    models.JSONField(default=list, help_text="What the recipe's sources were when it was frozen."),
                ),
                ("changelog", models.TextField(blank=True)),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), blank=True, default=list, size=None
                    ),
                ),
                (
                    "sha256",
                    models.CharField(
                        blank=True, help_text="Of keys, revisions, contents and splits. Set once.", max_length=64
                    ),
                ),
                ("rows", models.BigIntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                (
                    "counts",
                    models.JSONField(
                        default=dict, help_text="{splits, origins, sources, licences, languages, tags, tokens, …}"
                    ),
                ),
                ("leakage", models.JSONField(default=dict)),
                (
                    "parts",
                    models.JSONField(
                        default=list, help_text="[{path, sha256, rows, bytes, first, last}], sorted by key."
                    ),
                ),
                ("manifest", models.JSONField(default=dict, help_text="What made it: run.json.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("frozen_at", models.DateTimeField(editable=False, null=True)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="curation.dataset"
                    ),
                ),
                (
                    "job",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="jobs.job"
                    ),
                ),
                (
                    "restored_from",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="curation.datasetversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
            },
        ),
        migrations.CreateModel(
            name="DatasetExport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("format", models.CharField(max_length=24)),
                ("path", models.CharField(blank=True, max_length=500)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("bytes", models.BigIntegerField(default=0)),
                ("rows", models.JSONField(default=dict, help_text="{split: rows} of the files.")),
                (
                    "unfit",
                    models.JSONField(default=dict, help_text="{count, first}: rows that the format cannot hold."),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "job",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="jobs.job"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exports",
                        to="curation.datasetversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Collection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True)),
                ("origin", models.CharField(choices=[("run", "Picks of a run"), ("file", "A file")], max_length=8)),
                (
                    "space",
                    models.CharField(
                        help_text="In front of its row keys: the same rows keep the same keys.", max_length=80
                    ),
                ),
                (
                    "licence",
                    models.CharField(blank=True, help_text="Of rows that name none themselves.", max_length=200),
                ),
                ("lineage", models.JSONField(default=dict, help_text="{pool, run, method, …} or {file, sha256}.")),
                ("path", models.CharField(blank=True, max_length=500)),
                ("mapping", models.JSONField(default=dict)),
                ("rows_bad", models.BigIntegerField(default=0)),
                ("bad_path", models.CharField(blank=True, max_length=500)),
                (
                    "ready_at",
                    models.DateTimeField(help_text="Set in the transaction that brought its rows in.", null=True),
                ),
                ("rows", models.BigIntegerField(default=0)),
                ("chars", models.BigIntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                ("parts", models.JSONField(default=list, help_text="[{path, sha256, rows, bytes, first, last}]")),
                ("facts", models.JSONField(default=dict, help_text="{sources, licences}: how many rows of each.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "job",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="jobs.job"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="collections", to="curation.team"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("team"),
                        django.db.models.functions.text.Lower("name"),
                        condition=models.Q(("deleted_at", None)),
                        name="collection_name_in_team",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="dataset",
            constraint=models.UniqueConstraint(
                models.F("team"),
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("deleted_at", None)),
                name="dataset_name_in_team",
            ),
        ),
        migrations.AddConstraint(
            model_name="datasetversion",
            constraint=models.UniqueConstraint(fields=("dataset", "number"), name="version_number_in_dataset"),
        ),
        migrations.AddConstraint(
            model_name="datasetexport",
            constraint=models.UniqueConstraint(fields=("version", "format"), name="export_of_version"),
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
