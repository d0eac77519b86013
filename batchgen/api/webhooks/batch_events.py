"""What follows when OpenAI says that a batch has ended: the stages that the sweep would run, now instead of soon.

The event only says where to look. What is true stands at OpenAI and in Redis, so that a repeated, late or forged one
changes nothing, and a lost one costs no more than the wait for the sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.stdlib import get_logger

from batchgen.errors import BatchBusy, BatchgenError, BatchNotFound, LeaseLost, StatusChanged
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.stages.checker import BatchStatusChecker
from batchgen.stages.handler import CompletedBatchHandler
from batchgen.stages.sending import BATCH_ID
from batchgen.storage.batch_ids import BatchIdManager

if TYPE_CHECKING:
    from batchgen.openai_client.batch_api import BatchApi

log = get_logger(__name__)


class BatchEvents:
    """Follows up on batches that ended at OpenAI. Safe to use from threads."""

    def __init__(
        self, *, ids: BatchIdManager, api: BatchApi, checker: BatchStatusChecker, handler: CompletedBatchHandler
    ) -> None:
        """Take the connections and the stages."""
        self._ids = ids
        self._api = api
        self._checker = checker
        self._handler = handler

    def follow_up(self, openai_batch_id: str) -> None:
        """Check and process the batch that this one at OpenAI belongs to; what cannot be done is left to the sweep."""
        try:
            self._advance(openai_batch_id)
        except (BatchBusy, LeaseLost, StatusChanged) as taken:
            log.debug("left_to_another_worker", problem=str(taken))
        except BatchgenError as left:  # Unavailable, AccessDenied, BucketMissing
            log.warning("webhook_left_to_the_sweep", openai_batch_id=openai_batch_id, problem=str(left))

    def _advance(self, openai_batch_id: str) -> None:
        batch = self._find(openai_batch_id)
        if batch is None:
            log.debug("webhook_ignored", openai_batch_id=openai_batch_id)
            return
        if batch.status is BatchStatus.PROCESSING:
            self._checker.check([batch.batch_id])
            batch = self._ids.get(batch.batch_id)
        if batch.status is BatchStatus.PRE_COMPLETED:
            self._handler.process(batch.batch_id)

    def _find(self, openai_batch_id: str) -> Batch | None:
        """Our batch whose present iteration this is; None for anything else."""
        remote = self._api.retrieve(openai_batch_id)
        if remote is None or BATCH_ID not in remote.metadata:
            return None
        try:
            batch = self._ids.get(remote.metadata[BATCH_ID])
        except BatchNotFound:
            return None
        return batch if batch.current.openai_batch_id == openai_batch_id else None
