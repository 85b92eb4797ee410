"""Who answers the requests of an endpoint."""

from curation.models import Endpoint
from curation.synthesis.engine import Sender


def sender_of(endpoint: Endpoint) -> Sender:
    """Made inside the event loop that uses it."""
    if endpoint.is_local:
        from curation.synthesis.local import LocalModel

        return LocalModel(endpoint)
    from curation.synthesis.client import Client

    return Client(endpoint)
