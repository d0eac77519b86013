"""Runs the simulator: in a thread for tests, in the foreground for the command line."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import uvicorn

from batchgen.simulator.answers import AnswerScript
from batchgen.simulator.app import build_app
from batchgen.simulator.config import SimulatorConfig
from batchgen.simulator.connections import Connections
from batchgen.simulator.control_client import SimulatorControl
from batchgen.simulator.data_directory import DataDirectory
from batchgen.simulator.engine import BatchEngine
from batchgen.simulator.state import SimulatorState


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


class Simulator:
    """One simulator on a bound socket, not yet running. Raises OSError when address or directory are taken."""

    def __init__(
        self, data_dir: Path, config: SimulatorConfig, script: AnswerScript | None, *, host: str, port: int
    ) -> None:
        self._directory = DataDirectory(data_dir)
        try:
            self._socket = _bind(host, port)
        except OSError:
            self._directory.release()
            raise
        self.host, self.port = self._socket.getsockname()[:2]
        self.state = SimulatorState(data_dir, config, script)
        self.engine = BatchEngine(self.state)
        connections = Connections()
        self.server = _Server(
            uvicorn.Config(
                build_app(self.state, self.engine, connections),
                http=connections.protocol(),
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=1,
                timeout_keep_alive=75,
            )
        )

    @property
    def base_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"

    async def serve(self, *, ready: Callable[[], None]) -> None:
        """Until the server is told to exit; ``ready`` is called once it accepts requests."""
        self.server.on_ready = ready
        self.engine.start()
        try:
            await self.server.serve(sockets=[self._socket])
        finally:
            self.engine.stop()
            self._socket.close()
            self._directory.release()

    def exit(self) -> None:
        """Ends ``serve`` soon; may be called from another thread or a signal handler."""
        self.server.should_exit = True


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off only for sockets that name their protocol: else each answer takes 40 ms more
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class SimulatorServer:
    """A simulator in a thread of this process, used in ``with``.

    ``config`` is a ``SimulatorConfig`` or a mapping of its settings. Without ``data_dir`` the state lies in a
    temporary folder that goes with the server.
    """

    def __init__(
        self,
        *,
        data_dir: Path | str | None = None,
        script: AnswerScript | None = None,
        config: SimulatorConfig | Mapping[str, Any] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._data_dir = data_dir
        self._config = config if isinstance(config, SimulatorConfig) else SimulatorConfig().updated(config or {})
        self._script = script
        self._host, self._port = host, port
        self._resources = ExitStack()
        self._started = threading.Event()
        self._simulator: Simulator | None = None

    @property
    def base_url(self) -> str:
        """Ends in /v1, ready for ``OpenAI(base_url=…)``."""
        return self._running().base_url

    @property
    def control(self) -> SimulatorControl:
        return SimulatorControl(self.base_url)

    def start(self) -> Self:
        """Raises OSError when the address or the data directory is in use."""
        with ExitStack() as resources:
            folder = self._data_dir or resources.enter_context(TemporaryDirectory(prefix="simulator-"))
            simulator = Simulator(Path(folder), self._config, self._script, host=self._host, port=self._port)
            self._simulator = simulator
            thread = threading.Thread(target=self._serve, args=(simulator,), name="simulator", daemon=True)
            thread.start()
            resources.callback(thread.join)
            resources.callback(simulator.exit)
            self._started.wait()
            if not simulator.server.started:
                raise RuntimeError("The simulator did not start; its thread has printed why.")
            self._resources = resources.pop_all()
        return self

    def stop(self) -> None:
        """Ends the server; batches that are not finished go on when it is started on the same directory again."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> Simulator:
        if self._simulator is None:
            raise RuntimeError("The simulator is not started; use it in 'with'.")
        return self._simulator

    def _serve(self, simulator: Simulator) -> None:
        try:
            asyncio.run(simulator.serve(ready=self._started.set))
        finally:
            self._started.set()
