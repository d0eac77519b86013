"""Nothing is paid twice, whatever happens around the create call; what can wait waits."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.errors import AccessDenied, Unavailable
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.stages.intake import JobRequest


def billed_batches(pipeline: Pipeline) -> int:
    return len(pipeline.simulator.control.billing()["batches"])


def created(pipeline: Pipeline, count: int = 3) -> Batch:
    job = pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(count)))
    return pipeline.services.ids.get(job.batch_ids[0])


def test_a_lost_answer_to_the_create_call_is_adopted_and_not_paid_again(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("batches.create", "drop_answer")
    batch = pipeline.run(pipeline.prompts(3))
    assert (batch.status, batch.accepted) == (BatchStatus.READY_FOR_REVIEW, 3)
    assert billed_batches(pipeline) == 1
    assert len(batch.openai_batch_ids) == 1


def test_a_batch_that_the_list_shows_late_is_waited_for(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(BATCHGEN_ADOPT_WAIT_S=30)
    pipeline.simulator.control.config(list_lag_seconds=0.3)
    pipeline.simulator.control.fault("batches.create", "drop_answer")
    batch = pipeline.run(pipeline.prompts(3))
    assert batch.accepted == 3
    assert billed_batches(pipeline) == 1


def test_the_wait_for_a_lost_batch_begins_when_the_answer_is_lost(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(BATCHGEN_ADOPT_WAIT_S=2)
    pipeline.simulator.control.fault("batches.create", "drop_answer", seconds=2.5)
    pipeline.simulator.control.config(list_lag_seconds=3.5)
    batch = pipeline.run(pipeline.prompts(2))
    assert (batch.accepted, billed_batches(pipeline)) == (2, 1)


def test_a_clock_that_is_hours_fast_pays_nothing_twice(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchgen.stages.processor.datetime", FastClock)
    pipeline.simulator.control.fault("batches.create", "drop_answer")
    batch = pipeline.run(pipeline.prompts(2))
    assert (batch.accepted, billed_batches(pipeline)) == (2, 1)


class FastClock(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(hours=3)


def test_a_create_call_that_never_arrived_is_sent_again_after_the_wait(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("batches.create", "drop_request")
    batch = pipeline.run(pipeline.prompts(3))
    assert (batch.accepted, batch.current.send) == (3, 2)
    assert billed_batches(pipeline) == 1


def test_the_create_call_is_never_repeated_by_the_sdk(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("batches.create", "error", status=500, times="always")
    batch = created(pipeline)
    pipeline.services.processor.submit(batch.batch_id)
    assert pipeline.simulator.control.requests()["batches.create"]["total"] == 1


def test_the_batch_at_openai_carries_what_it_is(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(1))
    found = pipeline.services.openai.get_sync_client().batches.retrieve(batch.openai_batch_ids[0])
    assert found.metadata == {
        "batchgen_batch_id": batch.batch_id,
        "batchgen_iteration": "1",
        "batchgen_send": "1",
        "batchgen_fingerprint": batch.current.requests_sha256,
    }


def test_a_full_queue_at_create_waits_and_uses_up_no_try(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("batches.create", "error", status=429, message="Enqueued token limit reached")
    batch = created(pipeline)
    held = pipeline.services.processor.submit(batch.batch_id)
    assert held.status is BatchStatus.PENDING
    assert held.not_before is not None
    assert "Enqueued token limit reached" in (held.waiting_for or "")
    pipeline.services.advance(batch.job_id)
    done = pipeline.services.ids.get(batch.batch_id)
    assert (done.accepted, done.retry_count, done.iteration, done.waiting_for) == (3, 0, 1, None)


@pytest.mark.parametrize("code", ["token_limit_exceeded", "billing_hard_limit_reached"])
def test_a_batch_over_a_limit_of_the_account_waits_and_uses_up_no_try(pipeline: Pipeline, code: str) -> None:
    pipeline.simulator.control.fault("batches.run", "fail", code=code, message="not now", times=2)
    batch = pipeline.run(pipeline.prompts(3), max_retries=0)
    assert (batch.accepted, batch.retry_count, batch.iteration) == (3, 0, 1)
    assert batch.current.send == 3
    assert len(batch.openai_batch_ids) == 3


def test_a_line_that_openai_names_fails_alone(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("batches.run", "fail", code="invalid_request", message="bad line", line=2)
    batch = pipeline.run(pipeline.prompts(3), max_retries=0)
    assert (batch.status, batch.accepted, batch.failed) == (BatchStatus.READY_FOR_REVIEW, 2, 1)
    [rejected] = pipeline.lines(batch, "rejected.jsonl")
    assert (rejected["record_id"], rejected["reason"], rejected["detail"]) == ("p1", "invalid_request", "bad line")


@pytest.mark.parametrize("line", [0, 4, 99])
def test_a_line_that_the_file_does_not_have_counts_for_all(pipeline: Pipeline, line: int) -> None:
    pipeline.simulator.control.fault("batches.run", "fail", code="bad", message="no", line=line, times="always")
    batch = pipeline.run(pipeline.prompts(3), max_retries=1)
    assert (batch.status, batch.failed, batch.iteration) == (BatchStatus.EXHAUSTED, 3, 2)


def test_a_refusal_that_names_no_line_counts_for_all(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("batches.run", "fail", code="invalid_file", message="no", times="always")
    batch = pipeline.run(pipeline.prompts(2), max_retries=1)
    assert (batch.status, batch.failed, batch.iteration) == (BatchStatus.EXHAUSTED, 2, 2)


def test_what_was_accepted_before_a_refusal_reaches_the_reviewer(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline()
    control = pipeline.simulator.control
    control.fault("requests", "answer", status=500, match={"custom_id": ":1$"}, times="always")
    control.fault("batches.run", "fail", code="invalid_file", message="no", skip=1, times="always")
    batch = pipeline.run(pipeline.prompts(3), max_retries=1)
    assert (batch.status, batch.accepted, batch.failed) == (BatchStatus.READY_FOR_REVIEW, 2, 1)
    assert len(pipeline.lines(batch)) == 2


def test_a_create_call_that_is_refused_for_good_counts_for_all(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("batches.create", "error", status=400, message="no such thing", times="always")
    batch = pipeline.run(pipeline.prompts(2), max_retries=0)
    assert (batch.status, batch.failed) == (BatchStatus.EXHAUSTED, 2)
    assert billed_batches(pipeline) == 0


def test_openai_away_leaves_the_batch_as_it_is(pipeline: Pipeline) -> None:
    batch = created(pipeline)
    pipeline.simulator.control.fault("files.create", "error", status=503, times="always")
    with Services(Settings.model_validate(pipeline.environment)) as services:
        services.openai.get_sync_client().max_retries = 0
        with pytest.raises(Unavailable):
            services.processor.submit(batch.batch_id)
    assert pipeline.services.ids.get(batch.batch_id).status is BatchStatus.PENDING


def test_a_wrong_key_is_told_and_the_batch_kept(pipeline: Pipeline) -> None:
    batch = created(pipeline)
    wrong = Settings.model_validate(pipeline.environment | {"OPENAI_API_KEY": "sk-wrong"})
    with Services(wrong) as services, pytest.raises(AccessDenied, match="OPENAI_API_KEY"):
        services.processor.submit(batch.batch_id)
    pipeline.services.advance(batch.job_id)
    assert pipeline.services.ids.get(batch.batch_id).accepted == 3


def test_a_download_that_is_cut_cleanly_is_fetched_again(pipeline: Pipeline) -> None:
    pipeline.simulator.control.fault("files.content", "truncate", fraction=0.5, at="line", ending="clean")
    batch = pipeline.run(pipeline.prompts(20))
    assert (batch.accepted, batch.iteration) == (20, 1)


@pytest.mark.parametrize("operation", ["files.create", "batches.create"])
def test_an_address_with_nothing_there_uses_up_no_try(pipeline: Pipeline, operation: str) -> None:
    job = pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(2), max_retries=0))
    pipeline.simulator.control.fault(operation, "error", status=404, message="Not Found")
    held = pipeline.services.processor.submit(job.batch_ids[0])
    assert held.status is BatchStatus.PENDING
    assert "Not Found" in (held.waiting_for or "")
    pipeline.services.advance(job.job_id)
    batch = pipeline.services.ids.get(job.batch_ids[0])
    assert (batch.accepted, batch.retry_count, batch.last_error) == (2, 0, None)
