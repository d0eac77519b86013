"""Single requests through the ordinary API, for a few answers at once and at full price."""

from __future__ import annotations

from typing import Any

import orjson

from batchgen.models import Endpoint
from batchgen.openai_client.call_costs import record_call
from batchgen.openai_client.errors import openai_errors
from batchgen.openai_client.manager import OpenAIClientManager

_PREFIX = "/v1"


class SyncCalls:
    """Asks and waits, and has every answer's tokens recorded. Raises Unavailable, AccessDenied, RequestRefused."""

    def __init__(self, manager: OpenAIClientManager) -> None:
        """Take the manager that owns the client."""
        self._manager = manager

    def ask(
        self, body: dict[str, Any], endpoint: Endpoint, *, service: str, timeout_s: float | None = None, **labels: str
    ) -> dict[str, Any]:
        """Send a request body, as a batch file holds it, and return the response body.

        `timeout_s` bounds the whole call: with it the SDK repeats nothing by itself. The usage is recorded for
        `service`, with the labels.
        """
        plain = orjson.loads(orjson.dumps(body))  # a schema may stand in it as serialised JSON
        path = endpoint.value.removeprefix(_PREFIX)
        with openai_errors(path.lstrip("/")):
            client = self._manager.get_sync_client()
            if timeout_s is not None:
                client = client.with_options(timeout=timeout_s, max_retries=0)
            answer: Any = client.post(path, body=plain, cast_to=dict[str, Any])
        if not isinstance(answer, dict):
            return {}
        record_call(self._manager, answer, endpoint, service=service, model=str(body.get("model")), **labels)
        return answer
