"""Scheduled runs of the stages: late ones are dropped, and a check is ordered where no schedule will bring one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Scheduled
from structlog.stdlib import get_logger

from batchgen.lifecycle import BatchStatus
from batchgen.services import Services
from flows.run import deployment_id

log = get_logger(__name__)

SHORTEST_WAIT_S = 5.0
"""Between two checks of a deployment; each is a process of its own."""
_LATE_S = 30.0
_SCHEDULED = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))


def drop_late_ticks() -> None:
    """Delete the scheduled runs of this deployment that are late: this run does what they would have done.

    They pile up while no worker runs, and each would start a process to find nothing.
    """
    deployment = deployment_id()
    if deployment is None:
        return
    late = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
        state=_SCHEDULED,
        expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC) - timedelta(seconds=_LATE_S)),
    )
    with get_client(sync_client=True) as client:
        dropped = [run for run in client.read_flow_runs(flow_run_filter=late) if run.auto_scheduled]
        for run in dropped:
            client.delete_flow_run(run.id)
    if dropped:
        log.info("late_runs_dropped", runs=len(dropped))


def order_next_check(services: Services) -> None:
    """Have a check run after the poll interval if a batch is at OpenAI and nothing scheduled will look at it."""
    deployment = deployment_id()
    if deployment is None or not services.ids.counts()[BatchStatus.PROCESSING]:
        return
    now = datetime.now(UTC)
    ahead = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
        state=_SCHEDULED,
        expected_start_time=FlowRunFilterExpectedStartTime(after_=now),
    )
    wait_s = max(services.settings.poll_interval_s, SHORTEST_WAIT_S)
    with get_client(sync_client=True) as client:
        if client.read_flow_runs(flow_run_filter=ahead, limit=1):
            return
        client.create_flow_run_from_deployment(
            deployment, state=Scheduled(scheduled_time=now + timedelta(seconds=wait_s))
        )
    log.info("next_check_ordered", in_s=wait_s)
