"""OpenAI's webhook events: nothing of a request is believed before its signature is verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import openai
from openai.types.webhooks import (
    BatchCancelledWebhookEvent,
    BatchCompletedWebhookEvent,
    BatchExpiredWebhookEvent,
    BatchFailedWebhookEvent,
)

from batchgen.errors import WebhookRefused
from batchgen.openai_client.manager import OpenAIClientManager

_OF_BATCHES = (
    BatchCompletedWebhookEvent,
    BatchFailedWebhookEvent,
    BatchExpiredWebhookEvent,
    BatchCancelledWebhookEvent,
)


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """What a verified request tells; `openai_batch_id` is None where it is not about the end of a batch."""

    id: str
    type: str
    openai_batch_id: str | None


class WebhookReader:
    """Reads requests to our webhook."""

    def __init__(self, manager: OpenAIClientManager, secret: str) -> None:
        """Take the owner of the client, and the secret that OpenAI signs with (not empty)."""
        self._webhooks = manager.get_sync_client().webhooks
        self._secret = secret

    def read(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent:
        """The event in a request; raises WebhookRefused unless OpenAI signed just this within five minutes.

        Signature and tolerance are those of Standard Webhooks, as the SDK implements them.
        """
        try:
            event = self._webhooks.unwrap(body, dict(headers), secret=self._secret)
        except openai.InvalidWebhookSignatureError as refused:
            raise WebhookRefused(str(refused).rstrip(".")) from refused
        except (ValueError, TypeError):  # a header is missing or not ASCII, or the body is no JSON; it is not quoted
            raise WebhookRefused("it is malformed") from None
        return WebhookEvent(
            id=str(getattr(event, "id", "")),
            type=str(getattr(event, "type", "")),
            openai_batch_id=_batch_of(event),
        )


def _batch_of(event: object) -> str | None:
    """The batch that has ended; the SDK builds events without validating them, so anything may be missing."""
    name = getattr(getattr(event, "data", None), "id", None) if isinstance(event, _OF_BATCHES) else None
    return name if isinstance(name, str) and name else None
