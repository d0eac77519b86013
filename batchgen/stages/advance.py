"""Drives the stages in this process, without Prefect, until only a person can go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from structlog.stdlib import get_logger

from batchgen.errors import BatchBusy, LeaseLost, StatusChanged, Unavailable
from batchgen.stages.checker import BatchStatusChecker
from batchgen.stages.handler import CompletedBatchHandler
from batchgen.stages.processor import BatchProcessor

log = get_logger(__name__)

_LONGEST_WAIT_S = 60.0
_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages that move batches without a person."""

    processor: BatchProcessor
    checker: BatchStatusChecker
    handler: CompletedBatchHandler

    def tick(self, job_id: str | None = None) -> int:
        """Run each stage once for all that is due, of a job or of all; returns how many batches moved.

        A service that is away for one batch does not hold up the others: they go first, then Unavailable is raised.
        """
        away: list[Unavailable] = []
        moved = sum(_moved(self.processor.submit, batch_id, away) for batch_id in self.processor.due(job_id))
        moved += self._check(job_id, away)
        moved += sum(_moved(self.handler.process, batch_id, away) for batch_id in self.handler.due(job_id))
        if away and not moved:
            raise away[0]
        return moved

    def _check(self, job_id: str | None, away: list[Unavailable]) -> int:
        try:
            return len(self.checker.check(self.checker.due(job_id)))
        except Unavailable as error:
            away.append(error)
            return 0


def advance(
    stages: Stages,
    *,
    active: Callable[[], bool],
    wait: Callable[[float], object],
    poll_interval_s: float,
    job_id: str | None = None,
) -> None:
    """Tick while `active` says that a stage has something to do; what is away is waited for. `wait` takes seconds."""
    failures = 0
    while True:
        try:
            moved = stages.tick(job_id)
            if not active():
                return
            failures = 0
        except Unavailable as away:
            failures += 1
            log.warning("waiting", problem=str(away))
            moved = 0
        if not moved:
            wait(_wait_s(poll_interval_s, failures))


def _wait_s(poll_interval_s: float, failures: int) -> float:
    """The poll interval; after failures twice as long each time, up to a minute."""
    longest = max(poll_interval_s, _LONGEST_WAIT_S)
    return min(poll_interval_s * 2.0 ** min(failures, _DOUBLINGS), longest)


def _moved(step: Callable[[str], object], batch_id: str, away: list[Unavailable]) -> int:
    """Run one step; a batch that another worker holds or moved is left to it."""
    try:
        step(batch_id)
    except (BatchBusy, LeaseLost, StatusChanged) as taken:
        log.debug("left_to_another_worker", problem=str(taken))
        return 0
    except Unavailable as error:
        log.warning("batch_waits", batch_id=batch_id, problem=str(error))
        away.append(error)
        return 0
    return 1
