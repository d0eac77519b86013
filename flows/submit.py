"""Submit: every due PENDING batch → PROCESSING, FAILED."""

from __future__ import annotations

from prefect import flow, task

from flows.run import TASK_OPTIONS, run_services
from flows.steps import step


@task(name="submit batch", task_run_name="submit-{batch_id}", **TASK_OPTIONS)
def submit_batch(batch_id: str) -> str:
    """Send one batch; returns its status."""
    with run_services() as services:
        return step(services.processor.submit, batch_id)


@flow(name="submit", flow_run_name="submit-{job_id}")
def submit(job_id: str | None = None) -> dict[str, str]:
    """Send the batches that are due, of a job or of all; returns their statuses."""
    with run_services() as services:
        return {batch_id: submit_batch(batch_id) for batch_id in services.processor.due(job_id)}
