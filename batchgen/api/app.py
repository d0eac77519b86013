"""Puts the ASGI application together."""

from __future__ import annotations

from starlette.applications import Starlette

from batchgen.api.background import BackgroundWork
from batchgen.api.health import health_route
from batchgen.api.webhooks.batch_events import BatchEvents
from batchgen.api.webhooks.endpoint import webhook_route
from batchgen.services import Services


def build_app(services: Services, background: BackgroundWork) -> Starlette:
    """All endpoints on open services; work that outlasts its request goes to `background`. Raises MissingSetting."""
    events = BatchEvents(ids=services.ids, api=services.api, checker=services.checker, handler=services.handler)
    return Starlette(
        routes=[
            health_route({"Redis": services.ids.check_epoch, "S3": services.uploads.check}),
            webhook_route(services.webhooks, events, background),
        ]
    )
