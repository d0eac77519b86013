"""`BatchStatusChecker`: follows what OpenAI is doing, and decides what becomes of FAILED batches."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from structlog.contextvars import bound_contextvars
from structlog.stdlib import get_logger

from batchgen.errors import OF_ALL_BATCHES, BatchBusy, LeaseLost, RequestRefused, StatusChanged, Unavailable
from batchgen.lifecycle import MAX_PROCESSING_TRIES, BatchStatus
from batchgen.models import Batch
from batchgen.openai_client.answers import ACCOUNT_CODES, stated_limit
from batchgen.stages.handler import CompletedBatchHandler
from batchgen.stages.processor import REFUSED
from batchgen.stages.waiting import no_longer_waiting, put_off, put_off_by_outage, waits
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.lease import Lease

if TYPE_CHECKING:
    from batchgen.openai_client.batch_api import BatchApi, RemoteBatch

log = get_logger(__name__)

_DONE = frozenset({"completed", "expired", "cancelled"})
_FAILED = "failed"
_CANCELLING = "cancelling"


class BatchStatusChecker:
    """The check stage: PROCESSING → PRE_COMPLETED, FAILED; FAILED → PRE_COMPLETED, PENDING, EXHAUSTED."""

    def __init__(
        self,
        *,
        ids: BatchIdManager,
        api: BatchApi,
        handler: CompletedBatchHandler,
        poll_interval_s: float,
        deadline_s: float,
    ) -> None:
        """Take the connections, the handler that settles what OpenAI refused, and when one that hangs is cancelled."""
        self._ids = ids
        self._api = api
        self._handler = handler
        self._poll_interval_s = poll_interval_s
        self._deadline = timedelta(seconds=deadline_s)

    def due(self, job_id: str | None = None) -> list[str]:
        """Ids of the batches to look at, of a job or of all."""
        if job_id is not None:
            batches: Iterable[Batch] = self._ids.job_batches(job_id)
        else:
            batches = (
                batch
                for status in (BatchStatus.PROCESSING, BatchStatus.FAILED)
                for batch in self._ids.iterate(status=status)
            )
        wanted = {BatchStatus.PROCESSING, BatchStatus.FAILED}
        return [
            batch.batch_id
            for batch in batches
            if batch.status in wanted and not batch.needs_a_person and not waits(batch)
        ]

    def give_new_tries(self, batch_id: str) -> None:
        """Have a batch whose processing failed for good processed again. Raises BatchNotFound, BatchBusy."""
        with self._ids.lease(batch_id) as lease:
            batch = self._ids.get(batch_id)
            if batch.status is BatchStatus.FAILED:
                self._ids.save(batch.model_copy(update={"processing_failures": 0}), lease)

    def check(self, batch_ids: Iterable[str]) -> list[Batch]:
        """Look at these batches with one sweep over OpenAI's list; returns those that moved. Raises Unavailable."""
        batches = [self._ids.get(batch_id) for batch_id in batch_ids]
        live = {
            batch.current.openai_batch_id: batch
            for batch in batches
            if batch.status is BatchStatus.PROCESSING and batch.current.openai_batch_id
        }
        sent_at = {name: batch.current.sent_at or batch.created_at for name, batch in live.items()}
        moved: list[Batch | None] = []
        try:
            for remote in self._api.follow(sent_at):
                moved.append(self._follow(live.pop(remote.id).batch_id, remote))  # noqa: PERF401 - kept when it breaks off
        except Unavailable as away:
            log.warning("sweep_broken_off", left=len(live), problem=str(away))
            for batch in live.values():
                self._put_off_by_outage(batch.batch_id, away)
            if not any(moved):
                raise
        else:
            for batch in live.values():
                self._missing(batch.batch_id)
        moved += [self._recover(batch.batch_id) for batch in batches if batch.status is BatchStatus.FAILED]
        return [batch for batch in moved if batch is not None]

    def _follow(self, batch_id: str, remote: RemoteBatch) -> Batch | None:
        try:
            with self._ids.lease(batch_id) as lease:
                batch = self._ids.get(batch_id)
                if batch.status is not BatchStatus.PROCESSING or batch.current.openai_batch_id != remote.id:
                    return None
                with bound_contextvars(job_id=batch.job_id, batch_id=batch_id, iteration=batch.iteration):
                    return self._update(batch, remote, lease)
        except (BatchBusy, LeaseLost, StatusChanged):
            return None  # another worker is looking at it

    def _update(self, batch: Batch, remote: RemoteBatch, lease: Lease) -> Batch | None:
        seen = batch.with_current(
            missing=False,
            openai_status=remote.status,
            completed_requests=remote.completed_requests,
            output_file_id=remote.output_file_id,
            error_file_id=remote.error_file_id,
        )
        log.debug("batch_checked", openai_status=remote.status, completed=remote.completed_requests)
        if remote.status != _FAILED:  # one that finds no room is put off for longer each time
            seen = no_longer_waiting(seen).model_copy(update={"last_error": None})
        if remote.status in _DONE:
            log.info("batch_done_at_openai", openai_status=remote.status, openai_batch_id=remote.id)
            return self._ids.move(seen, BatchStatus.PRE_COMPLETED, lease)
        if remote.status == _FAILED:
            first = remote.errors[0].message if remote.errors else "OpenAI names no reason"
            log.error("batch_failed_at_openai", openai_batch_id=remote.id, problem=first)
            failed = seen.with_current(validation_errors=remote.errors).model_copy(update={"last_error": first})
            return self._ids.move(failed, BatchStatus.FAILED, lease)
        seen = self._cancelled_if_late(seen, remote, lease)
        if seen != batch:
            self._ids.save(seen, lease)
        return None

    def _cancelled_if_late(self, batch: Batch, remote: RemoteBatch, lease: Lease) -> Batch:
        """Have OpenAI cancel a batch that hangs; what it has by then comes as the batch's output, and is kept."""
        age = datetime.now(UTC) - (batch.current.sent_at or batch.created_at)
        if age < self._deadline:
            return batch
        problem = f"OpenAI has not ended {remote.id} after {age.total_seconds() / 3600:.1f} hours"
        if remote.status != _CANCELLING:
            lease.check()
            log.warning("batch_cancelled_as_late", openai_batch_id=remote.id, hours=age.total_seconds() / 3600)
            try:
                self._api.cancel(remote.id)
            except (RequestRefused, Unavailable) as refused:
                problem = f"{problem}, and refuses to cancel it: {refused.problem}"
                return batch.model_copy(update={"last_error": problem})
            batch = batch.with_current(cancel_asked_at=datetime.now(UTC))
        return batch.model_copy(update={"last_error": f"{problem}; it is cancelled, and what it has is kept"})

    def _missing(self, batch_id: str) -> None:
        """Have it seen that OpenAI does not know a batch; to send it again could pay twice."""
        with suppress(BatchBusy, LeaseLost, StatusChanged), self._ids.lease(batch_id) as lease:
            batch = self._ids.get(batch_id)
            if batch.status is BatchStatus.PROCESSING:
                problem = f"OpenAI does not show {batch.current.openai_batch_id}: is the key of the same project?"
                if batch.last_error != problem:
                    missing = batch.with_current(missing=True).model_copy(update={"last_error": problem})
                    self._ids.save(missing, lease)

    def _put_off_by_outage(self, batch_id: str, away: Unavailable) -> None:
        """Have the wait seen, where Redis is there to note it."""
        with suppress(Unavailable, BatchBusy, LeaseLost, StatusChanged), self._ids.lease(batch_id) as lease:
            batch = self._ids.get(batch_id)
            if batch.status is BatchStatus.PROCESSING:
                self._ids.save(put_off_by_outage(batch, away, first_s=self._poll_interval_s), lease)

    def _recover(self, batch_id: str) -> Batch | None:
        try:
            with self._ids.lease(batch_id) as lease:
                batch = self._ids.get(batch_id)
                if batch.status is not BatchStatus.FAILED or batch.needs_a_person:
                    return None
                with bound_contextvars(job_id=batch.job_id, batch_id=batch_id, iteration=batch.iteration):
                    try:
                        return self._after_failure(batch, lease)
                    except OF_ALL_BATCHES:
                        raise
                    except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the other batches
                        self._failed_again(batch, error, lease)
                        return None
        except (BatchBusy, LeaseLost, StatusChanged):
            return None

    def _failed_again(self, batch: Batch, error: Exception, lease: Lease) -> None:
        problem = f"{type(error).__name__}: {error}"
        log.error("settling_failed", problem=problem, exc_info=error)
        failures = batch.processing_failures + 1
        self._ids.save(batch.model_copy(update={"last_error": problem, "processing_failures": failures}), lease)

    def _after_failure(self, batch: Batch, lease: Lease) -> Batch:
        current = batch.current
        if current.openai_status not in {_FAILED, REFUSED} or batch.processing_failures:
            log.info("processing_again", tries=batch.processing_failures, of=MAX_PROCESSING_TRIES)
            return self._ids.move(batch, BatchStatus.PRE_COMPLETED, lease)
        if any(problem.code in ACCOUNT_CODES for problem in current.validation_errors):
            former = (*current.former_openai_batch_ids, current.openai_batch_id or "")
            unbilled = batch.with_current(
                sent_at=None,
                openai_batch_id=None,
                openai_status=None,
                validation_errors=(),
                admitted=False,
                reserved_at=None,
                former_openai_batch_ids=tuple(name for name in former if name),
            )
            reason = current.validation_errors[0].message
            if limit := stated_limit(reason):
                self._ids.learn_enqueued_limit(batch.model, limit)
            log.warning("enqueued_limit_reached", problem=reason)
            return self._ids.move(put_off(unbilled, reason, first_s=self._poll_interval_s), BatchStatus.PENDING, lease)
        return self._handler.settle_refused(no_longer_waiting(batch), lease)
