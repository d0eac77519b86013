"""The servers of one run: Redis, S3 and the simulator, new and empty, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchgen.local.info import Part
from batchgen.local.stack import EmbeddedStack
from batchgen.simulator import SimulatorControl


@contextmanager
def fresh_servers(folder: Path) -> Iterator[dict[str, str]]:
    """Give the variables that point a client at servers that keep their data in `folder`, and stop them afterwards."""
    stack = EmbeddedStack(folder)
    try:
        environment = stack.up((Part.REDIS, Part.S3, Part.SIMULATOR)).environment()
        SimulatorControl(environment["OPENAI_BASE_URL"]).config(batch_seconds=0)
        yield environment
    finally:
        stack.down()


def fail_once(environment: dict[str, str], custom_ids: str, times: int) -> None:
    """Have the first so many requests whose custom id matches fail with HTTP 500, unbilled."""
    control = SimulatorControl(environment["OPENAI_BASE_URL"])
    control.fault("requests", "answer", status=500, times=times, match={"custom_id": custom_ids})
