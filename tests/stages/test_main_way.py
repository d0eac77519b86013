"""From a source to COMPLETED."""

from __future__ import annotations

from urllib.request import urlopen

import orjson
import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.errors import DecisionRefused
from batchgen.lifecycle import BatchStatus
from batchgen.models import Endpoint
from batchgen.simulator import Answer
from batchgen.stages.intake import JobRequest


def test_every_prompt_is_answered_in_the_order_of_the_source(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(20))
    assert batch.status is BatchStatus.READY_FOR_REVIEW
    assert [line["record_id"] for line in pipeline.lines(batch)] == [f"p{number}" for number in range(20)]
    assert pipeline.lines(batch, "rejected.jsonl") == []


def test_nothing_is_completed_before_a_person_approves(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(3))
    pipeline.services.advance(batch.job_id)
    assert pipeline.services.ids.get(batch.batch_id).status is BatchStatus.READY_FOR_REVIEW
    approved = pipeline.approve(batch)
    assert approved.status is BatchStatus.COMPLETED
    assert approved.decisions[0].reviewer == "test"


def test_a_second_decision_is_told_of_the_first(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(1))
    pipeline.approve(batch)
    with pytest.raises(DecisionRefused, match="test decided it already"):
        pipeline.approve(batch)


def test_the_printed_addresses_open(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(2))
    for url in batch.info().urls:
        assert urlopen(url).status == 200  # noqa: S310 - our own server


def test_everything_redis_knows_stands_in_the_manifest(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(2))
    manifest = orjson.loads(pipeline.services.uploads.read(f"state/{batch.batch_id}/manifest.json"))
    assert manifest["job"] == pipeline.services.ids.get_job(batch.job_id).model_dump(mode="json")
    known = batch.model_dump(mode="json")
    assert {**manifest["batch"], "updated_at": None} == {**known, "updated_at": None}


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_both_endpoints_work(pipeline: Pipeline, endpoint: Endpoint) -> None:
    batch = pipeline.run(pipeline.prompts(2), endpoint=endpoint)
    assert batch.accepted == 2
    assert all(line["output"] for line in pipeline.lines(batch))


def test_usage_and_price_are_those_of_the_answers(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(lambda _: Answer("yes", input_tokens=1_000, output_tokens=500))
    batch = pipeline.run(pipeline.prompts(2))
    assert (batch.usage.input_tokens, batch.usage.output_tokens) == (2_000, 1_000)
    assert str(batch.cost_usd.normalize()) == "0.00045"  # half of 2,000 at 0.15 and 1,000 at 0.60 a million
    assert batch.simulated


def test_a_job_larger_than_one_file_fills_several_batches(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchgen.storage.batch_files.FileLimits.__init__.__defaults__", (4, 10_000, None))
    job = pipeline.services.processor.create_job(JobRequest("prompt", pipeline.prompts(10)))
    pipeline.services.advance(job.job_id)
    batches = pipeline.services.ids.job_batches(job.job_id)
    assert [batch.records for batch in batches] == [4, 4, 2]
    ids = [line["record_id"] for batch in batches for line in pipeline.lines(batch)]
    assert ids == [f"p{number}" for number in range(10)]


def test_repeated_ids_are_kept(pipeline: Pipeline) -> None:
    rows = [{"id": "same", "prompt": "One."}, {"id": "same", "prompt": "Two."}]
    batch = pipeline.run(pipeline.source(rows))
    assert [line["record_id"] for line in pipeline.lines(batch)] == ["same", "same"]


def test_stages_are_safe_to_run_twice(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(3))
    for step in (pipeline.services.processor.submit, pipeline.services.handler.process):
        assert step(batch.batch_id) == pipeline.services.ids.get(batch.batch_id)
    assert len(pipeline.simulator.control.billing()["batches"]) == 1


def test_other_results_are_not_readable_without_credentials(pipeline: Pipeline) -> None:
    batch = pipeline.run(pipeline.prompts(1))
    key = f"state/{batch.batch_id}/manifest.json"
    with pytest.raises(OSError, match="403"):
        urlopen(pipeline.services.uploads.url(key))  # noqa: S310 - our own server
