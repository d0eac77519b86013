"""`BatchProcessor`: makes PENDING batches from a source, and submits those that are due. Pays at most once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from structlog.contextvars import bound_contextvars
from structlog.stdlib import get_logger

from batchgen.errors import (
    OF_ALL_BATCHES,
    BatchgenError,
    CapReached,
    CreateInDoubt,
    LeaseLost,
    NoCostBound,
    QueueFull,
    RequestRefused,
    StateLost,
    Unavailable,
)
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch, Job, ValidationProblem
from batchgen.openai_client.answers import stated_limit
from batchgen.openai_client.policies import AUTO, ModelPolicies
from batchgen.openai_client.tokens import counter_for
from batchgen.stages.cost_guard import CostGuard
from batchgen.stages.estimate import estimate
from batchgen.stages.fitting import TooLarge, fit
from batchgen.stages.intake import JobRequest, check_same_job, prepare
from batchgen.stages.sending import file_name, is_ahead, metadata, with_intent_of
from batchgen.stages.state_objects import StateObjects
from batchgen.stages.waiting import LONGEST_OUTAGE_S, no_longer_waiting, put_off, put_off_by_outage
from batchgen.stages.workspace import Workspace
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.lease import Lease

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from batchgen.openai_client.batch_api import BatchApi, RemoteBatch

log = get_logger(__name__)

OVER_LIMIT = "over_enqueued_limit"
_LONGEST_CAP_WAIT = 4
"""Poll intervals between two looks for room below a cap: to look costs little, and room comes whenever a batch ends."""
_NOTHING_THERE = frozenset({404, 405})
"""A wrong address, or a file that is gone: no fault of the requests."""
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
        policies: ModelPolicies,
        workspace: Workspace,
        s3: Callable[[], S3Client],
        usage_tier: int | None,
        guard: CostGuard,
        adopt_wait_s: float,
        poll_interval_s: float,
    ) -> None:
        """Take the connections, and how long to wait for what is in doubt or held back."""
        self._ids = ids
        self._objects = objects
        self._api = api
        self._policies = policies
        self._workspace = workspace
        self._s3 = s3
        self._usage_tier = usage_tier
        self._guard = guard
        self._adopt_wait = timedelta(seconds=adopt_wait_s)
        self._poll_interval_s = poll_interval_s

    def create_job(self, request: JobRequest) -> Job:
        """Read the source, store its records and batch files, record the job. Nothing is sent to OpenAI.

        A name that is taken returns the job that is there, if it is the same; else raises JobConflict.
        Raises InputError for what cannot be used (nothing is left behind then), BatchBusy, Unavailable.
        """
        with self._workspace.folder("job") as folder:
            prepared = prepare(
                self._as_before(request),
                folder,
                policies=self._policies,
                usage_tier=self._usage_tier,
                s3=self._s3,
                cache=self._workspace.cache,
            )
            estimated = estimate(prepared, self._policies.catalog, self._ids.typical_output)
            job = prepared.job.model_copy(update={"estimate": estimated})
            with self._ids.lease(
                job.job_id, patience_s=2 * self._ids.lease_s
            ) as lease:  # two jobs of one name must not write over each other's inputs
                known = self._ids.find_job(job.job_id)
                if known is not None:
                    check_same_job(job, known)
                    log.info("job_continued", job_id=job.job_id)
                    return self._with_cap_of(job, known, lease)
                batches = self._guard.bounded(prepared)
                for batch in batches:
                    self._objects.check_unused(batch, self._ids.address)
                for batch, file in zip(batches, prepared.files, strict=True):
                    lease.check()
                    self._objects.put_inputs(batch.batch_id, file)
                    if prepared.material is not None:
                        self._objects.put_material(batch, prepared.material)
                    self._objects.put_manifest(job, batch)
                lease.check()
                self._objects.put_job(job)
                self._ids.create_job(job, batches)
        log.info("job_recorded", job_id=job.job_id, records=job.records, batches=len(job.batch_ids))
        return job

    def _as_before(self, request: JobRequest) -> JobRequest:
        """The request with the model that `auto` chose when the job was first asked for: prices change."""
        if request.model != AUTO or request.name is None or (known := self._ids.find_job(request.job_id())) is None:
            return request
        return replace(request, model=known.model)

    def _with_cap_of(self, asked: Job, known: Job, lease: Lease) -> Job:
        """The known job with the cap that was asked for now, if one was: so a cap is raised."""
        if asked.max_cost_usd in {None, known.max_cost_usd}:
            return known
        changed = known.model_copy(update={"max_cost_usd": asked.max_cost_usd})
        lease.check()
        self._objects.put_job(changed)
        log.info("job_cap_changed", job_id=known.job_id, max_cost_usd=str(asked.max_cost_usd))
        return self._ids.replace_job(changed, lease)

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
                try:
                    return self._submit(self._with_known_intent(batch, lease), lease)
                except Unavailable as away:
                    self._put_off_by_outage(batch_id, away, lease)
                    raise
                except OF_ALL_BATCHES:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the other batches
                    return self._failed(batch_id, error, lease)

    def _submit(self, batch: Batch, lease: Lease) -> Batch:
        if batch.current.sent_at is not None:
            found = self._api.find(metadata(batch), since=batch.current.sent_at)
            if found is not None:
                log.info("batch_adopted", openai_batch_id=found.id)
                return self._submitted(batch, found, lease)
            since = batch.current.in_doubt_since
            if since is None or datetime.now(UTC) < since + self._adopt_wait:
                return self._wait_for_answer(batch, lease)
        try:
            batch = self._admitted(batch, lease)
            batch = self._guard.reserved(batch, lease)
            batch = self._uploaded(batch, lease)
        except (QueueFull, CapReached, NoCostBound) as full:
            return self._held_back(batch.batch_id, full, lease)
        except TooLarge as large:
            return self._invalid(batch, ValidationProblem(code=OVER_LIMIT, message=large.message, line=1), lease)
        except RequestRefused as refused:
            return self._refused(batch, refused, lease)
        return self._create(batch, lease)

    def _held_back(self, batch_id: str, full: QueueFull | CapReached | NoCostBound, lease: Lease) -> Batch:
        log.info("batch_held_back", code=full.code, problem=full.message)
        unsent = _not_sent(self._ids.get(batch_id))  # which may have been cut meanwhile
        over_cap = not isinstance(full, QueueFull)
        first_s = self._poll_interval_s
        longest_s = min(_LONGEST_CAP_WAIT * first_s, LONGEST_OUTAGE_S) if over_cap else LONGEST_OUTAGE_S
        held = put_off(unsent, str(full), first_s=first_s, longest_s=longest_s, over_cap=over_cap)
        return self._ids.save(held, lease)

    def _with_known_intent(self, batch: Batch, lease: Lease) -> Batch:
        """The batch with a sending that only its manifest knows; raises StateLost where Redis is older than that."""
        manifest = self._objects.get_manifest(batch.batch_id)
        if manifest is None:
            return batch
        if is_ahead(manifest, batch):
            problem = f"batch {batch.batch_id} is {manifest.status} in S3, iteration {manifest.iteration}"
            raise StateLost(redis=self._ids.address, problem=problem)
        known = with_intent_of(manifest, batch)
        return batch if known is batch else self._ids.save(known, lease)

    def _admitted(self, batch: Batch, lease: Lease) -> Batch:
        """The batch with room for its tokens reserved, where the model's limit is known; raises QueueFull, TooLarge.

        A batch that no queue could ever hold is cut to what can be: the rest goes out in the next iteration.
        """
        learnt = self._ids.learnt_enqueued_limit(batch.model)
        limit = self._policies.catalog.enqueued_limit(batch.model, self._usage_tier) if learnt is None else learnt
        if limit is None:
            return batch
        tokens = batch.current.requests_tokens
        if tokens is None or tokens > limit:
            batch = self._cut(batch, limit, lease)
        if batch.current.admitted:
            return batch
        return self._ids.save(batch.with_current(admitted=True), lease, enqueued_limit=limit)

    def _cut(self, batch: Batch, limit: int, lease: Lease) -> Batch:
        with self._workspace.folder(batch.batch_id) as folder:
            fitted = fit(self._objects.get_requests(batch, folder), limit, counter_for(batch.model))
        current = batch.current
        if fitted.requests == current.requests:
            return self._ids.save(batch.with_current(requests_tokens=fitted.tokens), lease)
        log.warning("batch_cut", requests=fitted.requests, of=current.requests, limit=limit)
        if current.input_file_id is not None:
            with suppress(RequestRefused):  # some compatible servers delete nothing
                self._api.delete_file(current.input_file_id)
        cut = batch.with_current(
            requests=fitted.requests,
            requests_bytes=fitted.bytes,
            requests_sha256=fitted.sha256,
            requests_tokens=fitted.tokens,
            most_cost_usd=None,
            reserved_at=None,
            input_file_id=None,
            upload_began_at=None,
        )
        return self._ids.save(cut, lease)

    def _uploaded(self, batch: Batch, lease: Lease) -> Batch:
        if batch.current.input_file_id is not None:
            return batch
        name, began, file_id = file_name(batch), batch.current.upload_began_at, None
        if began is not None:  # by a worker that was killed, or whose answer was lost
            file_id = self._api.find_file(name, size=batch.current.requests_bytes, since=began)
        else:
            batch = self._ids.save(batch.with_current(upload_began_at=datetime.now(UTC)), lease)
        if file_id is None:
            with self._workspace.folder(batch.batch_id) as folder:
                path = self._objects.get_requests(batch, folder)
                lease.check()
                file_id = self._api.upload(path, name)
        log.debug("file_uploaded", file_id=file_id, requests=batch.current.requests)
        return self._ids.save(batch.with_current(input_file_id=file_id), lease)

    def _create(self, batch: Batch, lease: Lease) -> Batch:
        sent = batch.with_current(send=batch.current.send + 1, sent_at=datetime.now(UTC), in_doubt_since=None)
        # The intent is on record before the call: whoever finds it after a crash looks for the batch before sending.
        lease.check()
        self._objects.put_manifest(self._ids.get_job(batch.job_id), sent)
        batch = self._ids.save(sent, lease)
        file_id = batch.current.input_file_id
        if file_id is None:
            raise AssertionError("a batch is created only after its file was uploaded")
        lease.check()
        try:
            created = self._api.create(file_id, batch.endpoint, metadata(batch))
        except CreateInDoubt as doubt:
            log.warning("create_in_doubt", problem=doubt.problem)
            return self._wait_for_answer(batch, lease)
        except RequestRefused as refused:
            return self._refused(batch, refused, lease)
        except Unavailable as busy:
            if limit := stated_limit(busy.problem):
                self._ids.learn_enqueued_limit(batch.model, limit)
            held = put_off(_not_sent(batch), busy.problem, first_s=self._poll_interval_s, least_s=busy.retry_after_s)
            log.warning("create_put_off", problem=busy.problem, not_before=str(held.not_before))
            return self._ids.save(held, lease)
        except BatchgenError:
            self._ids.save(_not_sent(batch), lease)  # refused, so not made
            raise
        return self._submitted(batch, created, lease)

    def _submitted(self, batch: Batch, remote: RemoteBatch, lease: Lease) -> Batch:
        sent = batch.with_current(openai_batch_id=remote.id, openai_status=remote.status)
        sent = sent.model_copy(update={"not_before": None, "waiting_for": None, "over_cap": False})
        moved = self._ids.move(sent, BatchStatus.PROCESSING, lease)
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
        if refused.status not in _NOTHING_THERE:
            return self._invalid(batch, ValidationProblem(code="batch_refused", message=refused.problem), lease)
        log.error("batch_put_off", operation=refused.operation, problem=refused.problem)
        unsent = _not_sent(self._ids.get(batch.batch_id)).with_current(input_file_id=None, upload_began_at=None)
        held = put_off(unsent, str(refused), first_s=self._poll_interval_s, longest_s=LONGEST_OUTAGE_S)
        return self._ids.save(held.model_copy(update={"last_error": str(refused)}), lease)

    def _invalid(self, batch: Batch, problem: ValidationProblem, lease: Lease) -> Batch:
        failed = no_longer_waiting(
            _not_sent(batch).with_current(openai_status=REFUSED, validation_errors=(problem,))
        ).model_copy(update={"last_error": problem.message})
        log.error("batch_refused", problem=problem.message)
        return self._ids.move(failed, BatchStatus.FAILED, lease)

    def _failed(self, batch_id: str, error: Exception, lease: Lease) -> Batch:
        problem = f"{type(error).__name__}: {error}"
        log.error("submitting_failed", problem=problem, exc_info=error)
        held = put_off(self._ids.get(batch_id), problem, first_s=self._poll_interval_s)
        return self._ids.save(held.model_copy(update={"last_error": problem}), lease)

    def _put_off_by_outage(self, batch_id: str, away: Unavailable, lease: Lease) -> None:
        """Have the wait seen, where Redis is there to note it."""
        with suppress(Unavailable, LeaseLost):
            held = put_off_by_outage(self._ids.get(batch_id), away, first_s=self._poll_interval_s)
            self._ids.save(held, lease)


def _not_sent(batch: Batch) -> Batch:
    """The batch after a create call that is known to have made nothing."""
    return batch.with_current(sent_at=None, admitted=False, reserved_at=None)
