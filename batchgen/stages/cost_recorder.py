"""Books what calls outside of batches cost: each once, whatever is tried again, and so that Redis may be lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from structlog.stdlib import get_logger

from batchgen.errors import BatchgenError
from batchgen.models import Usage
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.stages.state_objects import StateObjects
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.cost_entries import CostEntry

log = get_logger(__name__)


class CostRecorder:
    """What the OpenAI client manager tells of each ordinary call: S3 keeps it, Redis counts it."""

    def __init__(
        self,
        *,
        ids: BatchIdManager,
        objects: StateObjects,
        catalog: ModelCatalog,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the connections."""
        self._ids = ids
        self._objects = objects
        self._catalog = catalog
        self._now = now

    def record(
        self,
        *,
        service: str,
        model: str,
        usage: Usage,
        cost_usd: Decimal,
        key: str,
        simulated: bool = False,
        **labels: str,
    ) -> None:
        """Book a call; `key` makes it count once. Labels that count: job_id, data_type.

        The answer is there and paid for, so nothing is raised where S3 or Redis is away: the log keeps the figures.
        """
        entry = CostEntry(
            service=service,
            key=key,
            job_id=labels.get("job_id", ""),
            data_type=labels.get("data_type", ""),
            model=model,
            catalog_model=self._catalog.facts(model).model_id,
            day=self._now().date(),
            requests=1,
            answers=1,
            usage=usage,
            cost_usd=cost_usd,
            simulated=simulated,
        )
        try:
            self._ids.book(self._objects.put_call(entry))
        except BatchgenError as away:
            log.error("call_not_booked", problem=str(away), entry=entry.model_dump(mode="json"))  # noqa: TRY400 - figures, no trace
