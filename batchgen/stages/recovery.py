"""Rebuilds Redis after it was lost: jobs and batches from S3's manifests, what was sent from OpenAI's metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from structlog.stdlib import get_logger

from batchgen.errors import RecoveryFailed
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch, Job
from batchgen.stages.sending import is_ahead, metadata, with_intent_of
from batchgen.stages.state_objects import StateObjects
from batchgen.stages.waiting import no_longer_waiting
from batchgen.storage.batch_ids import BatchIdManager

if TYPE_CHECKING:
    from batchgen.openai_client.batch_api import BatchApi

log = get_logger(__name__)

_CLAIM = "recover"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was rebuilt."""

    jobs: int = 0
    """Jobs that Redis did not have."""
    batches: int = 0
    """Their batches, and those of other jobs of which S3 knew more than Redis."""
    adopted: int = 0
    """Of these, the ones that OpenAI has, and that are followed again."""
    kept: int = 0
    """Jobs that Redis had."""


class StateRecovery:
    """Brings Redis to what S3 and OpenAI know. May be killed and run again at every moment."""

    def __init__(self, *, ids: BatchIdManager, objects: StateObjects, api: BatchApi) -> None:
        """Take the connections."""
        self._ids = ids
        self._objects = objects
        self._api = api

    def recover(self) -> Recovered:
        """Rebuild what is missing; every worker from before has to start anew if anything was.

        Raises BatchBusy while another does it, RecoveryFailed for a job without all its manifests, Unavailable.
        """
        ids = self._ids.for_recovery()
        with ids.lease(_CLAIM) as claim:
            made = Recovered()
            for job in self._objects.jobs():
                claim.check()
                made = self._job(ids, job, made)
            for call in self._objects.calls():
                claim.check()
                ids.book(call)
            if made.batches or not ids.has_epoch:
                claim.check()
                self._ids.begin_epoch()
        log.info("recovered", jobs=made.jobs, batches=made.batches, adopted=made.adopted, kept=made.kept)
        return made

    def _job(self, ids: BatchIdManager, job: Job, made: Recovered) -> Recovered:
        if ids.find_job(job.job_id) is not None:
            changed = [name for name in job.batch_ids if self._mended(ids, name)]
            return Recovered(made.jobs, made.batches + len(changed), made.adopted, made.kept + 1)
        batches = [self._from_manifest(job, batch_id) for batch_id in job.batch_ids]
        found = self._adopted(batches)
        ids.create_job(job, found)
        adopted = sum(batch.status is BatchStatus.PROCESSING for batch in found)
        log.info("job_recovered", job_id=job.job_id, batches=len(found), adopted=adopted)
        return Recovered(made.jobs + 1, made.batches + len(found), made.adopted + adopted, made.kept)

    def _from_manifest(self, job: Job, batch_id: str) -> Batch:
        batch = self._objects.get_manifest(batch_id)
        if batch is None:
            raise RecoveryFailed(job_id=job.job_id, problem=f"the manifest of batch {batch_id} is not in S3")
        return batch

    def _adopted(self, batches: list[Batch]) -> list[Batch]:
        """The batches, with those that OpenAI has as it has them: one sweep of its list."""
        sent = {each.batch_id: each for each in batches if each.status is BatchStatus.PENDING and each.current.sent_at}
        if not sent:
            return batches
        since = min(each.current.sent_at or each.created_at for each in sent.values())
        found = self._api.find_all({name: metadata(each) for name, each in sent.items()}, since=since)
        return [
            batch
            if (remote := found.get(batch.batch_id)) is None
            else batch.with_current(openai_batch_id=remote.id, openai_status=remote.status).model_copy(
                update={"status": BatchStatus.PROCESSING, "not_before": None, "waiting_for": None, "waits": 0}
            )
            for batch in batches
        ]

    def _mended(self, ids: BatchIdManager, batch_id: str) -> bool:
        """Whether S3 knew more of a batch that Redis has: Redis came back in an older state."""
        with ids.lease(batch_id, patience_s=2 * ids.lease_s) as lease:
            manifest, batch = self._objects.get_manifest(batch_id), ids.get(batch_id)
            if manifest is None:
                return False
            newer = manifest if is_ahead(manifest, batch) else with_intent_of(manifest, batch)
            if newer is batch:
                return False
            if newer is not manifest:  # sent again since: submit finds that sending at OpenAI
                newer = no_longer_waiting(newer).model_copy(update={"status": BatchStatus.PENDING})
            log.warning("batch_mended", batch_id=batch_id, status=newer.status, was=batch.status)
            ids.replace(newer, lease, found=batch.status)
        return True
