"""The local hub, for schedules that push."""

from tests.hub.conftest import hub

__all__ = ["hub"]
