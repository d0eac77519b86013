"""`CompletedBatchHandler`: fetches what OpenAI returned, has it judged, stores it, and decides where the batch goes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from structlog.contextvars import bound_contextvars
from structlog.stdlib import get_logger

from batchgen.data_types.contract import Workplace
from batchgen.errors import (
    AccessDenied,
    BatchgenError,
    BucketMissing,
    LeaseLost,
    StateLost,
    StatusChanged,
    Unavailable,
)
from batchgen.lifecycle import BatchStatus, after_settling
from batchgen.models import Batch
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.stages.counting import TokenCounter
from batchgen.stages.ledger import LedgerFiles
from batchgen.stages.publication import publish
from batchgen.stages.sending import was_decided_or_sent_on
from batchgen.stages.settlement import Settled, settle
from batchgen.stages.siblings import Siblings
from batchgen.stages.state_objects import StateObjects
from batchgen.stages.waiting import no_longer_waiting, put_off_by_outage, waits
from batchgen.stages.workspace import Workspace
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.lease import Lease
from batchgen.storage.uploads import BatchUploadManager

if TYPE_CHECKING:
    from batchgen.openai_client.batch_api import BatchApi

log = get_logger(__name__)


class CompletedBatchHandler:
    """The process stage: PRE_COMPLETED → READY_FOR_REVIEW, PENDING (next iteration), EXHAUSTED, FAILED."""

    def __init__(
        self,
        *,
        ids: BatchIdManager,
        objects: StateObjects,
        uploads: BatchUploadManager,
        api: BatchApi,
        catalog: ModelCatalog,
        workspace: Workspace,
        token_counter: TokenCounter,
        poll_interval_s: float,
    ) -> None:
        """Take the connections."""
        self._ids = ids
        self._objects = objects
        self._uploads = uploads
        self._api = api
        self._catalog = catalog
        self._workspace = workspace
        self._token_counter = token_counter
        self._poll_interval_s = poll_interval_s
        self._siblings = Siblings(ids=ids, objects=objects)

    def due(self, job_id: str | None = None) -> list[str]:
        """Ids of the batches to process, of a job or of all."""
        if job_id is not None:
            batches: Iterable[Batch] = self._ids.job_batches(job_id)
        else:
            batches = self._ids.iterate(status=BatchStatus.PRE_COMPLETED)
        return [batch.batch_id for batch in batches if batch.status is BatchStatus.PRE_COMPLETED and not waits(batch)]

    def process(self, batch_id: str) -> Batch:
        """Process a PRE_COMPLETED batch; returns it as it stands then.

        Raises BatchBusy; and Unavailable, AccessDenied or BucketMissing, and then it stays PRE_COMPLETED. Any other
        error moves it to FAILED, with what is stored kept, from where the check stage has it processed again.
        """
        with self._ids.lease(batch_id) as lease:
            batch = self._ids.get(batch_id)
            if batch.status is not BatchStatus.PRE_COMPLETED:
                return batch
            with bound_contextvars(
                job_id=batch.job_id, batch_id=batch_id, iteration=batch.iteration, data_type=batch.data_type
            ):
                try:
                    return self._process(batch, lease)
                except Unavailable as away:
                    with suppress(Unavailable, LeaseLost):  # have the wait seen, where Redis is there to note it
                        self._ids.save(put_off_by_outage(batch, away, first_s=self._poll_interval_s), lease)
                    raise
                except (AccessDenied, BucketMissing, LeaseLost, StatusChanged, StateLost):
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, the paid answers are kept and tried again
                    return self._failed(batch, error, lease)

    def settle_refused(self, batch: Batch, lease: Lease) -> Batch:
        """Settle a FAILED batch whose file OpenAI refused: no answers, one more failed try for the named records."""
        with self._workspace.folder(batch.batch_id) as folder:
            return self._settle(batch, folder, None, None, lease)

    def _process(self, batch: Batch, lease: Lease) -> Batch:
        with self._workspace.folder(batch.batch_id) as folder:
            output = self._fetch(batch.current.output_file_id, folder / "output.jsonl")
            errors = self._fetch(batch.current.error_file_id, folder / "errors.jsonl")
            lease.check()
            self._objects.put_raw(batch, output, errors)
            return self._settle(batch, folder, output, errors, lease)

    def _fetch(self, file_id: str | None, path: Path) -> Path | None:
        return None if file_id is None else self._api.download(file_id, path)

    def _settle(self, batch: Batch, folder: Path, output: Path | None, errors: Path | None, lease: Lease) -> Batch:
        self._objects.check_not_older(batch, self._ids.address, was_decided_or_sent_on)
        before = self._objects.get_files(batch, folder)
        after = folder / "after"
        after.mkdir()
        settled = settle(
            batch,
            before,
            after,
            output=output,
            errors=errors,
            prices=self._catalog.prices(batch.model, batch=True),
            count_tokens=self._token_counter(batch),
            workplace=None if output is None else self._workplace(batch, folder),
            elsewhere=partial(self._siblings.accepted, batch, folder, lease),
        )
        data = settled.data
        log.info(
            "batch_settled",
            accepted=data.accepted,
            refused=data.refused,
            failed=data.failed,
            unresolved=data.unresolved,
            duplicates=settled.duplicates,
            unknown=settled.unknown,
        )
        lease.check()
        self._objects.put_processed(data)
        if settled.next_iteration is not None:
            number, digest = settled.next_iteration.number, settled.next_iteration.requests_sha256
            self._objects.put_requests(batch.batch_id, number, settled.requests_path, digest)
        return self._move(_with_outcome(batch, settled), settled, before, after, lease)

    def _workplace(self, batch: Batch, folder: Path) -> Workplace:
        material = None
        if batch.material_sha256 is not None:
            material = self._objects.get_material(batch, folder / "material")
        return Workplace(self._workspace.cache, material)

    def _move(self, batch: Batch, settled: Settled, before: LedgerFiles, folder: Path, lease: Lease) -> Batch:
        data = settled.data
        status = after_settling(unresolved=data.unresolved, accepted=data.accepted)
        if batch.status is BatchStatus.FAILED and status is BatchStatus.READY_FOR_REVIEW:
            status = BatchStatus.PRE_COMPLETED  # accepted before the refusal; the next process tick publishes it
        if settled.next_iteration is not None:
            batch = batch.model_copy(
                update={
                    "iteration": settled.next_iteration.number,
                    "iterations": (*batch.iterations, settled.next_iteration),
                    "retry_count": max(batch.retry_count, min(data.most_tries, batch.max_retries)),
                }
            )
        elif status is not BatchStatus.PRE_COMPLETED:
            elsewhere = partial(self._siblings.accepted, batch, folder, lease)
            objects = publish(self._uploads, batch, before, data, folder, check=lease.check, elsewhere=elsewhere)
            batch = batch.model_copy(update={"objects": objects})
        lease.check()
        job = self._ids.get_job(batch.job_id)
        self._objects.put_manifest(job, batch.model_copy(update={"status": status}))
        moved = self._ids.move(batch, status, lease)
        log.info("batch_moved", status=status, accepted=data.accepted, objects=len(batch.objects))
        return moved

    def _failed(self, batch: Batch, error: Exception, lease: Lease) -> Batch:
        problem = str(error) if isinstance(error, BatchgenError) else f"{type(error).__name__}: {error}"
        log.error("processing_failed", problem=problem, exc_info=error)
        failed = batch.model_copy(update={"last_error": problem, "processing_failures": batch.processing_failures + 1})
        return self._ids.move(failed, BatchStatus.FAILED, lease)


def _with_outcome(batch: Batch, settled: Settled) -> Batch:
    """The batch with what its current iteration came to; a second settling of the same gives the same."""
    data = settled.data
    done = batch.with_current(
        answers=settled.answers,
        duplicates=settled.duplicates,
        unknown=settled.unknown,
        usage=settled.usage,
        cost_usd=settled.cost_usd,
        settled_at=datetime.now(UTC),
    ).accepted_as(data.accepted_in)
    return no_longer_waiting(done).model_copy(
        update={
            "accepted": data.accepted,
            "refused": data.refused,
            "failed": data.failed,
            "reasons": data.reasons,
            "proof": data.proof,
            "ledger": data.ledger,
            "dry_iterations": settled.dry_iterations,
            "processing_failures": 0,
            "last_error": None,
            "simulated": batch.simulated or settled.simulated,
            "updated_at": datetime.now(UTC),
        }
    )
