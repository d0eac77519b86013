"""`POST /webhooks/openai`: verifies an event, answers at once, and leaves the work to threads.

OpenAI expects an answer within seconds, and repeats an event that gets none, or no 2xx, for three days.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.stdlib import get_logger

from batchgen.api.background import BackgroundWork
from batchgen.api.bodies import read_body
from batchgen.api.webhooks.batch_events import BatchEvents
from batchgen.errors import WebhookRefused
from batchgen.openai_client.webhooks import WebhookReader

log = get_logger(__name__)

PATH = "/webhooks/openai"


def webhook_route(reader: WebhookReader, events: BatchEvents, background: BackgroundWork) -> Route:
    """200: taken, or nothing to do; 400: not OpenAI's; 413: too large; 503: the queue is full, come again."""

    async def receive(request: Request) -> Response:
        body = await read_body(request)
        try:
            event = reader.read(body, request.headers)
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

    return Route(PATH, receive, methods=["POST"])
