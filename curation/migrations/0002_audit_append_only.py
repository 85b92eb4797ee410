"""The record of who did what is append-only: the database itself refuses to change or delete a line."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION curation_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit events are append-only';
END $$;
CREATE TRIGGER curation_audit_append_only BEFORE UPDATE OR DELETE ON curation_auditevent
  FOR EACH ROW EXECUTE FUNCTION curation_audit_append_only();
"""
BACK = """
DROP TRIGGER curation_audit_append_only ON curation_auditevent;
DROP FUNCTION curation_audit_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("curation", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
