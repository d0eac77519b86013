"""`python -m flows generate|review`: runs one flow, its parameters given as one JSON object on stdin."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import orjson

from batchgen.errors import BatchgenError, UsageError
from flows.job import job_flow
from flows.review import review

FLOWS: dict[str, Callable[..., Any]] = {"generate": job_flow, "review": review}


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
        FLOWS[arguments[0]](**parameters())
    except BatchgenError as error:
        sys.stderr.write(f"batchgen: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
