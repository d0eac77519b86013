"""The routes for single requests outside a batch, and for models."""

import asyncio
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from batchgen.simulator.api_errors import ApiError
from batchgen.simulator.asking import ask
from batchgen.simulator.endpoints import build_body
from batchgen.simulator.faults import Subject
from batchgen.simulator.files import new_id
from batchgen.simulator.gateway import Gateway, json_object, json_response
from batchgen.simulator.request_bodies import check_body
from batchgen.simulator.result_files import failure_of
from batchgen.simulator.state import SimulatorState


class AnswerRoutes:
    def __init__(self, state: SimulatorState, gateway: Gateway) -> None:
        self._state = state
        self._gateway = gateway

    def routes(self) -> list[Route]:
        route = self._gateway.route
        return [
            route("/v1/chat/completions", "POST", "chat.completions", self._ask),
            route("/v1/responses", "POST", "responses", self._ask),
            route("/v1/embeddings", "POST", "embeddings", self._ask),
            route("/v1/models", "GET", "models", self._list_models),
            route("/v1/models/{id:path}", "GET", "models", self._retrieve_model),
        ]

    async def _ask(self, operation: str, request: Request) -> ASGIApp:
        endpoint, body = request.url.path, await json_object(request)

        async def effect() -> ASGIApp:
            self._check_model(body)
            check_body(endpoint, body)
            answer = await asyncio.to_thread(ask, self._state, endpoint, body)
            if answer.error_code is not None or answer.status >= HTTPStatus.BAD_REQUEST:
                raise failure_of(answer)
            built = build_body(endpoint, body, answer, new_id(""))
            self._state.billing.bill_sync(built.usage)
            return json_response(built.body)

        model = body.get("model")
        subject = Subject(model if isinstance(model, str) else None, {}, None, endpoint)
        return await self._gateway.with_faults(operation, subject, effect)

    def _check_model(self, body: dict[str, Any]) -> None:
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise ApiError(400, "you must provide a model parameter")
        if model not in self._state.config.models:
            raise _no_model(model)

    async def _list_models(self, operation: str, _request: Request) -> ASGIApp:
        async def effect() -> ASGIApp:
            return json_response({"object": "list", "data": [_model(name) for name in self._state.config.models]})

        return await self._gateway.with_faults(operation, Subject(), effect)

    async def _retrieve_model(self, operation: str, request: Request) -> ASGIApp:
        name = request.path_params["id"]

        async def effect() -> ASGIApp:
            if name not in self._state.config.models:
                raise _no_model(name)
            return json_response(_model(name))

        return await self._gateway.with_faults(operation, Subject(model=name), effect)


def _no_model(name: str) -> ApiError:
    text = f"The model `{name}` does not exist or you do not have access to it."
    return ApiError(404, text, code="model_not_found")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "simulator"}
