"""The work pool of the deployments, as `batchgen up --worker` makes it."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

RUNS_AT_ONCE = 16
"""Each is a process of some 130 MB; those that pile up while no worker runs would all start at once."""


def ensure_pool(name: str, *, python: str | None = None) -> None:
    """Have a process pool of this name; one that exists keeps its limit.

    `python` is the interpreter of the only machine that has workers. A run starts in two thirds of the time there: what
    Prefect does otherwise is to start a process that finds out what to start, and that imports Prefect, too.
    """
    template = ProcessWorker.get_default_base_job_template()
    if python is not None:
        template["variables"]["properties"]["command"]["default"] = f"{python} -m prefect.engine"
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(name)
        except ObjectNotFound:
            client.create_work_pool(
                WorkPoolCreate(name=name, type="process", base_job_template=template, concurrency_limit=RUNS_AT_ONCE)
            )
        else:
            if python is not None:
                client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
