"""Events that tell what became of a batch; the triggers of the deployments start the next stage on them.

Each event is `batchgen.batch.<what>` about the resource `batchgen.batch.<batch id>`. The last of each kind in a run
says so in its label `batchgen.last`: the triggers wait for that one, so that a hundred batches that move start one run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.events import emit_event

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.services import Services
from flows.run import deployment_id

KINDS = {
    BatchStatus.PENDING: "pending",
    BatchStatus.PROCESSING: "submitted",
    BatchStatus.PRE_COMPLETED: "pre_completed",
    BatchStatus.READY_FOR_REVIEW: "ready_for_review",
    BatchStatus.COMPLETED: "completed",
    BatchStatus.EXHAUSTED: "exhausted",
    BatchStatus.FAILED: "failed",
}


class Announcements:
    """The events of one run: each batch is told once its successor of the same kind is known, the last at the end."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._held: dict[BatchStatus, Batch] = {}

    def add(self, batch_id: str, status: str) -> None:
        """Tell that a stage moved a batch to this status; anything else than a status (BUSY) moved nothing."""
        if status not in set(BatchStatus) or deployment_id() is None:
            return
        batch = self._services.ids.get(batch_id).model_copy(update={"status": BatchStatus(status)})
        former = self._held.pop(batch.status, None)
        if former is not None:
            _emit(former, last=False)
        self._held[batch.status] = batch

    def finish(self) -> None:
        """Tell the last ones."""
        for batch in self._held.values():
            _emit(batch, last=True)
        self._held.clear()


@contextmanager
def announcements(services: Services) -> Iterator[Announcements]:
    """Announcements that are finished whatever happens."""
    told = Announcements(services)
    try:
        yield told
    finally:
        told.finish()


def _emit(batch: Batch, *, last: bool) -> None:
    emit_event(
        f"batchgen.batch.{KINDS[batch.status]}",
        resource={
            "prefect.resource.id": f"batchgen.batch.{batch.batch_id}",
            "prefect.resource.name": batch.batch_id,
            "batchgen.job": batch.job_id,
            "batchgen.data_type": batch.data_type,
            "batchgen.iteration": str(batch.iteration),
            "batchgen.last": "true" if last else "false",
        },
        payload={
            "accepted": batch.accepted,
            "refused": batch.refused,
            "failed": batch.failed,
            "records": batch.records,
        },
    )
