"""What happened to an example is append-only too: the database itself refuses to change or delete a line."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION curation_event_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'events of examples are append-only';
END $$;
CREATE TRIGGER curation_event_append_only BEFORE UPDATE OR DELETE ON curation_exampleevent
  FOR EACH ROW EXECUTE FUNCTION curation_event_append_only();
"""
BACK = """
DROP TRIGGER curation_event_append_only ON curation_exampleevent;
DROP FUNCTION curation_event_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("curation", "0003_tasks")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
