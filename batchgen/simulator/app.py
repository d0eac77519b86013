"""Puts the ASGI application together."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batchgen.simulator.answer_routes import AnswerRoutes
from batchgen.simulator.api_errors import ApiError
from batchgen.simulator.batch_routes import BatchRoutes
from batchgen.simulator.connections import Connections
from batchgen.simulator.control import control_routes
from batchgen.simulator.engine import BatchEngine
from batchgen.simulator.file_routes import FileRoutes
from batchgen.simulator.gateway import Gateway, refusal
from batchgen.simulator.state import SimulatorState


def build_app(state: SimulatorState, engine: BatchEngine, connections: Connections) -> Starlette:
    """The simulator on ``state``; batches that are made go to ``engine``."""
    gateway = Gateway(state, connections)
    return Starlette(
        routes=[
            *FileRoutes(state, gateway, connections).routes(),
            *BatchRoutes(state, gateway, engine).routes(),
            *AnswerRoutes(state, gateway).routes(),
            *control_routes(state, engine),
            Route("/{path:path}", _nowhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]
    )


async def _nowhere(request: Request) -> Response:
    return refusal(ApiError(404, f"Invalid URL ({request.method} {request.url.path})"))
