"""The gate: one run of `review` for each (batch, iteration) that waits for a person, and none for the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Crashed
from structlog.stdlib import get_logger

from batchgen.errors import BatchNotFound
from batchgen.models import Batch
from batchgen.services import Services
from flows.run import TASK_OPTIONS, deployment_id, run_services

log = get_logger(__name__)

DEPLOYMENT = "review/review"
MOST_RUNS = 20
"""For one review; if so many ended without a decision, another would, too."""
_LIVE = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED]
_PAGE = 200
_STUCK_AFTER = timedelta(minutes=15)
"""A review works for seconds between two states; one that has not moved for so long lost its worker."""


def keep_gate(services: Services) -> None:
    """Keep the gate, in a task, where there is something to keep; only in a deployment."""
    if deployment_id() is None:
        return
    with get_client(sync_client=True) as client:
        deployment = _deployment(client)
        if deployment is None:
            log.warning("no_review_deployment", remedy="prefect deploy --all")
            return
        if _missing(services, client, deployment) or any(_ended(services, run) for run in _live(client, deployment)):
            keep_reviews(deployment)


@task(name="open and close reviews", **TASK_OPTIONS)
def keep_reviews(deployment: UUID) -> dict[str, int]:
    """Open the reviews that are missing and end those whose batch was decided elsewhere; returns how many."""
    with run_services() as services, get_client(sync_client=True) as client:
        ended = [run for run in _live(client, deployment) if _ended(services, run)]
        for run in ended:
            _end(client, run)
        missing = _missing(services, client, deployment)
        for batch in missing:
            _open(client, deployment, batch)
        return {"opened": len(missing), "ended": len(ended)}


def review_name(batch: Batch) -> str:
    """How the review of a batch is called in a list of runs."""
    again = f", iteration {batch.iteration}" if batch.iteration > 1 else ""
    return f"{batch.data_type} {batch.job_id}, batch {batch.number}{again}: {batch.accepted:,} of {batch.records:,}"


def _deployment(client: SyncPrefectClient) -> UUID | None:
    try:
        return client.read_deployment_by_name(DEPLOYMENT).id
    except ObjectNotFound:
        return None


def _live(client: SyncPrefectClient, deployment: UUID) -> Iterator[FlowRun]:
    """The reviews that have not ended."""
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_LIVE)),
    )
    offset = 0
    while page := client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=_PAGE, offset=offset):
        yield from page
        offset += _PAGE


def _missing(services: Services, client: SyncPrefectClient, deployment: UUID) -> list[Batch]:
    """The batches that wait for a review and have no live run for it."""
    waiting = services.reviewer.waiting()
    if not waiting:
        return []
    open_for = {_about(run) for run in _live(client, deployment) if not _is_stuck(run)}
    return [batch for batch in waiting if (batch.batch_id, batch.iteration) not in open_for]


def _about(run: FlowRun) -> tuple[str, int]:
    return str(run.parameters.get("batch_id")), int(run.parameters.get("iteration") or 0)


def _is_stuck(run: FlowRun) -> bool:
    """Whether it lost its worker: killed between two states, it would be counted as live for ever."""
    if run.state is None or run.state.type not in {StateType.PENDING, StateType.RUNNING}:
        return False
    return datetime.now(UTC) - run.state.timestamp > _STUCK_AFTER


def _ended(services: Services, run: FlowRun) -> bool:
    """Whether nobody has to answer it any more: its worker is lost, or its batch was decided elsewhere."""
    if _is_stuck(run):
        return True
    if run.state is None or run.state.type is not StateType.PAUSED or not run.parameters.get("iteration"):
        return False
    batch_id, iteration = _about(run)
    try:
        return not services.ids.get(batch_id).waits_for_review_of(iteration)
    except BatchNotFound:
        return False  # it belongs to another installation on the same Prefect server


def _end(client: SyncPrefectClient, run: FlowRun) -> None:
    batch_id, iteration = _about(run)
    state: State[None] = (
        Crashed(message="Its worker ended; another run asks for the review.")
        if _is_stuck(run)
        else Completed(message="The batch was decided elsewhere.")
    )
    client.set_flow_run_state(run.id, state, force=True)
    log.info("review_ended", batch_id=batch_id, iteration=iteration, state=state.type.value)


def _open(client: SyncPrefectClient, deployment: UUID, batch: Batch) -> None:
    """Create the run; where one ended without a decision (cancelled, crashed), another one after it."""
    first = key = f"review:{batch.batch_id}:{batch.iteration}"
    for _ in range(MOST_RUNS):
        run = client.create_flow_run_from_deployment(
            deployment,
            parameters={"batch_id": batch.batch_id, "iteration": batch.iteration},
            name=review_name(batch),
            tags=["review", f"type:{batch.data_type}", f"job:{batch.job_id}", f"batch:{batch.batch_id}"],
            idempotency_key=key,
        )
        if run.state is None or not run.state.is_final():
            log.info("review_opened", batch_id=batch.batch_id, iteration=batch.iteration, flow_run=str(run.id))
            return
        key = f"{first}:after-{run.id}"
    log.error("reviews_keep_ending", batch_id=batch.batch_id, remedy=f"batchgen review {batch.batch_id}")
