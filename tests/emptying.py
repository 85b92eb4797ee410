"""The database emptied after a test that commits: only what holds rows, so that many tables cost nothing.

Django truncates every table and writes permissions and content types anew, which is most of a second a test here.
"""

from functools import cache

from django.db import connections, transaction

# What migrations and the signals after them write; no test changes it.
KEPT = {"django_migrations", "django_content_type", "auth_permission", "django_site"}


@cache
def _tables(alias):
    """(tables, those whose rows a trigger guards) as a query knows them."""
    connection = connections[alias]
    names = sorted(set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT)
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
        guarded = {row[0].strip('"') for row in cursor.fetchall()}
    return names, guarded


def empty(alias):
    """Deletes all rows but those of KEPT. Foreign keys are checked at the end, when everything is gone."""
    connection = connections[alias]
    names, guarded = _tables(alias)
    look = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in names)
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute(look)
        full = [row[0] for row in cursor.fetchall()]
        if held := [f'"{name}"' for name in full if name in guarded]:
            cursor.execute(f"TRUNCATE {', '.join(held)} CASCADE")
        for name in full:
            if name not in guarded:
                cursor.execute(f'DELETE FROM "{name}"')


def teardown(case):
    """In place of `TransactionTestCase._fixture_teardown`."""
    for alias in case._databases_names(include_mirrors=False):
        empty(alias)
