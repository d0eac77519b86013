"""Single requests through the ordinary API, for a few answers at once and at full price."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
from structlog.stdlib import get_logger

from batchgen.errors import Unavailable
from batchgen.models import Endpoint, Usage
from batchgen.openai_client.answers import Answer, read_body
from batchgen.openai_client.errors import openai_errors
from batchgen.openai_client.manager import OpenAIClientManager

log = get_logger(__name__)

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
        self._track(answer, endpoint, str(body.get("model")), service, labels)
        return answer

    def _track(
        self, answer: dict[str, Any], endpoint: Endpoint, model: str, service: str, labels: dict[str, str]
    ) -> None:
        """Have the answer's tokens recorded; where that cannot be, the answer, which is paid, is worth more."""
        read = read_body(answer, endpoint)
        if not isinstance(read, Answer):
            return
        usage = Usage(
            input_tokens=read.input_tokens,
            cached_input_tokens=read.cached_input_tokens,
            output_tokens=read.output_tokens,
        )
        key = f"ordinary:{uuid.uuid4().hex}"  # of this call: some servers give every answer the same id
        try:
            self._manager.track_usage(service=service, model=model, usage=usage, key=key, batch=False, **labels)
        except Unavailable as away:
            log.warning("usage_not_recorded", service=service, model=model, problem=str(away), **usage.model_dump())
