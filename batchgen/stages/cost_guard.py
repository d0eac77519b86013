"""Nothing is sent that could pass a cap: the most a batch can cost is reserved first, in one step across processes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from batchgen.errors import CapTooSmall, NoCostBound
from batchgen.models import Batch
from batchgen.money import dollars, nano, usd
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.tokens import counter_for
from batchgen.stages.budgets import Budgets
from batchgen.stages.cost_bound import NoBound, most_cost
from batchgen.stages.intake import Prepared
from batchgen.stages.state_objects import StateObjects
from batchgen.stages.workspace import Workspace
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.cost_entries import month_of
from batchgen.storage.lease import Lease


class CostGuard:
    """Knows the caps, and what a batch has to reserve below them."""

    def __init__(
        self,
        *,
        ids: BatchIdManager,
        objects: StateObjects,
        workspace: Workspace,
        catalog: ModelCatalog,
        budgets: Budgets,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the connections, the caps and the clock."""
        self._ids = ids
        self._objects = objects
        self._workspace = workspace
        self._catalog = catalog
        self._budgets = budgets
        self._now = now

    def bounded(self, prepared: Prepared) -> list[Batch]:
        """The batches of a new job, each with the most it can cost where a cap applies.

        Raises CapTooSmall for one that could never be sent, NoCostBound, InvalidSetting.
        """
        caps = self._budgets.of_job(prepared.job, self._now())
        if not caps:
            return prepared.batches
        lowest = min(caps, key=lambda cap: cap.nano)
        bounded = []
        for batch, file in zip(prepared.batches, prepared.files, strict=True):
            most = self._most(batch, file.requests_path, lowest.label)
            if nano(most) > lowest.nano:
                raise CapTooSmall(
                    cap=lowest.label,
                    max_usd=dollars(usd(lowest.nano)),
                    most_usd=dollars(most),
                    most_output=str(prepared.job.max_output_tokens or "the type's own"),
                )
            bounded.append(batch.with_current(most_cost_usd=most))
        return bounded

    def reserved(self, batch: Batch, lease: Lease) -> Batch:
        """The batch with the most it can cost counted against the caps; raises CapReached, NoCostBound.

        One that was held up since another month, and not sent, counts against the caps of this one.
        """
        now, current = self._now(), batch.current
        caps = self._budgets.of_job(self._ids.get_job(batch.job_id), now)
        since = current.reserved_at
        if not caps or (since is not None and (current.sent_at is not None or month_of(since) == month_of(now))):
            return batch
        if batch.current.most_cost_usd is None:
            with self._workspace.folder(batch.batch_id) as folder:
                most = self._most(batch, self._objects.get_requests(batch, folder), caps[0].label)
            batch = self._ids.save(batch.with_current(most_cost_usd=most), lease)
        return self._ids.save(batch.with_current(reserved_at=now), lease, caps=caps)

    def has_room(self, batch: Batch) -> bool:
        """Whether the caps have room by now for a batch that they held back."""
        caps = self._budgets.of_job(self._ids.get_job(batch.job_id), self._now())
        most = batch.current.most_cost_usd
        if most is None:
            return not caps
        taken = self._ids.sums([cap.account for cap in caps])
        return all(others + nano(most) <= cap.nano for others, cap in zip(taken, caps, strict=True))

    def _most(self, batch: Batch, requests: Path, cap: str) -> Decimal:
        try:
            return most_cost(requests, counter_for(batch.model), self._catalog.prices(batch.model, batch=True))
        except NoBound as none:
            if none.for_want_of_a_limit:
                raise NoCostBound(cap=cap, problem=none.problem) from none
            advice = "Take the cap away, or such records out of the source."
            raise NoCostBound(cap=cap, problem=none.problem, advice=advice) from none
