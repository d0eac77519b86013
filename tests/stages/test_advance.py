"""What drives the stages without Prefect: others go on where one batch cannot, and waits stay bounded."""

from __future__ import annotations

import pytest
from pipeline import Pipeline

from batchgen.errors import Unavailable
from batchgen.lifecycle import BatchStatus
from batchgen.stages.intake import JobRequest


def test_a_batch_whose_service_is_away_does_not_hold_up_the_others(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(2), name=name)) for name in "ab"
    )
    process = pipeline.services.handler.process

    def away(batch_id: str) -> object:
        if batch_id == first.batch_ids[0]:
            raise Unavailable(service="OpenAI", problem="cut")
        return process(batch_id)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline.services.handler, "process", away)
        waits = iter(range(200))
        with pytest.raises(StopIteration):
            pipeline.services.advance(wait=lambda _: next(waits))
    statuses = [pipeline.services.ids.get(job.batch_ids[0]).status for job in (first, second)]
    assert statuses == [BatchStatus.PRE_COMPLETED, BatchStatus.READY_FOR_REVIEW]


def test_a_long_outage_is_waited_for_a_minute_at_a_time(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(1)))
    waits: list[float] = []

    def away(_: object = None) -> list[str]:
        raise Unavailable(service="Redis", problem="away")

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2_000:
            raise KeyboardInterrupt

    monkeypatch.setattr(pipeline.services.processor, "due", away)
    with pytest.raises(KeyboardInterrupt):
        pipeline.services.advance(wait=wait)
    assert waits[0] < waits[3] < max(waits) == waits[-1] == 60.0


def test_a_batch_whose_file_is_gone_does_not_hold_up_the_others(pipeline: Pipeline) -> None:
    first, second = (
        pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(2), name=name)) for name in "cd"
    )
    pipeline.services.uploads.delete([f"state/{first.batch_ids[0]}/1/requests.jsonl"])
    pipeline.services.advance(second.job_id)
    pipeline.services.stages.tick()
    held = pipeline.services.ids.get(first.batch_ids[0])
    assert pipeline.services.ids.get(second.batch_ids[0]).status is BatchStatus.READY_FOR_REVIEW
    assert (held.status, held.not_before is None) == (BatchStatus.PENDING, False)
    assert "requests.jsonl" in (held.last_error or "")
