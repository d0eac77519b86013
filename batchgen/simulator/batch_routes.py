"""The routes under /v1/batches."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from batchgen.simulator.api_errors import ApiError
from batchgen.simulator.batch_records import BatchRecord, check_create
from batchgen.simulator.engine import BatchEngine
from batchgen.simulator.faults import Subject
from batchgen.simulator.files import StoredFile
from batchgen.simulator.gateway import Gateway, json_object, json_response, page_limit, page_response
from batchgen.simulator.state import SimulatorState
from batchgen.simulator.validation import batch_error

LONGEST_FIRST_LINE = 1_048_576
USUAL_PAGE, LARGEST_PAGE = 20, 100


class BatchRoutes:
    def __init__(self, state: SimulatorState, gateway: Gateway, engine: BatchEngine) -> None:
        self._state = state
        self._gateway = gateway
        self._engine = engine

    def routes(self) -> list[Route]:
        route = self._gateway.route
        return [
            route("/v1/batches", "POST", "batches.create", self._create),
            route("/v1/batches", "GET", "batches.list", self._list),
            route("/v1/batches/{id}", "GET", "batches.retrieve", self._retrieve),
            route("/v1/batches/{id}/cancel", "POST", "batches.cancel", self._cancel),
        ]

    async def _create(self, operation: str, request: Request) -> ASGIApp:
        params = await json_object(request)
        stored = self._state.files.find(str(params.get("input_file_id")))
        model = None if stored is None else _first_model(self._state, stored)
        metadata = params.get("metadata")
        subject = Subject(
            model, metadata if isinstance(metadata, dict) else {}, endpoint=str(params.get("endpoint")), file="input"
        )

        async def effect() -> ASGIApp:
            check_create(params)
            if stored is None:
                raise ApiError(400, f"No such File object: {params['input_file_id']}", param="input_file_id")
            if stored.purpose != "batch":
                text = f"Invalid file purpose: '{stored.purpose}'. The input file must have purpose 'batch'."
                raise ApiError(400, text, param="input_file_id")
            return json_response(self._new_batch(params, stored, model, subject).public())

        return await self._gateway.with_faults(operation, subject, effect)

    def _new_batch(
        self, params: dict[str, Any], stored: StoredFile, model: str | None, subject: Subject
    ) -> BatchRecord:
        state = self._state
        tokens = stored.bytes // 4
        limit = state.config.enqueued_tokens.get(model or "")
        if (
            limit is not None
            and state.config.over_limit == "429"
            and state.batches.unfinished_tokens(model or "") + tokens > limit
        ):
            text = batch_error("token_limit_exceeded", model, limit)["message"]
            raise ApiError(429, text, kind="tokens", code="token_limit_exceeded")
        faults = [{"kind": fault.kind, **fault.options} for fault in state.faults.draw_all("batches.run", subject)]
        hidden = next((item.get("seconds", 30.0) for item in faults if item["kind"] == "hide"), 0.0)
        record = state.batches.create(
            state.files.path(stored.id),
            window_seconds=state.config.window_seconds,
            hidden_seconds=max(hidden, state.config.list_lag_seconds),
            endpoint=params["endpoint"],
            input_file_id=stored.id,
            metadata=params.get("metadata"),
            model=model,
            enqueued_tokens=tokens,
            faults=faults,
        )
        self._engine.submit(record)
        return record

    async def _list(self, operation: str, request: Request) -> ASGIApp:
        async def effect() -> ASGIApp:
            limit = page_limit(request, USUAL_PAGE, LARGEST_PAGE)
            shown, more = self._state.batches.page(after=request.query_params.get("after"), limit=limit)
            return page_response(shown, more=more)

        return await self._gateway.with_faults(operation, Subject(), effect)

    async def _retrieve(self, operation: str, request: Request) -> ASGIApp:
        async def effect() -> ASGIApp:
            return json_response(self._state.batches.get(request.path_params["id"]).public())

        record = self._state.batches.find(request.path_params["id"])
        return await self._gateway.with_faults(operation, about_batch(record), effect)

    async def _cancel(self, operation: str, request: Request) -> ASGIApp:
        async def effect() -> ASGIApp:
            record = self._state.batches.get(request.path_params["id"])
            self._engine.cancel(record)
            return json_response(record.public())

        record = self._state.batches.find(request.path_params["id"])
        return await self._gateway.with_faults(operation, about_batch(record), effect)


def about_batch(record: BatchRecord | None, file: str = "input") -> Subject:
    """What faults are matched against; ``file`` is the role of the file that is asked for."""
    if record is None:
        return Subject(file=file)
    return Subject(record.model, record.metadata or {}, None, record.endpoint, file)


def _first_model(state: SimulatorState, stored: StoredFile) -> str | None:
    """The model of the first line: all a fault or a token limit can know before validation."""
    with state.files.path(stored.id).open("rb") as opened:
        raw = opened.readline(LONGEST_FIRST_LINE)
    try:
        model = orjson.loads(raw)["body"]["model"]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return None
    return model if isinstance(model, str) else None
