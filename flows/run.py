"""What every flow run has: its services, opened once inside the run, and batchgen's events in its log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run
from prefect.tasks import Task, exponential_backoff

from batchgen.errors import Unavailable
from batchgen.logging import configure_run_logging
from batchgen.services import Services
from batchgen.settings import Settings
from flows.blocks import load_settings

_services: ContextVar[Services] = ContextVar("services")
_connections: ContextVar[Settings | None] = ContextVar("connections", default=None)

RETRIES = 5
FIRST_RETRY_S = 2


async def is_unavailable(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's signature
    """Whether a task failed because a service is away: the one failure that trying again can mend."""
    try:
        await state.aresult()
    except Unavailable:
        return True
    except BaseException:  # noqa: BLE001 - whatever else it is, a retry has no part in it
        return False
    return False


TASK_OPTIONS: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(FIRST_RETRY_S),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_unavailable,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
"""Of every task: native retries for Unavailable alone; no cache, since the stages themselves are safe to run twice."""


def stage_name() -> str:
    """The name of a run of a stage."""
    return f"{flow_run.flow_name} {flow_run.parameters.get('job_id') or 'all jobs'}"


def deployment_id() -> UUID | None:
    """The deployment that this run belongs to; None in a plain Python call."""
    context = FlowRunContext.get()
    return context.flow_run.deployment_id if context is not None and context.flow_run is not None else None


def tag_run(*tags: str) -> None:
    """Add tags to this flow run."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    with get_client(sync_client=True) as client:
        client.update_flow_run(context.flow_run.id, tags=sorted({*context.flow_run.tags, *tags}))


@contextmanager
def connections_of(settings: Settings) -> Iterator[None]:
    """Runs inside take their connections from these settings, whatever blocks there are."""
    token = _connections.set(settings)
    try:
        yield
    finally:
        _connections.reset(token)


@contextmanager
def run_services() -> Iterator[Services]:
    """The services of this flow run: the ones that the flow around it opened, or new ones."""
    opened = _services.get(None)
    if opened is not None:
        yield opened
        return
    settings = _connections.get() or load_settings()
    configure_run_logging(settings.log_level)
    _log_to_runs()
    with Services(settings) as services:
        token = _services.set(services)
        try:
            yield services
        finally:
            _services.reset(token)


def _log_to_runs() -> None:
    """Have batchgen's events stand in the log of the run that they happen in."""
    logger = logging.getLogger("batchgen")
    if not any(isinstance(handler, APILogHandler) for handler in logger.handlers):
        handler = APILogHandler()
        handler.addFilter(lambda _: FlowRunContext.get() is not None or TaskRunContext.get() is not None)
        logger.addHandler(handler)
