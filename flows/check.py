"""Check: PROCESSING → PRE_COMPLETED, FAILED; FAILED → PRE_COMPLETED, PENDING, EXHAUSTED."""

from __future__ import annotations

import threading

from prefect import flow, task

from flows.artifacts import show_jobs, show_progress
from flows.events import announcements
from flows.parameters import JobName
from flows.run import TASK_OPTIONS, run_services, stage_name
from flows.ticks import drop_late_ticks, order_next_check


@task(name="check batches", **TASK_OPTIONS)
def check_batches(job_id: str | None = None, *, until_moved: bool = False) -> dict[str, str]:
    """Sweep over what OpenAI has, once or until a batch has moved; returns the statuses of those that did."""
    with run_services() as services:
        while batch_ids := services.checker.due(job_id):
            moved = services.checker.check(batch_ids)
            show_progress(services, batch_ids)
            others = services.processor.due(job_id) or services.handler.due(job_id)
            if moved or others or not until_moved:
                return {batch.batch_id: batch.status.value for batch in moved}
            threading.Event().wait(services.settings.poll_interval_s)
    return {}


@flow(name="check", flow_run_name=stage_name)
def check(job_id: JobName = "", until_moved: bool = False) -> dict[str, str]:
    """Look at what became of the batches at OpenAI.

    Args:
        job_id: Only the batches of this job. Empty: of all jobs.
        until_moved: Look again, at the poll interval, until a batch has moved or none is left to look at.
    """
    drop_late_ticks()
    with run_services() as services:
        try:
            statuses = check_batches(job_id or None, until_moved=until_moved)
            with announcements(services) as told:
                for batch_id, status in statuses.items():
                    told.add(batch_id, status)
            show_jobs(services, statuses)
            return statuses
        finally:
            order_next_check(services)
