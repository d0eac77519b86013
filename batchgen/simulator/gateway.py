"""What every OpenAI-compatible route goes through: key, faults, errors and counters."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from batchgen.simulator.api_errors import ApiError, kind_of_status
from batchgen.simulator.connections import Connections, Cut
from batchgen.simulator.faults import Fault, Subject
from batchgen.simulator.state import SimulatorState

Effect = Callable[[], Awaitable[ASGIApp]]
Handler = Callable[[str, Request], Awaitable[ASGIApp]]


class Gateway:
    """Makes a route of a handler, and lets a handler's effect meet its faults."""

    def __init__(self, state: SimulatorState, connections: Connections) -> None:
        self._state = state
        self._connections = connections

    def route(self, path: str, method: str, operation: str, handler: Handler) -> Route:
        return Route(path, partial(self._answered, operation, handler), methods=[method])

    async def _answered(self, operation: str, handler: Handler, request: Request) -> ASGIApp:
        try:
            self._check_key(request)
            response = await handler(operation, request)
        except ApiError as error:
            response = refusal(error)
        except ClientDisconnect:  # in the middle of an upload
            response = Cut(self._connections)
        status = "dropped" if isinstance(response, Cut) else str(getattr(response, "status_code", 200))
        self._state.traffic.count(operation, status)
        return response

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            text = (
                "You didn't provide an API key. You need to provide your API key in an Authorization header using "
                "Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
            )
            raise ApiError(401, text)
        config = self._state.config
        wanted = config.api_key
        if wanted is not None and hmac.compare_digest(key.encode(), wanted.encode()):
            return
        if wanted is not None or key.startswith(config.rejected_key_prefixes):
            text = (
                f"Incorrect API key provided: {key[:3]}***. "
                "You can find your API key at https://platform.openai.com/account/api-keys."
            )
            raise ApiError(401, text, code="invalid_api_key")

    async def with_faults(
        self, operation: str, subject: Subject, effect: Effect, damaged: Callable[[Fault], ASGIApp] | None = None
    ) -> ASGIApp:
        """Run ``effect`` unless a fault comes before it, and answer with what it made unless one comes after it.

        ``damaged`` answers the faults that only this operation knows.
        """
        fault = self._state.faults.draw(operation, subject)
        if fault is None:
            return await effect()
        if fault.kind == "error":
            raise _planned_error(fault)
        if fault.kind == "drop_request":
            return Cut(self._connections)
        if fault.kind == "drop_answer":
            await effect()
            await asyncio.sleep(fault.options.get("seconds", 0.0))
            return Cut(self._connections)
        if fault.kind == "other_answer":
            await effect()
            return _other_answer(fault)
        if fault.kind == "delay":
            await asyncio.sleep(fault.options.get("seconds", 1.0))
            return await effect()
        if damaged is None:
            raise AssertionError(fault.kind)
        return damaged(fault)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, "application/json")


def refusal(error: ApiError) -> Response:
    headers = {} if error.retry_after is None else {"retry-after": f"{error.retry_after:g}"}
    return json_response(error.body(), error.status, headers)


def page_response(shown: list[dict[str, Any]], *, more: bool) -> Response:
    ids = {"first_id": shown[0]["id"] if shown else None, "last_id": shown[-1]["id"] if shown else None}
    return json_response({"object": "list", "data": shown, **ids, "has_more": more})


def page_limit(request: Request, default: int, largest: int) -> int:
    text = request.query_params.get("limit", str(default))
    if not text.isdecimal() or not 1 <= int(text) <= largest:
        raise ApiError(400, f"Invalid 'limit': expected an integer from 1 to {largest}.", param="limit")
    return int(text)


async def json_object(request: Request) -> dict[str, Any]:
    try:
        value = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise ApiError(400, "We could not parse the JSON body of your request.") from error
    if not isinstance(value, dict):
        raise ApiError(400, "The JSON body of your request must be an object.")
    return value


def _other_answer(fault: Fault) -> Response:
    body = fault.options.get("body", "<html><body>A page of a proxy.</body></html>")
    return Response(body, media_type=fault.options.get("content_type", "text/html"))


def _planned_error(fault: Fault) -> ApiError:
    status = fault.options.get("status", 500)
    return ApiError(
        status,
        fault.options.get("message", f"The simulator was told to answer {status}."),
        kind=kind_of_status(status),
        code=fault.options.get("code"),
        retry_after=fault.options.get("retry_after"),
    )
