"""Many workers on one Redis, and a worker that was stopped for longer than its lease: each request is paid once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest
from faults.effects import CrashPoint, Effect, Side
from faults.final_state import keys_of
from faults.forks import forking_processes
from faults.workers import advance_all, crowd, stopped_worker

WORKERS = 8
JOBS, BATCHES_A_JOB, RECORDS_A_BATCH = 4, 3, 5


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with forking_processes(1) as pool:
        yield pool


def test_a_crowd_of_workers_sends_each_batch_once(
    start_pipeline: StartPipeline, processes: ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchgen.storage.batch_files.FileLimits.__init__.__defaults__", (RECORDS_A_BATCH, 10**6, None))
    pipeline = start_pipeline()
    source = pipeline.prompts(BATCHES_A_JOB * RECORDS_A_BATCH)
    jobs = [pipeline.services.processor.create_job(JobRequest("prompt", source)) for _ in range(JOBS)]
    assert processes.submit(crowd, pipeline.environment, WORKERS).result() == [0] * WORKERS
    batches = [batch for job in jobs for batch in pipeline.services.ids.job_batches(job.job_id)]
    assert len(batches) == JOBS * BATCHES_A_JOB
    assert {(batch.status, batch.accepted) for batch in batches} == {(BatchStatus.READY_FOR_REVIEW, RECORDS_A_BATCH)}
    control = pipeline.simulator.control
    assert control.billed_twice() == {}
    assert len(control.billing()["batches"]) == len(batches)
    assert control.billing()["requests"] == len(batches) * RECORDS_A_BATCH
    assert control.requests()["files.create"]["total"] == len(batches)


STOPS = [
    ("OpenAI POST /v1/files", Side.AFTER),
    ("Redis WRITE_BATCH batch:{batch} PENDING→PENDING", Side.BEFORE),
    ("Redis WRITE_BATCH batch:{batch} PENDING→PENDING", Side.AFTER),
    ("S3 PUT state/{batch}/manifest.json", Side.AFTER),
    ("OpenAI POST /v1/batches", Side.AFTER),
    ("Redis WRITE_BATCH batch:{batch} PENDING→PROCESSING", Side.BEFORE),
    ("Redis WRITE_BATCH batch:{batch} PROCESSING→PRE_COMPLETED", Side.BEFORE),
    ("OpenAI GET /v1/files/file-*/content", Side.AFTER),
    ("S3 PUT state/{batch}/1/processed/ledger.jsonl", Side.BEFORE),
    ("S3 COPY batch/prompt/{batch}/results.jsonl", Side.AFTER),
    ("Redis WRITE_BATCH batch:{batch} PRE_COMPLETED→READY_FOR_REVIEW", Side.BEFORE),
]


@pytest.mark.parametrize(("label", "side"), STOPS)
def test_a_worker_that_lost_its_lease_changes_nothing_any_more(
    start_pipeline: StartPipeline, processes: ProcessPoolExecutor, label: str, side: Side
) -> None:
    pipeline = start_pipeline(BATCHGEN_LEASE_S=1)
    [batch_id] = pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(3))).batch_ids
    point = CrashPoint(Effect(label.format(batch=batch_id), 1), side)
    with stopped_worker(processes, pipeline.environment, point) as resume:
        advance_all(pipeline.environment)
        pipeline.services.reviewer.decide(batch_id, Action.REJECT, reviewer="Ada", record_ids=["p0"], note="no")
        before = everything(pipeline, batch_id)
        assert resume() == 0
    assert everything(pipeline, batch_id) == before
    assert pipeline.services.ids.get(batch_id).accepted == 2
    assert pipeline.simulator.control.billed_twice() == {}


def everything(pipeline: Pipeline, batch_id: str) -> tuple[Batch, dict[str, bytes]]:
    """The batch as Redis has it, and every object of it."""
    services = pipeline.services
    keys = list(keys_of(services, f"batch/prompt/{batch_id}/", f"state/{batch_id}/"))
    return services.ids.get(batch_id), {key: services.uploads.read(key) for key in keys}
