"""The facts of a batch that tests of a data type's files need."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from batchgen.data_types.contract import BatchFacts


def batch_facts(**changes: Any) -> BatchFacts:
    """An ordinary batch, with changes."""
    facts: dict[str, Any] = {
        "batch_id": "job-0001",
        "job_id": "job",
        "model": "gpt-4o-mini",
        "created_at": datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
        "simulated": False,
        "iteration": 1,
        "records": 2,
        "accepted": 2,
        "refused": 0,
        "failed": 0,
        "cost_usd": Decimal("0.01"),
    }
    return BatchFacts(**(facts | changes))
