"""Process: PRE_COMPLETED → READY_FOR_REVIEW, PENDING (next iteration), EXHAUSTED, FAILED; and the gate is kept."""

from __future__ import annotations

from prefect import flow, task

from flows.artifacts import show_jobs
from flows.gate import keep_gate
from flows.parameters import JobName
from flows.run import TASK_OPTIONS, run_services, stage_name
from flows.steps import run_each, step
from flows.ticks import drop_late_ticks


@task(name="process batch", task_run_name="process {batch_id}", **TASK_OPTIONS)
def process_batch(batch_id: str) -> str:
    """Judge and store what OpenAI returned for one batch; returns its status."""
    with run_services() as services:
        return step(services.handler.process, batch_id)


@flow(name="process", flow_run_name=stage_name)
def process(job_id: JobName = "") -> dict[str, str]:
    """Judge and store the answers that are there, and open a review for each batch that waits for one.

    Args:
        job_id: Only the batches of this job. Empty: of all jobs.
    """
    drop_late_ticks()
    with run_services() as services:
        try:
            statuses = run_each(services, lambda: services.handler.due(job_id or None), process_batch)
            show_jobs(services, statuses)
            return statuses
        finally:
            keep_gate(services)
