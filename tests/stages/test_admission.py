"""A batch is held back until the model's queue has room for it: nothing is sent to be refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pipeline import Pipeline, StartPipeline
from waiting import wait_until

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.stages.intake import JobRequest
from batchgen.stages.waiting import waits

MODEL = "small-queue"
LIMIT = 2_000
CATALOG = f"""
models:
  - model_id: {MODEL}
    tier: MINI
    input_price_per_1m: "1"
    output_price_per_1m: "1"
    max_tokens: 16384
    context_window: 128000
    capabilities: [CHAT, STRUCTURED_OUTPUT, BATCH]
    enqueued_tokens: {{1: {LIMIT}}}
"""


def installation(start_pipeline: StartPipeline, tmp_path: Path, **settings: Any) -> Pipeline:
    """One whose model may have 2,000 tokens enqueued, which OpenAI enforces."""
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(CATALOG)
    pipeline = start_pipeline(BATCHGEN_MODEL_CATALOG=catalog, **settings)
    models = pipeline.simulator.control.config()["models"]
    pipeline.simulator.control.config(models=[*models, MODEL], enqueued_tokens={MODEL: LIMIT}, batch_seconds=0.3)
    return pipeline


def prompts(pipeline: Pipeline, count: int, *, name: str = "long.jsonl", words: int = 90) -> str:
    """Prompts of some hundred tokens each."""
    rows = [{"id": f"p{n}", "prompt": f"{n} " + "word " * words} for n in range(count)]
    return pipeline.source(rows, name)


def job(pipeline: Pipeline, source: str, name: str) -> list[str]:
    return list(pipeline.services.processor.create_job(JobRequest("prompt", source, model=MODEL, name=name)).batch_ids)


def refusals(pipeline: Pipeline) -> int:
    """How many batches OpenAI would not take, at the create call or after it."""
    control = pipeline.simulator.control
    answers = control.requests()["batches.create"]
    failed = [batch for batch in control.billing()["batches"] if batch["status"] == "failed"]
    return len(failed) + answers.get("429", 0)


def batches(pipeline: Pipeline, names: list[str]) -> list[Batch]:
    return [pipeline.services.ids.get(name) for name in names]


@pytest.mark.parametrize("over_limit", ["failed", "429"])
def test_batches_wait_for_room_and_none_is_sent_to_be_refused(
    start_pipeline: StartPipeline, tmp_path: Path, over_limit: str
) -> None:
    pipeline = installation(start_pipeline, tmp_path, BATCHGEN_OPENAI_USAGE_TIER=1)
    pipeline.simulator.control.config(over_limit=over_limit)
    names = [name for number in range(3) for name in job(pipeline, prompts(pipeline, 12), f"job{number}")]
    pipeline.services.stages.tick()
    held = [batch for batch in batches(pipeline, names) if batch.waiting_for]
    assert len(held) == 2
    assert all("2000 tokens" in (batch.waiting_for or "") and batch.not_before for batch in held)
    pipeline.services.advance()
    done = batches(pipeline, names)
    assert [(batch.accepted, batch.retry_count, batch.waiting_for) for batch in done] == [(12, 0, None)] * 3
    assert refusals(pipeline) == 0


def test_workers_at_once_share_the_room(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path, BATCHGEN_OPENAI_USAGE_TIER=1)
    names = [name for number in range(8) for name in job(pipeline, prompts(pipeline, 8), f"job{number}")]

    def submit(name: str) -> None:
        with Services(Settings.model_validate(pipeline.environment)) as services:
            services.processor.submit(name)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(submit, names))
    assert sum(batch.status is BatchStatus.PROCESSING for batch in batches(pipeline, names)) == 1
    pipeline.services.advance()
    assert [batch.accepted for batch in batches(pipeline, names)] == [8] * 8
    assert refusals(pipeline) == 0


def test_a_limit_is_learnt_from_the_first_refusal(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path)
    names = [name for number in range(4) for name in job(pipeline, prompts(pipeline, 12), f"job{number}")]
    pipeline.simulator.control.fault("batches.run", "slow", seconds=4)
    for name in names[:2]:
        pipeline.services.processor.submit(name)

    def refused() -> bool:
        pipeline.services.checker.check(names[:2])
        return pipeline.services.ids.get(names[1]).waiting_for is not None

    wait_until(refused)
    pipeline.services.advance()
    assert [(batch.accepted, batch.retry_count) for batch in batches(pipeline, names)] == [(12, 0)] * 4
    assert refusals(pipeline) == 1


def test_a_batch_that_no_queue_could_hold_goes_out_in_parts(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path)
    [name] = job(pipeline, prompts(pipeline, 30), "large")
    pipeline.services.advance()
    batch = pipeline.services.ids.get(name)
    assert (batch.accepted, batch.retry_count, batch.pending) == (30, 0, 0)
    assert [each.requests for each in batch.iterations] == [13, 13, 4]
    assert refusals(pipeline) == 1
    assert pipeline.simulator.control.billed_twice() == {}


def test_a_request_that_no_queue_could_hold_fails_alone(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path)
    rows = [{"id": "fits", "prompt": "word " * 400}, {"id": "never", "prompt": "word " * 2_500}]
    [name] = job(pipeline, pipeline.source(rows), "huge")
    pipeline.services.advance()
    batch = pipeline.services.ids.get(name)
    assert (batch.accepted, batch.failed, batch.reasons) == (1, 1, {"over_enqueued_limit": 1})
    [rejected] = pipeline.lines(batch, "rejected.jsonl")
    assert "2,000" in rejected["detail"]


def test_room_is_given_back_when_a_create_call_is_refused(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path, BATCHGEN_OPENAI_USAGE_TIER=1)
    pipeline.simulator.control.fault("batches.create", "error", status=429, message="slow down")
    first, second = (job(pipeline, prompts(pipeline, 12), name)[0] for name in "ab")
    assert pipeline.services.processor.submit(first).waiting_for is not None
    assert pipeline.services.processor.submit(second).status is BatchStatus.PROCESSING


def test_a_batch_that_openai_does_not_know_takes_no_room(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path, BATCHGEN_OPENAI_USAGE_TIER=1)
    pipeline.simulator.control.fault("batches.run", "slow", seconds=1)
    first, second = (job(pipeline, prompts(pipeline, 12), name)[0] for name in "ab")
    pipeline.services.processor.submit(first)
    pipeline.simulator.control.fault("batches.retrieve", "error", status=404, message="No such batch")
    assert pipeline.services.processor.submit(second).waiting_for is not None
    pipeline.services.checker.check([first])
    pipeline.simulator.control.config(enqueued_tokens={})
    wait_until(lambda: not waits(pipeline.services.ids.get(second)))
    assert pipeline.services.processor.submit(second).status is BatchStatus.PROCESSING
    pipeline.services.advance()
    assert [batch.accepted for batch in batches(pipeline, [first, second])] == [12, 12]
    assert pipeline.simulator.control.billed_twice() == {}


def test_a_batch_whose_fate_is_unknown_is_adopted_though_the_queue_is_full_by_now(
    start_pipeline: StartPipeline, tmp_path: Path
) -> None:
    pipeline = installation(start_pipeline, tmp_path)
    [name] = job(pipeline, prompts(pipeline, 12), "in-doubt")
    pipeline.simulator.control.fault("batches.create", "drop_answer")
    assert pipeline.services.processor.submit(name).status is BatchStatus.PENDING
    pipeline.services.ids.learn_enqueued_limit(MODEL, 100)
    pipeline.services.advance()
    batch = pipeline.services.ids.get(name)
    assert (batch.accepted, [each.requests for each in batch.iterations]) == (12, [12])
    assert pipeline.simulator.control.billed_twice() == {}
