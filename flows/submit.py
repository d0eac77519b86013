"""Submit: every due PENDING batch → PROCESSING, FAILED."""

from __future__ import annotations

from prefect import flow, task

from flows.artifacts import show_jobs
from flows.parameters import JobName
from flows.run import TASK_OPTIONS, run_services, stage_name
from flows.steps import run_each, step
from flows.ticks import drop_late_ticks


@task(name="submit batch", task_run_name="submit {batch_id}", **TASK_OPTIONS)
def submit_batch(batch_id: str) -> str:
    """Send one batch; returns its status."""
    with run_services() as services:
        return step(services.processor.submit, batch_id)


@flow(name="submit", flow_run_name=stage_name)
def submit(job_id: JobName = "") -> dict[str, str]:
    """Send the batches that are PENDING and due to OpenAI.

    Args:
        job_id: Only those of this job. Empty: of all jobs.
    """
    drop_late_ticks()
    with run_services() as services:
        statuses = run_each(services, lambda: services.processor.due(job_id or None), submit_batch)
        show_jobs(services, statuses)
        return statuses
