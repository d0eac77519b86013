"""How a stage's flow goes through the batches that are due: a task for each, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from structlog.stdlib import get_logger

from batchgen.errors import BatchBusy, LeaseLost, StatusChanged, Unavailable
from batchgen.models import Batch
from batchgen.services import Services
from flows.events import announcements

log = get_logger(__name__)

BUSY = "BUSY"
"""Instead of a status: another worker has the batch."""
AWAY = "AWAY"
"""Instead of a status: a service stayed away, the batch waits for the next run."""


def step(run: Callable[[str], Batch], batch_id: str) -> str:
    """Run it and return the batch's status; a batch that another worker holds or moved is left to it."""
    try:
        return run(batch_id).status.value
    except (BatchBusy, LeaseLost, StatusChanged):
        return BUSY


def moved(status: str) -> bool:
    """Whether a stage moved the batch."""
    return status not in {BUSY, AWAY}


def run_each(services: Services, due: Callable[[], list[str]], run: Callable[[str], str]) -> dict[str, str]:
    """Run a task for each batch that is due, until none is that was not tried yet; returns their statuses.

    A service that stays away for one batch does not hold up the others; then Unavailable is raised at the end.
    """
    statuses: dict[str, str] = {}
    away: Unavailable | None = None
    with announcements(services) as told:
        while batch_ids := [batch_id for batch_id in due() if batch_id not in statuses]:
            for batch_id in batch_ids:
                try:
                    statuses[batch_id] = run(batch_id)
                except Unavailable as error:
                    log.warning("batch_waits", batch_id=batch_id, problem=str(error))
                    statuses[batch_id], away = AWAY, away or error
                told.add(batch_id, statuses[batch_id])
    if away is not None:
        raise away
    return statuses
