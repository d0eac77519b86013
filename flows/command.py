"""`python -m flows.<name>`: runs a flow with parameters given as one JSON object on stdin."""

from __future__ import annotations

import sys
from typing import Any

import orjson

from batchgen.errors import UsageError


def parameters_from_stdin() -> dict[str, Any]:
    """The parameters; raises UsageError unless stdin holds one JSON object."""
    try:
        parameters = orjson.loads(sys.stdin.buffer.read())
    except orjson.JSONDecodeError as error:
        raise UsageError(f"stdin is not JSON: {error}.", "Give the flow's parameters as one JSON object.") from error
    if not isinstance(parameters, dict):
        raise UsageError("stdin is not a JSON object.", "Give the flow's parameters as one JSON object.")
    return parameters
