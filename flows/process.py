"""Process: PRE_COMPLETED → READY_FOR_REVIEW, PENDING (next iteration), EXHAUSTED, FAILED."""

from __future__ import annotations

from prefect import flow, task

from flows.run import TASK_OPTIONS, run_services
from flows.steps import step


@task(name="process batch", task_run_name="process-{batch_id}", **TASK_OPTIONS)
def process_batch(batch_id: str) -> str:
    """Judge and store what OpenAI returned for one batch; returns its status."""
    with run_services() as services:
        return step(services.handler.process, batch_id)


@flow(name="process", flow_run_name="process-{job_id}")
def process(job_id: str | None = None) -> dict[str, str]:
    """Process the batches whose answers are there, of a job or of all; returns their statuses."""
    with run_services() as services:
        return {batch_id: process_batch(batch_id) for batch_id in services.handler.due(job_id)}
