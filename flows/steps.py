"""One step of a stage on one batch, as tasks run it."""

from __future__ import annotations

from collections.abc import Callable

from batchgen.errors import BatchBusy, LeaseLost, StatusChanged
from batchgen.models import Batch

BUSY = "BUSY"
"""Instead of a status: another worker has the batch."""


def step(run: Callable[[str], Batch], batch_id: str) -> str:
    """Run it and return the batch's status; a batch that another worker holds or moved is left to it."""
    try:
        return run(batch_id).status.value
    except (BatchBusy, LeaseLost, StatusChanged):
        return BUSY
