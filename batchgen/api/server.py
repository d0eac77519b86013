"""Runs the application on a socket that is bound before anything is promised."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from batchgen.errors import UsageError

DRAIN_S = 10
"""How long requests that are under way at the end may take."""


class _Server(uvicorn.Server):
    """Says when it accepts requests, and leaves the process's signals alone."""

    on_ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ApiServer:
    """One server on a bound socket, not yet running. Raises UsageError when the address cannot be used."""

    def __init__(self, app: ASGIApp, *, host: str, port: int) -> None:
        """Take the application; port 0 takes a free one."""
        self._socket = _bind(host, port)
        self._server = _Server(
            uvicorn.Config(
                app,
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )

    @property
    def url(self) -> str:
        """Where it answers, without a path."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def serve(self, *, ready: Callable[[], None]) -> None:
        """Answer until `exit` is called; `ready` is called once requests are accepted."""
        self._server.on_ready = ready
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._socket.close()

    def exit(self) -> None:
        """End `serve` soon; may be called from another thread or a signal handler."""
        self._server.should_exit = True


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        problem = f"The address {host}, port {port} cannot be used: {error.strerror}."
        raise UsageError(problem, "Give another by --host and --port.") from error
