"""Jobs and batches as the submit stage makes them, for tests that need no source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from batchgen.models import Batch, Endpoint, Iteration, Job

START = datetime(2026, 1, 1, tzinfo=UTC)


def example_iteration(number: int = 1, **changes: Any) -> Iteration:
    """One iteration of two requests."""
    values: dict[str, Any] = {"number": number, "requests": 2, "requests_bytes": 200, "requests_sha256": "0" * 64}
    return Iteration(**values | changes)


def example_batch(batch_id: str = "job-0001", number: int = 1, **changes: Any) -> Batch:
    """A new batch of two records; the id's part before the last dash is its job. Later numbers are made later."""
    made_at = START + timedelta(seconds=number)
    values: dict[str, Any] = {
        "batch_id": batch_id,
        "job_id": batch_id.rpartition("-")[0],
        "number": number,
        "data_type": "prompt",
        "options": {},
        "model": "gpt-4o-mini",
        "endpoint": Endpoint.CHAT,
        "created_at": made_at,
        "updated_at": made_at,
        "records": 2,
        "iterations": (example_iteration(),),
    }
    return Batch(**values | changes)


def example_job(batches: list[Batch], **changes: Any) -> Job:
    """The job of these batches."""
    first = batches[0]
    values: dict[str, Any] = {
        "job_id": first.job_id,
        "data_type": first.data_type,
        "source": "rows.jsonl",
        "source_fingerprint": "f" * 64,
        "options": {},
        "model": first.model,
        "endpoint": first.endpoint,
        "max_retries": 3,
        "records": sum(batch.records for batch in batches),
        "batch_ids": tuple(batch.batch_id for batch in batches),
        "created_at": first.created_at,
    }
    return Job(**values | changes)


def example_batches(count: int, job_id: str = "job", **changes: Any) -> list[Batch]:
    """The batches of one job, one made after the other."""
    return [example_batch(f"{job_id}-{number:04d}", number, **changes) for number in range(1, count + 1)]
