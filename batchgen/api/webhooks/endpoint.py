"""`POST /webhooks/openai`: verifies an event, answers at once, and leaves the work to threads.

OpenAI expects an answer within seconds, and repeats an event that gets none, or no 2xx, for three days.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from structlog.stdlib import get_logger

from batchgen.api.background import BackgroundWork
from batchgen.api.webhooks.batch_events import BatchEvents
from batchgen.errors import WebhookRefused
from batchgen.openai_client.webhooks import WebhookReader

log = get_logger(__name__)

PATH = "/webhooks/openai"
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Taken, or nothing to do."},
    400: {"description": "Not signed by OpenAI, or more than five minutes old."},
    413: {"description": "Too large."},
    503: {"description": "Too much is waiting; come again."},
}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


def webhook_routes(reader: WebhookReader, events: BatchEvents, background: BackgroundWork) -> APIRouter:
    """200: taken, or nothing to do; 400: not OpenAI's; 413: too large; 503: the queue is full, come again."""
    router = APIRouter(tags=["webhooks"])

    @router.post(PATH, response_class=Response, responses=_RESPONSES, openapi_extra=_BODY)
    async def receive(request: Request) -> Response:
        """An event of OpenAI's, signed as Standard Webhooks says."""
        try:
            event = reader.read(await request.body(), request.headers)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except WebhookRefused as refused:
            log.warning("webhook_refused", problem=str(refused))
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        if event.openai_batch_id is None:
            log.debug("webhook_ignored", event_id=event.id, event_type=event.type)
            return Response()
        if not background.offer(partial(events.follow_up, event.openai_batch_id)):
            log.warning("webhook_put_off", event_id=event.id, openai_batch_id=event.openai_batch_id)
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        log.info("webhook_taken", event_id=event.id, event_type=event.type, openai_batch_id=event.openai_batch_id)
        return Response()

    return router
