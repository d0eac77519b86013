"""Run, not imported: renders the template on its stdin within bounds, and says on its stdout what came of it."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from typing import Any

import orjson

from batchgen.row_template import CannotRender, RowTemplate

_CPU_S = 2
"""For all prompts; a usual one takes less than a millisecond."""
_MEMORY = 1 << 30


def _bound() -> None:
    until = int(time.process_time()) + _CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (until, until))
    with contextlib.suppress(ValueError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _rendered(asked: dict[str, Any]) -> dict[str, Any]:
    try:
        template = RowTemplate(asked["template"])
        return {"prompts": [template.render(row) for row in asked["rows"]]}
    except CannotRender as problem:
        return {"problem": str(problem)}


if __name__ == "__main__":
    _bound()
    sys.stdout.buffer.write(orjson.dumps(_rendered(orjson.loads(sys.stdin.buffer.read()))))
