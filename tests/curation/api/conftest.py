"""A client of the API for each person of the cast."""

import json
from typing import Any

import pytest
from django.test import Client

from curation.actions import tokens
from curation.models import Scope

ALL = [scope.value for scope in Scope]


class Api:
    """Speaks JSON to /api/v1 with one token; a second client of the same token is `Api(secret)`."""

    def __init__(self, secret: str) -> None:
        self.secret, self.client = secret, Client(enforce_csrf_checks=True)

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.secret}"} | ({"Idempotency-Key": key} if key else {})
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(
            method, f"/api/v1{path}", data, content_type="application/json", headers=headers, query_params=query
        )

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, **query)

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        return self.call("POST", path, {} if body is None else body, key=key)

    def put(self, path: str, body: Any) -> Any:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)


@pytest.fixture
def api(cast):
    """`api("viewer")`; scopes, team and days as asked, else all scopes of the person's own team."""

    def made(name: str, scopes: list[str] | None = None, days: int | None = None) -> Api:
        team = cast.other_team if name == "stranger" else cast.team
        _, secret = tokens.make(
            team=team, by=cast.by_role(name), name="test", scopes=ALL if scopes is None else scopes, days=days
        )
        return Api(secret)

    return made


def error(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content[:500]
    found = answer.json()["error"]
    assert {"code", "title", "what", "do"} <= set(found)
    assert all(found[name] for name in ("code", "title", "what", "do")), found
    return found
