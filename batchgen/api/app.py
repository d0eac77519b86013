"""Puts the ASGI application together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import FastAPI
from limits import parse
from starlette.types import ASGIApp

from batchgen.api.background import BackgroundWork
from batchgen.api.bodies import BoundedBodies
from batchgen.api.callers import Callers
from batchgen.api.gen_ai.routes import gen_ai_routes
from batchgen.api.health import health_routes
from batchgen.api.metrics import CountedRequests, Metrics
from batchgen.api.problems import add_problem_handlers
from batchgen.api.webhooks.batch_events import BatchEvents
from batchgen.api.webhooks.endpoint import webhook_routes
from batchgen.errors import AccessDenied, BucketMissing, Unavailable
from batchgen.openai_client.manager import OpenAIClientManager
from batchgen.services import Services
from batchgen.storage.batch_ids import BatchIdManager


def build_app(services: Services, background: BackgroundWork) -> ASGIApp:
    """All endpoints on open services; work that outlasts its request goes to `background`. Raises MissingSetting.

    The webhook is there when its secret is.
    """
    settings = services.settings
    metrics = Metrics(lambda: {status.value: count for status, count in services.ids.counts().items()})
    callers = Callers(settings.keys_of_api(), parse(settings.api_rate))
    # Its pages of documentation would fetch scripts from elsewhere; the document itself is at /openapi.json.
    app = FastAPI(
        title="batchgen",
        version=version("batchgen"),
        docs_url=None,
        redoc_url=None,
        lifespan=lambda _: _with_loop_of(services.openai),
    )
    add_problem_handlers(app)
    checks = {"Redis": lambda: _check_redis(services.ids), "S3": services.uploads.check}
    app.include_router(health_routes(checks, metrics.text))
    app.include_router(gen_ai_routes(services.assistant, callers.dependencies()))
    if settings.openai_webhook_secret is not None:
        events = BatchEvents(ids=services.ids, api=services.api, checker=services.checker, handler=services.handler)
        app.include_router(webhook_routes(services.webhooks, events, background))
    return CountedRequests(BoundedBodies(app), metrics)


@asynccontextmanager
async def _with_loop_of(manager: OpenAIClientManager) -> AsyncIterator[None]:
    yield
    await manager.leave_loop()


def _check_redis(ids: BatchIdManager) -> None:
    """Raise unless Redis answers and is the one that this process knows: after `batchgen recover` start it anew."""
    ids.ping()
    with suppress(AccessDenied, BucketMissing, Unavailable):  # S3 may be asked here, and has a check of its own
        ids.check_epoch()
