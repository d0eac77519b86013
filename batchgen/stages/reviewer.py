"""`BatchReviewer`: carries out what a person decided. Nothing is decided by default, by time, or by an empty form."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from structlog.contextvars import bound_contextvars
from structlog.stdlib import get_logger

from batchgen.data_types.row_filter import check_expression
from batchgen.errors import DecisionRefused
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch, Decision
from batchgen.stages.counting import TokenCounter
from batchgen.stages.decision import Action, Decided, apply
from batchgen.stages.ledger import LedgerFiles, recount
from batchgen.stages.publication import publish
from batchgen.stages.sending import was_sent_on
from batchgen.stages.siblings import Siblings
from batchgen.stages.state_objects import StateObjects
from batchgen.stages.workspace import Workspace
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.lease import Lease
from batchgen.storage.uploads import BatchUploadManager

log = get_logger(__name__)

_PATIENCE_S = 30.0
"""How long a decision waits for one that is being carried out, to tell of it."""


class BatchReviewer:
    """The review stage: READY_FOR_REVIEW → COMPLETED, PENDING (next iteration), EXHAUSTED."""

    def __init__(
        self,
        *,
        ids: BatchIdManager,
        objects: StateObjects,
        uploads: BatchUploadManager,
        workspace: Workspace,
        token_counter: TokenCounter,
    ) -> None:
        """Take the connections."""
        self._ids = ids
        self._objects = objects
        self._uploads = uploads
        self._workspace = workspace
        self._token_counter = token_counter
        self._siblings = Siblings(ids=ids, objects=objects)

    def waiting(self, job_id: str | None = None) -> list[Batch]:
        """The batches that wait for a decision, of a job or of all."""
        if job_id is None:
            return list(self._ids.iterate(status=BatchStatus.READY_FOR_REVIEW))
        return [batch for batch in self._ids.job_batches(job_id) if batch.status is BatchStatus.READY_FOR_REVIEW]

    def decide(
        self,
        batch_id: str,
        action: Action,
        *,
        reviewer: str,
        note: str = "",
        record_ids: Collection[str] | None = None,
        where: str | None = None,
        iteration: int | None = None,
    ) -> Batch:
        """Approve, reject or send back a batch; `iteration` refuses a decision about an older one.

        `where` is an expression over the fields of an output, as the option `where` of tables: the decision is about
        the accepted records of which it is true.
        The first decision wins. Raises DecisionRefused (nothing was decided), BatchNotFound, BatchBusy, Unavailable.
        """
        named = record_ids is not None, where is not None
        if action is Action.APPROVE and any(named):
            raise DecisionRefused(batch_id, "an approval names no records", "Reject or send back the named records.")
        if all(named):
            raise DecisionRefused(batch_id, "it names records and a rule for them", "Give one of the two.")
        if record_ids is not None and not record_ids:
            raise DecisionRefused(
                batch_id, "the list of records is empty", "Name the records, or leave it out for all."
            )
        if where is not None:
            _check(batch_id, where)
        with self._ids.lease(batch_id, patience_s=_PATIENCE_S) as lease:
            batch = self._ids.get(batch_id)
            if batch.status is not BatchStatus.READY_FOR_REVIEW:
                raise DecisionRefused(batch_id, _why_not(batch), "See batchgen status " + batch_id + ".")
            if iteration is not None and iteration != batch.iteration:
                problem = f"it is about iteration {iteration}, and the batch is in iteration {batch.iteration}"
                raise DecisionRefused(batch_id, problem, "Look at the newest results and decide again.")
            self._objects.check_not_older(batch, self._ids.address, was_sent_on)
            with bound_contextvars(job_id=batch.job_id, batch_id=batch_id, iteration=batch.iteration):
                decision = Decision(
                    action=action,
                    iteration=batch.iteration,
                    reviewer=reviewer,
                    note=note,
                    where=where,
                    records=batch.accepted,
                    decided_at=datetime.now(UTC),
                )
                return self._decide(batch, action, decision, record_ids, lease)

    def _decide(
        self, batch: Batch, action: Action, decision: Decision, record_ids: Collection[str] | None, lease: Lease
    ) -> Batch:
        if action is Action.APPROVE:
            if not all(self._uploads.holds(stored) for stored in batch.objects):
                batch = self._published_again(batch, lease)
            approved = batch.model_copy(update={"decisions": (*batch.decisions, decision)})
            return self._move(approved, BatchStatus.COMPLETED, lease)
        with self._workspace.folder(batch.batch_id) as folder:
            before = self._objects.get_files(batch, folder)
            after = folder / "after"
            after.mkdir()
            decided = apply(
                batch,
                before,
                after,
                action=action,
                note=decision.note,
                record_ids=record_ids,
                where=decision.where,
                count_tokens=self._token_counter(batch),
            )
            decision = decision.model_copy(update={"records": decided.touched})
            return self._carry_out(batch, decision, decided, before, after, lease)

    def _published_again(self, batch: Batch, lease: Lease) -> Batch:
        """Undo what a decision that was interrupted had published already."""
        with self._workspace.folder(batch.batch_id) as folder:
            files = self._objects.get_files(batch, folder)
            data = recount(files, batch)
            log.warning("published_again", objects=len(batch.objects))
            elsewhere = partial(self._siblings.accepted, batch, folder, lease)
            objects = publish(self._uploads, batch, files, data, folder, check=lease.check, elsewhere=elsewhere)
            return batch.model_copy(update={"objects": objects})

    def _carry_out(
        self, batch: Batch, decision: Decision, decided: Decided, before: LedgerFiles, folder: Path, lease: Lease
    ) -> Batch:
        data = decided.data
        lease.check()
        self._objects.put_processed(data)
        batch = batch.accepted_as(data.accepted_in).model_copy(
            update={
                "accepted": data.accepted,
                "refused": data.refused,
                "failed": data.failed,
                "reasons": data.reasons,
                "proof": data.proof,
                "ledger": data.ledger,
                "decisions": (*batch.decisions, decision),
            }
        )
        status = BatchStatus.COMPLETED if data.accepted else BatchStatus.EXHAUSTED
        if decided.next_iteration is not None:
            again = decided.next_iteration
            self._objects.put_requests(batch.batch_id, again.number, decided.requests_path, again.requests_sha256)
            status = BatchStatus.PENDING
        elsewhere = partial(self._siblings.accepted, batch, folder, lease)
        objects = publish(self._uploads, batch, before, data, folder, check=lease.check, elsewhere=elsewhere)
        batch = batch.model_copy(update={"objects": objects})
        if decided.next_iteration is not None:
            batch = batch.model_copy(
                update={
                    "iteration": decided.next_iteration.number,
                    "iterations": (*batch.iterations, decided.next_iteration),
                    "retry_count": max(batch.retry_count, min(data.most_tries, batch.max_retries)),
                }
            )
        return self._move(batch, status, lease)

    def _move(self, batch: Batch, status: BatchStatus, lease: Lease) -> Batch:
        lease.check()
        job = self._ids.get_job(batch.job_id)
        self._objects.put_manifest(job, batch.model_copy(update={"status": status}))
        moved = self._ids.move(batch, status, lease)
        decision = moved.decisions[-1]
        log.info("batch_reviewed", status=status, action=decision.action, records=decision.records)
        return moved


def _check(batch_id: str, where: str) -> None:
    try:
        check_expression(where)
    except ValueError as problem:
        raise DecisionRefused(batch_id, f"{where!r}: {problem}", "For example: title|length > 80") from None


def _why_not(batch: Batch) -> str:
    if batch.decisions and batch.decisions[-1].iteration == batch.iteration:
        last = batch.decisions[-1]
        return f"{last.reviewer} decided it already ({last.action}, {last.decided_at:%Y-%m-%d %H:%M} UTC)"
    return f"it is {batch.status}, not READY_FOR_REVIEW"
