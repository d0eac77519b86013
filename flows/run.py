"""What every flow run has: its services, opened once inside the run, and batchgen's events in its log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from batchgen.errors import Unavailable
from batchgen.logging import configure_run_logging
from batchgen.services import Services
from batchgen.settings import Settings

_services: ContextVar[Services] = ContextVar("services")

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


@contextmanager
def run_services() -> Iterator[Services]:
    """The services of this flow run: the ones that the flow around it opened, or new ones."""
    opened = _services.get(None)
    if opened is not None:
        yield opened
        return
    settings = Settings.load()
    configure_run_logging(settings.log_level)
    with Services(settings) as services:
        token = _services.set(services)
        try:
            yield services
        finally:
            _services.reset(token)
