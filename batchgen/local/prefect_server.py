"""A Prefect server with a home and a SQLite database of its own.

Its first start creates the database, which takes most of the whole stack's start; later ones find it.
"""

from pathlib import Path

from batchgen.local import servers
from batchgen.local.http_check import answers_ok
from batchgen.local.ports import HOST
from batchgen.local.servers import ServerPlan

REMEDY = "Set PREFECT_API_URL to a Prefect server of your own."
_DATABASE = "prefect.db"


def ui_url(port: int) -> str:
    return f"http://{HOST}:{port}"


def api_url(port: int) -> str:
    return f"{ui_url(port)}/api"


def has_database(folder: Path) -> bool:
    return (folder / _DATABASE).exists()


def plan(folder: Path, *, port: int, log: Path | None = None) -> ServerPlan:
    """A server whose PREFECT_HOME is `folder`."""
    return ServerPlan(
        name="Prefect",
        command=lambda: servers.python_command(
            "-m", "batchgen.local.prefect_on_sqlite", "server", "start", "--host", HOST, "--port", str(port)
        ),
        folder=folder,
        log=log or folder / "server.log",
        port=port,
        environment={
            "PREFECT_HOME": str(folder),
            "PREFECT_API_URL": api_url(port),  # without it the UI asks port 4200
            "PREFECT_UI_STATIC_DIRECTORY": str(folder / "ui"),  # by default it writes into the installed package
            # Other web pages in a browser on this machine must not start flows here.
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{ui_url(port)},http://localhost:{port}",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_CLI_COLORS": "false",
            "DO_NOT_TRACK": "1",
        },
        answers=lambda: answers_ok(port, "/api/health"),
        remedy=REMEDY,
        start_within_s=180,  # the first start alone takes 20 s of CPU
    )
