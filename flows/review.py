"""Review: READY_FOR_REVIEW → COMPLETED, PENDING (next iteration), EXHAUSTED."""

from __future__ import annotations

from typing import Literal

from prefect import flow, task

from batchgen.stages.decision import Action
from flows.run import TASK_OPTIONS, run_services

Decision = Literal["approve", "reject", "retry"]


@task(name="decide", task_run_name="{decision}-{batch_id}", **TASK_OPTIONS)
def decide(
    batch_id: str, decision: Decision, reviewer: str, note: str, records: list[str] | None, iteration: int | None
) -> str:
    """Carry out a reviewer's decision; returns the batch's status."""
    with run_services() as services:
        batch = services.reviewer.decide(
            batch_id, Action(decision), reviewer=reviewer, note=note, record_ids=records, iteration=iteration
        )
        return batch.status.value


@flow(name="review", flow_run_name="review-{batch_id}")
def review(
    batch_id: str,
    decision: Decision,
    reviewer: str,
    note: str = "",
    records: list[str] | None = None,
    iteration: int | None = None,
) -> str:
    """Carry out what a person decided on a batch; returns its status then."""
    with run_services():
        return decide(batch_id, decision, reviewer, note, records, iteration)
