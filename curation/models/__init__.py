from curation.models.audit import AuditEvent
from curation.models.team import Invitation, Membership, Role, Team
from curation.models.user import User

__all__ = ["AuditEvent", "Invitation", "Membership", "Role", "Team", "User"]
