"""A batch that hangs at OpenAI is cancelled in time; what it has by then is kept, the rest is sent again."""

from __future__ import annotations

import pytest
from pipeline import Pipeline, StartPipeline
from waiting import wait_until

from batchgen.lifecycle import BatchStatus
from batchgen.stages.intake import JobRequest


def submitted(pipeline: Pipeline, count: int = 10) -> str:
    job = pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(count)))
    pipeline.services.processor.submit(job.batch_ids[0])
    return job.batch_ids[0]


def test_a_batch_that_hangs_is_cancelled_and_its_answers_are_kept(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(BATCHGEN_BATCH_DEADLINE_S=0.3)
    pipeline.simulator.control.fault("batches.run", "hang", fraction=0.6)
    name = submitted(pipeline)
    pipeline.services.advance()
    batch = pipeline.services.ids.get(name)
    assert (batch.accepted, batch.retry_count, batch.iteration) == (10, 0, 2)
    assert [each.requests for each in batch.iterations] == [10, 4]
    assert batch.iterations[0].cancel_asked_at is not None
    assert pipeline.simulator.control.billed_twice() == {}
    assert pipeline.simulator.control.requests()["batches.cancel"]["total"] == 1


def test_a_batch_in_time_is_left_alone(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(BATCHGEN_BATCH_DEADLINE_S=60)
    pipeline.simulator.control.fault("batches.run", "slow", seconds=0.3)
    name = submitted(pipeline)
    pipeline.services.advance()
    assert pipeline.services.ids.get(name).iteration == 1
    assert "batches.cancel" not in pipeline.simulator.control.requests()


@pytest.mark.parametrize("status", [400, 409, 503])
def test_a_refused_cancellation_is_told_and_tried_again(start_pipeline: StartPipeline, status: int) -> None:
    pipeline = start_pipeline(BATCHGEN_BATCH_DEADLINE_S=0.05)
    pipeline.services.openai.get_sync_client().max_retries = 0
    pipeline.simulator.control.fault("batches.run", "hang")
    pipeline.simulator.control.fault("batches.cancel", "error", status=status, message="not now", times=2)
    name = submitted(pipeline)

    def refused() -> bool:
        pipeline.services.checker.check([name])
        return "not now" in (pipeline.services.ids.get(name).last_error or "")

    wait_until(refused)
    pipeline.services.advance()
    batch = pipeline.services.ids.get(name)
    assert (batch.status, batch.accepted, batch.last_error) == (BatchStatus.READY_FOR_REVIEW, 10, None)


def test_a_batch_that_openai_does_not_know_is_not_sent_again(pipeline: Pipeline) -> None:
    name = submitted(pipeline)
    pipeline.simulator.control.fault("batches.retrieve", "error", status=404, message="No such batch", times="always")
    pipeline.services.stages.tick()
    batch = pipeline.services.ids.get(name)
    assert batch.status is BatchStatus.PROCESSING
    assert "does not show" in (batch.last_error or "")
    pipeline.simulator.control.clear_faults()
    pipeline.services.advance()
    assert pipeline.services.ids.get(name).last_error is None
