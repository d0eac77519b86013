"""Whether the process answers, whether what it needs is there, and its figures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from fastapi import APIRouter, Response
from pydantic import BaseModel

from batchgen.api.metrics import CONTENT_TYPE
from batchgen.errors import BatchgenError

PATIENCE_S = 5.0
"""What has not answered by then counts as away."""
_UNAVAILABLE = 503


class Health(BaseModel):
    """What is there; `away` names the services that are not."""

    ok: bool
    away: list[str]


def health_routes(checks: Mapping[str, Callable[[], None]], metrics: Callable[[], bytes]) -> APIRouter:
    """Three endpoints without a key; `checks` return where a service, by its name, is there."""
    router = APIRouter(tags=["operation"])

    @router.get("/health")
    async def health() -> Health:
        """Whether this process answers."""
        return Health(ok=True, away=[])

    @router.get("/ready", responses={_UNAVAILABLE: {"model": Health, "description": "A service is away."}})
    async def ready(response: Response) -> Health:
        """Whether all services answer that requests need."""
        answers = await asyncio.gather(*map(_answers, checks.values()))
        away = [name for name, there in zip(checks, answers, strict=True) if not there]
        response.status_code = _UNAVAILABLE if away else 200
        return Health(ok=not away, away=away)

    @router.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE: {}}}})
    async def figures() -> Response:
        """Requests and batches, for Prometheus."""
        return Response(await asyncio.to_thread(metrics), media_type=CONTENT_TYPE)

    return router


async def _answers(check: Callable[[], None]) -> bool:
    try:
        await asyncio.wait_for(asyncio.to_thread(check), PATIENCE_S)
    except (BatchgenError, TimeoutError):
        return False
    return True
