"""The simulator as a process of its own: an OpenAI-compatible server whose answers cost nothing."""

from pathlib import Path

from batchgen.local import servers
from batchgen.local.http_check import answers_ok
from batchgen.local.ports import HOST
from batchgen.local.servers import ServerPlan

REMEDY = "Set OPENAI_API_KEY, or OPENAI_BASE_URL, to use another server."
API_KEY = "simulated"
_BATCH_SECONDS = 2


def base_url(port: int) -> str:
    return f"http://{HOST}:{port}/v1"


def plan(folder: Path, *, port: int, log: Path | None = None) -> ServerPlan:
    """A simulator that keeps its files and batches in `folder`."""
    module = ("-m", "batchgen.simulator")
    options = ("--host", HOST, "--port", str(port), "--data-dir", str(folder), "--batch-seconds", str(_BATCH_SECONDS))
    return ServerPlan(
        name="The simulator",
        command=lambda: servers.python_command(*module, *options),
        folder=folder,
        log=log or folder / "simulator.log",
        port=port,
        answers=lambda: answers_ok(port, "/v1/models", {"Authorization": f"Bearer {API_KEY}"}),
        remedy=REMEDY,
    )
