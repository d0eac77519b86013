"""How long a batch that cannot be sent now waits before the next try."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from batchgen.errors import Unavailable
from batchgen.models import Batch

LONGEST_S = 900.0
LONGEST_OUTAGE_S = 120.0
"""An outage ends for all batches at once, and each of them looks again."""
_DOUBLINGS = 16


def put_off(
    batch: Batch,
    reason: str,
    *,
    first_s: float,
    least_s: float | None = None,
    longest_s: float = LONGEST_S,
    over_cap: bool = False,
) -> Batch:
    """The batch, held back: twice as long each time, with jitter, at least as long as the server asked for."""
    wait_s = min(max(longest_s, first_s), first_s * 2.0 ** min(batch.waits, _DOUBLINGS)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret
    wait_s = max(wait_s, least_s or 0.0)
    return batch.model_copy(
        update={
            "not_before": datetime.now(UTC) + timedelta(seconds=wait_s),
            "waiting_for": reason,
            "over_cap": over_cap,
            "waits": batch.waits + 1,
        }
    )


def put_off_by_outage(batch: Batch, away: Unavailable, *, first_s: float) -> Batch:
    """The batch, held back until the service may be there again."""
    return put_off(batch, away.message, first_s=first_s, least_s=away.retry_after_s, longest_s=LONGEST_OUTAGE_S)


def waits(batch: Batch) -> bool:
    """Whether it is not yet time to try again."""
    return batch.not_before is not None and batch.not_before > datetime.now(UTC)


def no_longer_waiting(batch: Batch) -> Batch:
    """The batch, free to run."""
    return batch.model_copy(update={"not_before": None, "waiting_for": None, "waits": 0, "over_cap": False})
