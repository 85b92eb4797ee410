"""Model endpoints of a team: made, changed, tested, archived; and what a team may spend."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils import timezone

from config.crypto import keeps, seal
from config.faults import Fault
from curation.audit import audit
from curation.models import Endpoint, Spending, Team, User
from jobs import actions as jobs
from jobs.models import Job

# What a person sets. Changing the first few makes earlier tests void.
DECIDING = ("kind", "dialect", "base_url", "model")
FIELDS = (*DECIDING, "name", "price_in", "price_cached", "price_out", "currency", "requests_per_minute",
          "tokens_per_minute", "concurrency", "timeout")  # fmt: skip


@transaction.atomic
def create(*, team: Team, by: User, key: str = "", **fields: Any) -> Endpoint:
    """Raises `Fault` endpoint.name_taken or endpoint.address."""
    made = Endpoint(team=team, created_by=by, **_fields(fields))
    _check(made)
    if key:
        made.key_sealed, made.key_end = seal(key), _end(key)
    _unique(lambda: made.save(force_insert=True), made)
    audit("endpoint.created", actor=by, team=team, target=made, name=made.name, model=made.model, at=made.identity)
    made.refresh_from_db()  # numbers as the database has them
    return made


@transaction.atomic
def edit(*, endpoint: Endpoint, by: User, key: str | None = None, **fields: Any) -> Endpoint:
    """`key` None leaves it; an empty text takes it away. Raises `Fault` as `create`, and endpoint.archived.

    A key goes nowhere else than where it was entered for: another address without a new key takes it away.
    """
    row = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    if row.archived_at is not None:
        raise Fault("endpoint.archived", name=row.name)
    before = {name: getattr(row, name) for name in FIELDS}
    origin = _origin(row)
    for name, value in _fields(fields).items():
        setattr(row, name, value)
    _check(row)
    if key is None and _origin(row) != origin:
        key = ""
    if key is not None:
        row.key_sealed, row.key_end = (seal(key), _end(key)) if key else ("", "")
    changed = sorted(name for name in FIELDS if getattr(row, name) != before[name])
    if key is not None or any(name in DECIDING for name in changed):
        row.schema_mode, row.tested_at, row.test = Endpoint.Schema.UNKNOWN, None, {}
    _unique(lambda: row.save(update_fields=[*FIELDS, "key_sealed", "key_end", "schema_mode", "tested_at", "test"]), row)
    audit("endpoint.changed", actor=by, team=row.team, target=row, name=row.name, fields=changed, key=key is not None)
    endpoint.refresh_from_db()
    return endpoint


@transaction.atomic
def test(*, endpoint: Endpoint, by: User) -> Job:
    """Ask it for a word, and for a schema whose only value the prompt does not tell. Raises `Fault` endpoint.archived."""
    row = Endpoint.objects.select_for_update(no_key=True, of=("self",)).select_related("test_job").get(pk=endpoint.pk)
    if row.archived_at is not None:
        raise Fault("endpoint.archived", name=row.name)
    before = row.test_job
    if before is not None and not before.is_final:
        return before
    job = jobs.start(kind="endpoint.test", params={"endpoint": row.pk}, lane=row.team.lane)
    Endpoint.objects.filter(pk=row.pk).update(test_job=job)
    if before is not None:
        jobs.discard(job=before)
    audit("endpoint.tested", actor=by, team=row.team, target=row, name=row.name)
    endpoint.refresh_from_db()
    return job


@transaction.atomic
def archive(*, endpoint: Endpoint, by: User) -> None:
    """No new run takes it, and its key is forgotten."""
    gone = {"archived_at": timezone.now(), "key_sealed": "", "key_end": ""}
    if Endpoint.objects.filter(pk=endpoint.pk, archived_at=None).update(**gone):
        audit("endpoint.archived", actor=by, team=endpoint.team, target=endpoint, name=endpoint.name)
    endpoint.refresh_from_db()


@transaction.atomic
def limit_spending(*, team: Team, by: User, limit: Decimal | None) -> Spending:
    """What the team may spend on language models in a calendar month (UTC); None: any sum."""
    month = timezone.now().date().replace(day=1)
    row, _ = Spending.objects.get_or_create(team=team, defaults={"month": month})
    Spending.objects.filter(pk=row.pk).update(limit=limit)
    audit("spending.limited", actor=by, team=team, limit=None if limit is None else str(limit))
    row.refresh_from_db()
    return row


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    unknown = set(given).difference(FIELDS)
    if unknown:
        raise TypeError(f"an endpoint has no {', '.join(sorted(unknown))}")
    return given


def _check(row: Endpoint) -> None:
    if row.is_local:
        row.base_url, row.dialect = "", Endpoint.Dialect.LOCAL
        return
    if row.dialect == Endpoint.Dialect.LOCAL:
        row.dialect = Endpoint.Dialect.OPENAI
    row.base_url = row.base_url.strip().rstrip("/")
    why = wrong_address(row.base_url)
    if why:
        raise Fault("endpoint.address", url=row.base_url[:200] or "An empty text", why=why)


def wrong_address(url: str) -> str:
    """Why this is no address of an endpoint, completing "The address …"; empty where it is one."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "cannot be read"
    if parts.scheme not in {"http", "https"}:
        return "does not begin with https:// or http://"
    if not host:
        return "names no host"
    if parts.username or parts.password:
        return "holds a name or a password; the key has a field of its own"
    if parts.query or parts.fragment:
        return "has a part after ? or #"
    return ""


def _origin(row: Endpoint) -> tuple[str, str, int | None]:
    parts = urlsplit(row.base_url)
    return (parts.scheme, parts.hostname or "", parts.port)


def _end(key: str) -> str:
    """The last four characters; of a short key fewer, so that most of it stays unknown."""
    return key[-4:] if len(key) >= 12 else ""


def _unique(write: Any, row: Endpoint) -> None:
    try:
        with transaction.atomic():
            write()
    except IntegrityError as error:
        if "endpoint_name_in_team" in str(error):
            raise Fault("endpoint.name_taken", name=row.name) from None
        raise


keeps("keys of endpoints", Endpoint, "key_sealed", lambda row: f"The key of the endpoint {row.name}")
