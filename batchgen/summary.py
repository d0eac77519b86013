"""What is told of a job: the documented summary, as plain values for JSON and tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from batchgen.lifecycle import BatchStatus, least_advanced
from batchgen.models import Batch, Estimate, Job, Usage
from batchgen.money import dollars
from batchgen.stages.estimate import EstimatedJob
from batchgen.stages.intake import JobRequest


def summarize(job: Job, batches: list[Batch]) -> dict[str, Any]:
    """The summary of a job and its batches, as documented in docs/command-line.md."""
    usage = sum((batch.usage for batch in batches), Usage())
    status = least_advanced([batch.status for batch in batches])
    return {
        "job_id": job.job_id,
        "data_type": job.data_type,
        "model": job.model,
        "model_reason": job.model_reason,
        "source": job.source,
        "status": status.value,
        "records": job.records,
        "accepted": sum(batch.accepted for batch in batches),
        "refused": sum(batch.refused for batch in batches),
        "failed": sum(batch.failed for batch in batches),
        "pending": sum(batch.pending for batch in batches),
        "usage": usage.model_dump(),
        "cost_usd": dollars(sum((batch.cost_usd for batch in batches), Decimal(0))),
        "estimate": None if job.estimate is None else show_estimate(job.estimate),
        "max_cost_usd": None if job.max_cost_usd is None else dollars(job.max_cost_usd),
        "simulated": any(batch.simulated for batch in batches),
        "batches": [summarize_batch(batch) for batch in batches],
    }


def show_estimate(estimate: Estimate) -> dict[str, Any]:
    """An estimate as documents have it: amounts as text."""
    amounts = ("cost_usd", "ordinary_cost_usd", "most_cost_usd")
    shown = {name: None if (amount := getattr(estimate, name)) is None else dollars(amount) for name in amounts}
    return estimate.model_dump(exclude=set(amounts)) | shown


def estimate_document(request: JobRequest, estimated: EstimatedJob) -> dict[str, Any]:
    """What is told of a job that was only looked at, as documented in docs/command-line.md."""
    return {
        "data_type": request.data_type,
        "model": estimated.model,
        "model_reason": estimated.model_reason,
        "records": estimated.records,
        "batches": estimated.batches,
        **show_estimate(estimated.estimate),
    }


def summarize_batch(batch: Batch) -> dict[str, Any]:
    """The part of a summary that tells of one batch."""
    summary: dict[str, Any] = {
        "batch_id": batch.batch_id,
        "job_id": batch.job_id,
        "data_type": batch.data_type,
        "status": batch.status.value,
        "iteration": batch.iteration,
        "retry_count": batch.retry_count,
        "max_retries": batch.max_retries,
        "openai_batch_ids": list(batch.openai_batch_ids),
        "records": batch.records,
        "accepted": batch.accepted,
        "refused": batch.refused,
        "failed": batch.failed,
        "pending": batch.pending,
        "reasons": batch.reasons,
        "proof": batch.proof.model_dump() if batch.proof else None,
        "usage": batch.usage.model_dump(),
        "cost_usd": dollars(batch.cost_usd),
        "simulated": batch.simulated,
        "objects": [{"key": stored.key, "url": stored.url} for stored in batch.objects],
        "decisions": [decision.model_dump(mode="json") for decision in batch.decisions],
    }
    if batch.waiting_for is not None:
        not_before = batch.not_before.isoformat() if batch.not_before else None
        summary["waiting"] = {"for": batch.waiting_for, "until": not_before}
    if batch.last_error is not None:
        summary["last_error"] = batch.last_error
    if batch.status is BatchStatus.FAILED and batch.needs_a_person:
        summary["remedy"] = f"Mend the cause, then run: batchgen advance --again {batch.batch_id}"
    return summary


def succeeded(summary: dict[str, Any]) -> bool:
    """Whether every record was accepted and every batch is COMPLETED (exit code 0)."""
    completed = all(batch["status"] == BatchStatus.COMPLETED for batch in summary["batches"])
    return completed and summary["accepted"] == summary["records"]
