"""Check: PROCESSING → PRE_COMPLETED, FAILED; FAILED → PRE_COMPLETED, PENDING, EXHAUSTED."""

from __future__ import annotations

import threading

from prefect import flow, task

from flows.run import TASK_OPTIONS, run_services


@task(name="check batches", **TASK_OPTIONS)
def check_batches(job_id: str | None = None, *, until_moved: bool = False) -> dict[str, str]:
    """Sweep over what OpenAI has, once or until a batch has moved; returns the statuses of those that did."""
    with run_services() as services:
        while batch_ids := services.checker.due(job_id):
            moved = services.checker.check(batch_ids)
            if moved or not until_moved:
                return {batch.batch_id: batch.status.value for batch in moved}
            threading.Event().wait(services.settings.poll_interval_s)
    return {}


@flow(name="check", flow_run_name="check-{job_id}")
def check(job_id: str | None = None, *, until_moved: bool = False) -> dict[str, str]:
    """Look at what OpenAI has, of a job or of all; returns the statuses of the batches that moved.

    With `until_moved` it looks again, at the poll interval, until one has moved or none is left to look at.
    """
    with run_services():
        return check_batches(job_id, until_moved=until_moved)
