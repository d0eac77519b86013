"""A Prefect worker that runs the deployed flows on this machine, each run as a process of its own."""

from pathlib import Path

from batchgen.local import servers
from batchgen.local.http_check import answers_ok
from batchgen.local.ports import HOST
from batchgen.local.servers import ServerPlan

POOL = "batchgen"
REMEDY = "Start one by hand: prefect worker start --pool batchgen."
_QUERY_SECONDS = 1
"""How often it asks for runs; Prefect's own default, 10 s, is what a person at the UI waits for."""


def plan(folder: Path, *, port: int, log: Path | None = None) -> ServerPlan:
    """A worker of the pool; where Prefect and everything else is, its environment must say."""
    # No --limit: with it, workers of Prefect 3.8.8 end when they are given a run a second time.
    pool = ("--pool", POOL, "--type", "process", "--install-policy", "never")
    return ServerPlan(
        name="The worker",
        command=lambda: servers.python_command("-m", "prefect", "worker", "start", *pool, "--with-healthcheck"),
        folder=folder,
        log=log or folder / "worker.log",
        port=port,
        environment={
            "PREFECT_WORKER_WEBSERVER_HOST": HOST,
            "PREFECT_WORKER_WEBSERVER_PORT": str(port),
            "PREFECT_WORKER_QUERY_SECONDS": str(_QUERY_SECONDS),
            "PREFECT_CLI_COLORS": "false",
            "DO_NOT_TRACK": "1",
        },
        answers=lambda: answers_ok(port, "/health"),
        remedy=REMEDY,
        stop_within_s=5.0,
    )
