"""What stands before every address of the API: the token, the rate, the size, and one transaction for a write.

A write with the header Idempotency-Key leaves its answer in `IdempotentWrite`, in the transaction of the write. The row
is made first: who comes with the same key at the same time waits at it, and then gets the stored answer.
"""

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from redis.exceptions import RedisError

from config.faults import Fault
from config.policy import by_token
from curation.actions import tokens
from curation.api.errors import answer_to
from curation.models import ApiToken, IdempotentWrite

logger = logging.getLogger("winnow.api")
SAFE = {"GET", "HEAD", "OPTIONS"}
KEY = re.compile(r"[\x21-\x7e]{1,128}")
KEPT = timedelta(days=7)  # so long a repeated request gets its stored answer

View = Callable[..., HttpResponse]


def guard(view: View) -> View:
    """The view as programs reach it. Any error becomes JSON; an answer that is an error undoes what was written."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            token = _enter(request)
            _keep_to_the_rate(token, writes=request.method not in SAFE)
            if request.method in SAFE:
                response = view(request, *args, **kwargs)
            else:
                _keep_to_the_size(request)
                response = _write(request, token, lambda: view(request, *args, **kwargs))
        except Exception as error:  # noqa: BLE001  the last one to answer; it logs what is not a known fault
            response = answer_to(request, error)
        if response.status_code == 405:
            allowed = response["Allow"]
            response = answer_to(request, Fault("api.method", method=request.method, allowed=allowed))
            response["Allow"] = allowed
        response["Cache-Control"] = "no-store"
        return response

    guarded.csrf_exempt = True  # type: ignore[attr-defined]  # no cookie is ever looked at
    return by_token(reason="programs come with a bearer token, without cookies")(guarded)


def _enter(request: HttpRequest) -> ApiToken:
    """The token of the request; from here on the request acts as its owner, in its team alone."""
    scheme, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Fault("api.no_token", why="The request has no bearer token.")
    token = ApiToken.objects.by_secret(secret.strip())
    if token is None:
        raise Fault(
            "api.no_token",
            why="The token is not known, was revoked, has expired, or its owner is no longer in the team.",
        )
    tokens.used(token)
    user = token.user
    user.only_team = token.team_id
    request.user = user  # type: ignore[assignment]
    request.token = token  # type: ignore[attr-defined]
    return token


def _keep_to_the_rate(token: ApiToken, *, writes: bool) -> None:
    """Count requests by the minute. Without the cache there is no limit: work goes on."""
    most = settings.API_WRITES_PER_MINUTE if writes else settings.API_READS_PER_MINUTE
    if not most:
        return
    minute, second = divmod(int(time.time()), 60)
    key = f"api:{token.digest[:16]}:{'w' if writes else 'r'}:{minute}"
    try:
        cache.add(key, 0, 120)
        count = cache.incr(key)
    except (RedisError, OSError, ValueError):
        logger.warning("the cache does not answer, so the API is not limited")
        return
    if count > most:
        what = "Writing" if writes else "Reading"
        wait = 60 - second
        raise Fault("too_many", what=what, limit=f"{most} requests a minute", wait=f"{wait} s", retry_after=wait)


def _keep_to_the_size(request: HttpRequest) -> None:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    sent = request.META.get("CONTENT_LENGTH") or "0"
    if sent.isdecimal() and int(sent) > limit:
        raise Fault("api.too_large", limit=f"{limit >> 20} MB")


def _write(request: HttpRequest, token: ApiToken, view: Callable[[], HttpResponse]) -> HttpResponse:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        with transaction.atomic():
            return _or_undo(view())
    if not KEY.fullmatch(key):
        raise Fault("api.bad_key", place="Idempotency-Key")
    sha = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode() + request.body).hexdigest()
    with transaction.atomic():
        # Waits for another request with the same key; None comes back once that one has committed.
        IdempotentWrite.objects.bulk_create(
            [IdempotentWrite(token=token, key=key, request_sha=sha, status=0)], ignore_conflicts=True
        )
        stored = IdempotentWrite.objects.get(token=token, key=key)
        if stored.status:
            return _again(stored, sha)
        response = _or_undo(view())
        if response.status_code < 400:
            body = json.loads(response.content) if response.content else None
            IdempotentWrite.objects.filter(pk=stored.pk).update(status=response.status_code, body=body)
            _forget_old(token, stored.pk)
    return response


def _or_undo(response: HttpResponse) -> HttpResponse:
    if response.status_code >= 400:
        transaction.set_rollback(True)
    return response


def _again(stored: IdempotentWrite, sha: str) -> HttpResponse:
    if stored.request_sha != sha:
        raise Fault("api.key_reused", key=stored.key)
    empty = stored.body is None
    response = (
        HttpResponse(status=stored.status) if empty else JsonResponse(stored.body, status=stored.status, safe=False)
    )
    response["Idempotent-Replay"] = "true"
    return response


def _forget_old(token: ApiToken, pk: int) -> None:
    """Now and then, after the write: stored answers that are past their week."""
    if pk % 100 == 0:
        old = IdempotentWrite.objects.filter(token=token, at__lt=timezone.now() - KEPT)
        transaction.on_commit(lambda: old.delete() and None, robust=True)
