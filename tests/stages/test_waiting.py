"""What waits for a service that is away shows it, also after a restart, and uses up no try."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pipeline import Pipeline, StartPipeline
from waiting import wait_until

from batchgen.errors import Unavailable
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.stages.intake import JobRequest


def created(pipeline: Pipeline) -> str:
    job = pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(3), max_retries=0))
    return job.batch_ids[0]


def bring_to(pipeline: Pipeline, name: str, status: BatchStatus) -> None:
    if status is not BatchStatus.PENDING:
        pipeline.services.processor.submit(name)
    while pipeline.services.ids.get(name).status is not status:
        pipeline.services.checker.check([name])


def seen_after_a_restart(pipeline: Pipeline, batch_id: str) -> Batch:
    with Services(Settings.model_validate(pipeline.environment)) as services:
        return services.ids.get(batch_id)


STAGES: dict[str, tuple[BatchStatus, Callable[[Pipeline, str], object]]] = {
    "files.create": (BatchStatus.PENDING, lambda pipeline, name: pipeline.services.processor.submit(name)),
    "batches.retrieve": (BatchStatus.PROCESSING, lambda pipeline, name: pipeline.services.checker.check([name])),
    "files.content": (BatchStatus.PRE_COMPLETED, lambda pipeline, name: pipeline.services.handler.process(name)),
}


@pytest.mark.parametrize("operation", STAGES)
def test_a_batch_that_waits_says_why_and_until_when(pipeline: Pipeline, operation: str) -> None:
    status, step = STAGES[operation]
    name = created(pipeline)
    bring_to(pipeline, name, status)
    pipeline.services.openai.get_sync_client().max_retries = 0
    pipeline.simulator.control.fault(operation, "error", status=503, message="out for lunch", times="always")
    before = datetime.now(UTC)
    with pytest.raises(Unavailable):
        step(pipeline, name)
    batch = seen_after_a_restart(pipeline, name)
    assert (batch.status, batch.waits) == (status, 1)
    assert "out for lunch" in (batch.waiting_for or "")
    assert batch.not_before is not None
    assert batch.not_before > before
    [summary] = pipeline.services.summary(batch.job_id)["batches"]
    assert summary["waiting"] == {"for": batch.waiting_for, "until": batch.not_before.isoformat()}
    pipeline.simulator.control.clear_faults()
    pipeline.services.advance()
    done = pipeline.services.ids.get(name)
    assert (done.accepted, done.retry_count, done.waiting_for, done.waits) == (3, 0, None, 0)


def test_each_wait_is_longer_than_the_last(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(BATCHGEN_POLL_INTERVAL_S=10)
    name = created(pipeline)
    pipeline.simulator.control.fault("files.create", "error", status=503, times="always")
    waits: list[float] = []
    for _ in range(4):
        before = datetime.now(UTC)
        with pytest.raises(Unavailable):
            pipeline.services.processor.submit(name)
        until = pipeline.services.ids.get(name).not_before
        assert until is not None
        waits.append((until - before).total_seconds())
    assert all(later > earlier for earlier, later in pairwise(waits))


def test_a_server_that_names_a_time_is_not_asked_before(pipeline: Pipeline) -> None:
    name = created(pipeline)
    pipeline.simulator.control.fault("files.create", "error", status=429, retry_after=1.5)
    before = datetime.now(UTC)
    with pytest.raises(Unavailable):
        pipeline.services.processor.submit(name)
    until = pipeline.services.ids.get(name).not_before
    assert until is not None
    assert until >= before + timedelta(seconds=1.5)
    assert pipeline.services.processor.due() == []
    wait_until(pipeline.services.processor.due)
    assert datetime.now(UTC) >= until
