"""How long a batch that cannot be sent now waits before the next try."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from batchgen.models import Batch

LONGEST_S = 900.0
_DOUBLINGS = 16


def put_off(batch: Batch, reason: str, *, first_s: float, least_s: float | None = None) -> Batch:
    """The batch, held back: twice as long each time, with jitter, at least as long as the server asked for."""
    wait_s = min(LONGEST_S, first_s * 2.0 ** min(batch.waits, _DOUBLINGS)) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret
    wait_s = max(wait_s, least_s or 0.0)
    return batch.model_copy(
        update={
            "not_before": datetime.now(UTC) + timedelta(seconds=wait_s),
            "waiting_for": reason,
            "waits": batch.waits + 1,
        }
    )


def no_longer_waiting(batch: Batch) -> Batch:
    """The batch, free to run."""
    return batch.model_copy(update={"not_before": None, "waiting_for": None, "waits": 0})
