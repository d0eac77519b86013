"""The control endpoint under /simulator: settings, faults, counters and the ledger. No key is asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from batchgen.simulator.api_errors import ApiError, ControlError
from batchgen.simulator.engine import BatchEngine
from batchgen.simulator.faults import Fault
from batchgen.simulator.state import SimulatorState

Handler = Callable[[Request], Awaitable[Response]]


def control_routes(state: SimulatorState, engine: BatchEngine) -> list[Route]:
    control = _Control(state, engine)

    def route(path: str, **handlers: Handler) -> list[Route]:
        return [Route(f"/simulator/{path}", _refusing(handler), methods=[name]) for name, handler in handlers.items()]

    return [
        *route("config", GET=control.config, PUT=control.set_config),
        *route("faults", GET=control.faults, POST=control.add_faults, DELETE=control.clear_faults),
        *route("requests", GET=control.requests),
        *route("billing", GET=control.billing),
        *route("billing/duplicates", GET=control.duplicates),
        *route("billing/{id}", GET=control.billed_requests),
        *route("reset", POST=control.reset),
    ]


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _refusing(handler: Handler) -> Handler:
    """Bad input becomes HTTP 400 with a message that says what is wrong."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except (ValueError, TypeError) as error:
            return _json({"error": {"message": str(error)}}, 400)
        except ApiError as error:
            return _json(error.body(), error.status)

    return answered


class _Control:
    def __init__(self, state: SimulatorState, engine: BatchEngine) -> None:
        self._state = state
        self._engine = engine

    async def config(self, _request: Request) -> Response:
        return _json(self._state.config.public())

    async def set_config(self, request: Request) -> Response:
        changes = orjson.loads(await request.body())
        if not isinstance(changes, dict):
            raise ControlError("The settings are a JSON object.")
        self._state.config = self._state.config.updated(changes)
        return await self.config(request)

    async def faults(self, _request: Request) -> Response:
        return _json({"faults": self._state.faults.public()})

    async def add_faults(self, request: Request) -> Response:
        given = orjson.loads(await request.body())
        self._state.faults.add([Fault.parse(item) for item in (given if isinstance(given, list) else [given])])
        return await self.faults(request)

    async def clear_faults(self, request: Request) -> Response:
        self._state.faults.clear()
        return await self.faults(request)

    async def requests(self, _request: Request) -> Response:
        return _json({"operations": self._state.traffic.public()})

    async def billing(self, _request: Request) -> Response:
        return _json(self._state.billing.totals(self._state.batches.oldest_first()))

    async def duplicates(self, request: Request) -> Response:
        by = request.query_params.get("by", "custom_id")
        if by not in {"custom_id", "request"}:
            raise ControlError("'by' is 'custom_id' or 'request'.")
        records = self._state.batches.oldest_first()
        found = await asyncio.to_thread(self._state.billing.duplicates, records, same_request=by == "request")
        return _json({"count": len(found), "duplicates": found})

    async def billed_requests(self, request: Request) -> Response:
        """One JSON line a request, streamed."""
        record = self._state.batches.get(request.path_params["id"])
        lines = (orjson.dumps(item) + b"\n" for item in self._state.billing.requests(record.id))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def reset(self, _request: Request) -> Response:
        await asyncio.to_thread(self._reset)
        return _json({"reset": True})

    def _reset(self) -> None:
        self._engine.clear()
        self._state.clear()
