"""`python -m flows generate|submit|review|register|pool`: what the command line has done where Prefect is at home.

The parameters are one JSON object on stdin. The connections are those of the environment, as the command settled them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import httpx
import orjson
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL

from batchgen.errors import BatchgenError, InputError, Unreachable, UsageError
from batchgen.settings import Settings
from flows.blocks import register
from flows.job import job_flow
from flows.pool import ensure_pool
from flows.review import review
from flows.run import connections_of
from flows.submit import submit


def register_blocks(*, keep: bool = False) -> None:
    """Fill the blocks from the environment and print what became of them as JSON. Raises UsageError, Unreachable."""
    try:
        done = register(Settings.load(), keep=keep)
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        raise UsageError(
            f"Prefect answered {status} for a block.",
            "Check its key or auth string; after 500, whether its encryption key was changed (see its log).",
        ) from error
    except httpx.HTTPError as error:
        address = str(PREFECT_API_URL.value() or "")
        raise Unreachable("Prefect", f"{address}: {type(error).__name__}", "PREFECT_API_URL") from error
    sys.stdout.buffer.write(orjson.dumps(done))


FLOWS: dict[str, Callable[..., Any]] = {
    "generate": job_flow,
    "submit": submit,
    "review": review,
    "register": register_blocks,
    "pool": ensure_pool,
}


def parameters() -> dict[str, Any]:
    """The parameters on stdin; raises UsageError unless it holds one JSON object."""
    try:
        given = orjson.loads(sys.stdin.buffer.read())
    except orjson.JSONDecodeError as error:
        raise UsageError(f"stdin is not JSON: {error}.", "Give the flow's parameters as one JSON object.") from error
    if not isinstance(given, dict):
        raise UsageError("stdin is not a JSON object.", "Give the flow's parameters as one JSON object.")
    return given


def main(arguments: list[str]) -> int:
    """Run the named flow; returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in FLOWS:
        sys.stderr.write(f"usage: python -m flows {'|'.join(FLOWS)} < parameters.json\n")
        return 2
    try:
        with connections_of(Settings.load()):
            FLOWS[arguments[0]](**parameters())
    except BatchgenError as error:
        sys.stderr.write(f"batchgen: {error}\n")
        return 2 if isinstance(error, InputError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
