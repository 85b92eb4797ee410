from curation.models.audit import AuditEvent
from curation.models.example import (
    BulkChange,
    Example,
    ExampleEvent,
    ExampleImport,
    ExampleText,
    ExampleVector,
    Revision,
)
from curation.models.queue import Annotation, Slot
from curation.models.task import Demonstration, Guideline, Task, TaskMember
from curation.models.team import Invitation, Membership, Role, Team
from curation.models.token import ApiToken, IdempotentWrite, Scope
from curation.models.user import User

__all__ = [
    "Annotation",
    "ApiToken",
    "AuditEvent",
    "BulkChange",
    "Demonstration",
    "Example",
    "ExampleEvent",
    "ExampleImport",
    "ExampleText",
    "ExampleVector",
    "Guideline",
    "IdempotentWrite",
    "Invitation",
    "Membership",
    "Revision",
    "Role",
    "Scope",
    "Slot",
    "Task",
    "TaskMember",
    "Team",
    "User",
]
