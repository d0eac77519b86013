"""Makes the prompts of a drafted template in a process of its own: a model wrote it, and it may never end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import orjson

from batchgen.data_types.tabular import RowProblem

_PROCESS = "batchgen.assistant.template_process"
_PATIENCE_S = 60
"""For the process, which bounds itself, however busy the machine is."""


def try_template(template: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the prompt of each row; raises RowProblem for the first that cannot be made, or takes too much."""
    try:
        ran = subprocess.run(
            [sys.executable, "-P", "-m", _PROCESS],
            input=orjson.dumps({"template": template, "rows": rows}),
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise RowProblem("making the prompts does not end") from late
    if ran.returncode:
        raise RowProblem("making the prompts does not end, or takes too much memory")
    made = orjson.loads(ran.stdout)
    if "problem" in made:
        raise RowProblem(made["problem"])
    prompts: list[str] = made["prompts"]
    return prompts
