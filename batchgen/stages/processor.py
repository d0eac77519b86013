"""`BatchProcessor`: makes PENDING batches from a source, and submits those that are due. Pays at most once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from structlog.contextvars import bound_contextvars
from structlog.stdlib import get_logger

from batchgen.errors import BatchgenError, CreateInDoubt, RequestRefused, Unavailable
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch, Job, ValidationProblem
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.stages.intake import JobRequest, check_same_job, prepare
from batchgen.stages.state_objects import StateObjects
from batchgen.stages.waiting import no_longer_waiting, put_off
from batchgen.stages.workspace import Workspace
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.lease import Lease

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from batchgen.openai_client.batch_api import BatchApi, RemoteBatch

log = get_logger(__name__)

REFUSED = "refused"
"""Our own word for a batch that OpenAI would not even take; stands where its status would."""


class BatchProcessor:
    """The submit stage: makes PENDING batches; PENDING → PROCESSING, FAILED."""

    def __init__(
        self,
        *,
        ids: BatchIdManager,
        objects: StateObjects,
        api: BatchApi,
        catalog: ModelCatalog,
        workspace: Workspace,
        s3: Callable[[], S3Client],
        usage_tier: int | None,
        adopt_wait_s: float,
        poll_interval_s: float,
    ) -> None:
        """Take the connections, and how long to wait for what is in doubt or held back."""
        self._ids = ids
        self._objects = objects
        self._api = api
        self._catalog = catalog
        self._workspace = workspace
        self._s3 = s3
        self._usage_tier = usage_tier
        self._adopt_wait = timedelta(seconds=adopt_wait_s)
        self._poll_interval_s = poll_interval_s

    def create_job(self, request: JobRequest) -> Job:
        """Read the source, store its records and batch files, record the job. Nothing is sent to OpenAI.

        A name that is taken returns the job that is there, if it is the same; else raises JobConflict.
        Raises InputError for what cannot be used (nothing is left behind then), BatchBusy, Unavailable.
        """
        with self._workspace.folder("job") as folder:
            prepared = prepare(request, folder, catalog=self._catalog, usage_tier=self._usage_tier, s3=self._s3)
            job = prepared.job
            with self._ids.lease(
                job.job_id, patience_s=2 * self._ids.lease_s
            ) as lease:  # two jobs of one name must not write over each other's inputs
                known = self._ids.find_job(job.job_id)
                if known is not None:
                    check_same_job(job, known)
                    log.info("job_continued", job_id=job.job_id)
                    return known
                for batch, file in zip(prepared.batches, prepared.files, strict=True):
                    self._objects.put_inputs(batch.batch_id, file)
                lease.check()
                self._ids.create_job(job, prepared.batches)
        log.info("job_recorded", job_id=job.job_id, records=job.records, batches=len(job.batch_ids))
        return job

    def due(self, job_id: str | None = None) -> list[str]:
        """Ids of the PENDING batches that need not wait, of a job or of all."""
        if job_id is None:
            return self._ids.due(datetime.now(UTC))
        now = datetime.now(UTC)
        return [
            batch.batch_id
            for batch in self._ids.job_batches(job_id)
            if batch.status is BatchStatus.PENDING and (batch.not_before is None or batch.not_before <= now)
        ]

    def submit(self, batch_id: str) -> Batch:
        """Send a PENDING batch, or find that it was sent; returns it as it stands then.

        Raises BatchBusy, Unavailable (it stays PENDING), AccessDenied.
        """
        with self._ids.lease(batch_id) as lease:
            batch = self._ids.get(batch_id)
            if batch.status is not BatchStatus.PENDING:
                return batch
            with bound_contextvars(
                job_id=batch.job_id, batch_id=batch_id, iteration=batch.iteration, data_type=batch.data_type
            ):
                return self._submit(batch, lease)

    def _submit(self, batch: Batch, lease: Lease) -> Batch:
        if batch.current.sent_at is not None:
            found = self._api.find(_metadata(batch), since=batch.current.sent_at)
            if found is not None:
                log.info("batch_adopted", openai_batch_id=found.id)
                return self._submitted(batch, found, lease)
            since = batch.current.in_doubt_since
            if since is None or datetime.now(UTC) < since + self._adopt_wait:
                return self._wait_for_answer(batch, lease)
        try:
            batch = self._uploaded(batch, lease)
        except RequestRefused as refused:
            return self._refused(batch, refused, lease)
        return self._create(batch, lease)

    def _uploaded(self, batch: Batch, lease: Lease) -> Batch:
        if batch.current.input_file_id is not None:
            return batch
        with self._workspace.folder(batch.batch_id) as folder:
            path = self._objects.get_requests(batch, folder)
            lease.check()
            file_id = self._api.upload(path, f"{batch.batch_id}.{batch.iteration}.jsonl")
        log.debug("file_uploaded", file_id=file_id, requests=batch.current.requests)
        return self._ids.save(batch.with_current(input_file_id=file_id), lease)

    def _create(self, batch: Batch, lease: Lease) -> Batch:
        sent = batch.with_current(send=batch.current.send + 1, sent_at=datetime.now(UTC), in_doubt_since=None)
        # The intent is on record before the call: whoever finds it after a crash looks for the batch before sending.
        self._objects.put_manifest(self._ids.get_job(batch.job_id), sent)
        batch = self._ids.save(sent, lease)
        file_id = batch.current.input_file_id
        if file_id is None:
            raise AssertionError("a batch is created only after its file was uploaded")
        lease.check()
        try:
            created = self._api.create(file_id, batch.endpoint, _metadata(batch))
        except CreateInDoubt as doubt:
            log.warning("create_in_doubt", problem=doubt.problem)
            return self._wait_for_answer(batch, lease)
        except RequestRefused as refused:
            return self._refused(batch, refused, lease)
        except Unavailable as busy:
            held = put_off(
                batch.with_current(sent_at=None),
                busy.problem,
                first_s=self._poll_interval_s,
                least_s=busy.retry_after_s,
            )
            log.warning("create_put_off", problem=busy.problem, not_before=str(held.not_before))
            return self._ids.save(held, lease)
        except BatchgenError:
            self._ids.save(batch.with_current(sent_at=None), lease)  # refused, so not made
            raise
        return self._submitted(batch, created, lease)

    def _submitted(self, batch: Batch, remote: RemoteBatch, lease: Lease) -> Batch:
        sent = batch.with_current(openai_batch_id=remote.id, openai_status=remote.status)
        moved = self._ids.move(no_longer_waiting(sent), BatchStatus.PROCESSING, lease)
        log.info("batch_submitted", openai_batch_id=remote.id, requests=moved.current.requests)
        return moved

    def _wait_for_answer(self, batch: Batch, lease: Lease) -> Batch:
        now = datetime.now(UTC)
        since = batch.current.in_doubt_since or now
        waiting = batch.with_current(in_doubt_since=since).model_copy(
            update={
                "not_before": min(now + timedelta(seconds=self._poll_interval_s), since + self._adopt_wait),
                "waiting_for": "the answer to the create call was lost; looking whether the batch was made",
            }
        )
        return self._ids.save(waiting, lease)

    def _refused(self, batch: Batch, refused: RequestRefused, lease: Lease) -> Batch:
        problem = ValidationProblem(code="batch_refused", message=refused.problem)
        failed = no_longer_waiting(
            batch.with_current(sent_at=None, openai_status=REFUSED, validation_errors=(problem,))
        ).model_copy(update={"last_error": str(refused)})
        log.error("batch_refused", problem=refused.problem)
        return self._ids.move(failed, BatchStatus.FAILED, lease)


def _metadata(batch: Batch) -> dict[str, str]:
    """What marks the OpenAI batch as this sending of this batch, and as nothing else."""
    return {
        "batchgen_batch_id": batch.batch_id,
        "batchgen_iteration": str(batch.iteration),
        "batchgen_send": str(batch.current.send),
        "batchgen_fingerprint": batch.current.requests_sha256,
    }
