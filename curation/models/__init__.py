from curation.models.alert import Alert, AlertDelivery
from curation.models.assist import Assist, PreferencePair
from curation.models.audit import AuditEvent
from curation.models.collection import Collection
from curation.models.dataset import Dataset, DatasetExport, DatasetVersion
from curation.models.endpoint import Endpoint, EndpointPace, Spending
from curation.models.example import (
    BulkChange,
    Example,
    ExampleEvent,
    ExampleImport,
    ExampleText,
    ExampleVector,
    Revision,
)
from curation.models.generation import Candidate, Generation
from curation.models.hub import HubToken, Push
from curation.models.hub_fetch import HubFetch
from curation.models.prompt import PromptVersion
from curation.models.queue import Annotation, Slot
from curation.models.request import ModelRequest, RequestUse
from curation.models.task import Demonstration, Guideline, Task, TaskMember
from curation.models.team import Invitation, Membership, Role, Team
from curation.models.token import ApiToken, IdempotentWrite, Scope
from curation.models.user import User

__all__ = [
    "Alert",
    "AlertDelivery",
    "Annotation",
    "ApiToken",
    "Assist",
    "AuditEvent",
    "BulkChange",
    "Candidate",
    "Collection",
    "Dataset",
    "DatasetExport",
    "DatasetVersion",
    "Demonstration",
    "Endpoint",
    "EndpointPace",
    "Example",
    "ExampleEvent",
    "ExampleImport",
    "ExampleText",
    "ExampleVector",
    "Generation",
    "Guideline",
    "HubFetch",
    "HubToken",
    "IdempotentWrite",
    "Invitation",
    "Membership",
    "ModelRequest",
    "PreferencePair",
    "PromptVersion",
    "Push",
    "RequestUse",
    "Revision",
    "Role",
    "Scope",
    "Slot",
    "Spending",
    "Task",
    "TaskMember",
    "Team",
    "User",
]
