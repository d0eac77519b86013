"""Puts the ASGI application together."""

from __future__ import annotations

from contextlib import suppress

from starlette.applications import Starlette

from batchgen.api.background import BackgroundWork
from batchgen.api.health import health_route
from batchgen.api.webhooks.batch_events import BatchEvents
from batchgen.api.webhooks.endpoint import webhook_route
from batchgen.errors import AccessDenied, BucketMissing, Unavailable
from batchgen.services import Services
from batchgen.storage.batch_ids import BatchIdManager


def build_app(services: Services, background: BackgroundWork) -> Starlette:
    """All endpoints on open services; work that outlasts its request goes to `background`. Raises MissingSetting."""
    events = BatchEvents(ids=services.ids, api=services.api, checker=services.checker, handler=services.handler)
    return Starlette(
        routes=[
            health_route({"Redis": lambda: _check_redis(services.ids), "S3": services.uploads.check}),
            webhook_route(services.webhooks, events, background),
        ]
    )


def _check_redis(ids: BatchIdManager) -> None:
    """Raise unless Redis answers and is the one that this process knows: after `batchgen recover` start it anew."""
    ids.ping()
    with suppress(AccessDenied, BucketMissing, Unavailable):  # S3 may be asked here, and has a check of its own
        ids.check_epoch()
