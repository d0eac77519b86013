"""`GET /health`: whether what every other endpoint needs is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from batchgen.errors import BatchgenError

PATIENCE_S = 5.0
"""What has not answered by then counts as away."""
_UNAVAILABLE = 503


def health_route(checks: Mapping[str, Callable[[], None]]) -> Route:
    """200 when every check (by the name of its service) returns, else 503 with the names of those that do not."""

    async def health(_: Request) -> JSONResponse:
        answers = await asyncio.gather(*map(_answers, checks.values()))
        away = [name for name, there in zip(checks, answers, strict=True) if not there]
        return JSONResponse({"ok": not away, "away": away}, _UNAVAILABLE if away else 200)

    return Route("/health", health, methods=["GET"])


async def _answers(check: Callable[[], None]) -> bool:
    try:
        await asyncio.wait_for(asyncio.to_thread(check), PATIENCE_S)
    except (BatchgenError, TimeoutError):
        return False
    return True
