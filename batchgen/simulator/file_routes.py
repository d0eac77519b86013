"""The routes under /v1/files."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from batchgen.simulator.api_errors import ApiError
from batchgen.simulator.batch_routes import about_batch
from batchgen.simulator.connections import Connections
from batchgen.simulator.downloads import Download, Truncation
from batchgen.simulator.faults import Fault, Subject
from batchgen.simulator.gateway import Gateway, json_response, page_limit, page_response
from batchgen.simulator.state import SimulatorState
from batchgen.simulator.uploads import receive

USUAL_PAGE, LARGEST_PAGE = 10_000, 10_000


class FileRoutes:
    def __init__(self, state: SimulatorState, gateway: Gateway, connections: Connections) -> None:
        self._state = state
        self._gateway = gateway
        self._connections = connections

    def routes(self) -> list[Route]:
        route = self._gateway.route
        return [
            route("/v1/files", "POST", "files.create", self._create),
            route("/v1/files", "GET", "files.list", self._list),
            route("/v1/files/{id}", "GET", "files.retrieve", self._retrieve),
            route("/v1/files/{id}", "DELETE", "files.delete", self._delete),
            route("/v1/files/{id}/content", "GET", "files.content", self._content),
        ]

    async def _create(self, operation: str, request: Request) -> ASGIApp:
        part = self._state.files.new_upload()
        try:
            upload = await receive(request.headers.get("content-type", ""), request.stream(), part)
            purpose = upload.fields.get("purpose")
            if upload.filename is None or not purpose:
                name = "file" if upload.filename is None else "purpose"
                raise ApiError(400, f"'{name}' is a required property", param=name)
            filename = upload.filename

            async def effect() -> ASGIApp:
                return json_response(self._state.files.add(part, filename=filename, purpose=purpose).public())

            return await self._gateway.with_faults(operation, Subject(file="input"), effect)
        finally:
            part.unlink(missing_ok=True)

    async def _list(self, operation: str, request: Request) -> ASGIApp:
        async def effect() -> ASGIApp:
            query = request.query_params
            files = self._state.files.newest_first()
            if query.get("order", "desc") == "asc":
                files.reverse()
            purpose = query.get("purpose")
            shown = [item.public() for item in files if purpose in (None, item.purpose)]
            after = query.get("after")
            if after is not None:
                place = next((index for index, item in enumerate(shown) if item["id"] == after), None)
                shown = shown[place + 1 :] if place is not None else []
            limit = page_limit(request, USUAL_PAGE, LARGEST_PAGE)
            return page_response(shown[:limit], more=len(shown) > limit)

        return await self._gateway.with_faults(operation, Subject(), effect)

    async def _retrieve(self, operation: str, request: Request) -> ASGIApp:
        async def effect() -> ASGIApp:
            return json_response(self._state.files.get(request.path_params["id"]).public())

        return await self._gateway.with_faults(operation, self._about(request.path_params["id"]), effect)

    async def _delete(self, operation: str, request: Request) -> ASGIApp:
        file_id = request.path_params["id"]

        async def effect() -> ASGIApp:
            self._state.files.delete(file_id)
            return json_response({"id": file_id, "object": "file", "deleted": True})

        return await self._gateway.with_faults(operation, self._about(file_id), effect)

    async def _content(self, operation: str, request: Request) -> ASGIApp:
        file_id = request.path_params["id"]
        stored = self._state.files.get(file_id)
        path, subject = self._state.files.path(stored.id), self._about(file_id)

        async def effect() -> ASGIApp:
            return Download(path, self._connections)

        def damaged(fault: Fault) -> ASGIApp:
            if fault.kind == "empty":
                return Response(b"", media_type="application/octet-stream")
            return Download(path, self._connections, Truncation(**fault.options))

        return await self._gateway.with_faults(operation, subject, effect, damaged)

    def _about(self, file_id: str) -> Subject:
        """A file is matched by the batch that wrote it, too."""
        stored = self._state.files.find(file_id)
        if stored is None:
            return Subject()
        return about_batch(self._state.batches.find(stored.batch_id), file=stored.role)
