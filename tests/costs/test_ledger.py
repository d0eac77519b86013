"""The ledger holds what OpenAI billed, each answer once, whatever happened on the way."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.models import Usage
from batchgen.openai_client.prices import PriceList, Rates
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.simulator import Answer, AnswerRequest
from batchgen.stages.decision import Action
from batchgen.stages.meter import Meter
from costs.ledger_checks import MODEL, assert_ledger_is_the_bill, capped, installation, spent

RECORDS = 12


def refuses_some(request: AnswerRequest) -> Answer:
    """Every third record is answered at the second try only."""
    row = int((request.custom_id or "0").rpartition(":")[2])
    return Answer("" if row % 3 == 0 and request.attempt == 1 else f"answer {row}", output_tokens=5 + row % 3)


def test_it_is_the_bill_after_retries_expiry_doubled_lines_and_lost_answers(
    start_pipeline: StartPipeline, tmp_path: Path
) -> None:
    pipeline = installation(start_pipeline, tmp_path, refuses_some)
    control = pipeline.simulator.control
    control.fault("batches.run", "expire", fraction=0.5)
    control.fault("batches.run", "duplicate_lines", count=3, skip=1)
    control.fault("batches.create", "drop_answer", times=1)
    control.fault("files.content", "truncate", ending="clean", fraction=0.5, at="line")
    batch = pipeline.run(pipeline.prompts(RECORDS), model=MODEL, max_output_tokens=10, max_cost_usd=Decimal(100))
    assert batch.accepted == RECORDS
    assert batch.iteration > 2
    assert_ledger_is_the_bill(pipeline)


def test_judging_again_books_nothing_twice(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path, refuses_some)
    job = pipeline.services.processor.create_job(capped(pipeline.prompts(RECORDS), max_cost_usd=Decimal(100)))
    [batch_id] = job.batch_ids
    before = None
    while pipeline.services.is_active(job.job_id):
        pipeline.services.stages.tick(job.job_id)
        now = pipeline.services.ids.get(batch_id)
        if before is not None and before != now:
            pipeline.services.recovery.recover()  # reads the manifests, and books what they hold
        before = now
    assert_ledger_is_the_bill(pipeline)


def test_it_survives_an_emptied_redis_and_a_deleted_batch(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path, refuses_some)
    batch = pipeline.run(pipeline.prompts(RECORDS), model=MODEL)
    pipeline.services.cost_recorder.record(
        service="chat", model=MODEL, usage=Usage(input_tokens=7), cost_usd=Decimal("0.014"), key="call 1"
    )
    before = sorted(pipeline.services.ids.costs(), key=lambda entry: entry.field)
    assert len(before) == 3
    total = spent(pipeline)
    empty(pipeline)
    with Services(Settings.model_validate(pipeline.environment)) as again:
        again.recovery.recover()
        assert sorted(again.ids.costs(), key=lambda entry: entry.field) == before
        assert spent(Pipeline(again, pipeline.simulator, pipeline.folder, pipeline.environment)) == total
        again.ids.delete(batch.batch_id)
        assert sorted(again.ids.costs(), key=lambda entry: entry.field) == before


def empty(pipeline: Pipeline) -> None:
    """Take everything of this installation out of Redis."""
    client = pipeline.services._redis
    client.delete(*client.scan_iter(f"{pipeline.services.settings.redis_prefix}:*"))


def test_an_ordinary_call_counts_once(pipeline: Pipeline) -> None:
    for _ in range(3):
        pipeline.services.cost_recorder.record(
            service="preview", model="gpt-4o", usage=Usage(input_tokens=9), cost_usd=Decimal("0.5"), key="a", job_id="j"
        )
    [entry] = pipeline.services.ids.costs()
    assert (entry.service, entry.job_id, entry.usage.input_tokens, entry.requests) == ("preview", "j", 9, 1)
    assert spent(pipeline) == spent(pipeline, "job", "j") == spent(pipeline, "model", "gpt-4o") == Decimal("0.5")


def test_accepted_records_belong_to_the_iteration_of_their_answer(
    start_pipeline: StartPipeline, tmp_path: Path
) -> None:
    pipeline = installation(start_pipeline, tmp_path, refuses_some)
    batch = pipeline.run(pipeline.prompts(RECORDS), model=MODEL)
    assert [each.accepted for each in batch.iterations] == [8, 4]
    pipeline.services.reviewer.decide(batch.batch_id, Action.REJECT, reviewer="Ada", record_ids=["p0", "p1", "p2"])
    report = pipeline.services.costs("iteration")
    assert [row["accepted"] for row in report["rows"]] == [6, 3]
    assert report["total"]["accepted"] == 9


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/responses"])
def test_reasoning_tokens_are_counted_as_a_part_of_the_output(pipeline: Pipeline, endpoint: str) -> None:
    batch = pipeline.run(pipeline.prompts(2), model="gpt-5-mini", endpoint=endpoint)
    assert 0 < batch.usage.reasoning_tokens < batch.usage.output_tokens


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/responses"])
def test_tokens_put_into_the_cache_are_booked_at_their_price(pipeline: Pipeline, endpoint: str) -> None:
    rows = [{"id": "long", "prompt": "word " * 2_000}]
    batch = pipeline.run(pipeline.source(rows), model="gpt-6-luna", endpoint=endpoint)
    usage = batch.usage
    assert 0 < usage.cache_write_tokens < usage.input_tokens
    plain = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    of_cache = usage.cached_input_tokens * Decimal("0.005") + usage.cache_write_tokens * Decimal("0.0625")
    assert batch.cost_usd == (plain * Decimal("0.05") + of_cache + usage.output_tokens * Decimal("0.25")) / 1_000_000


def test_each_request_has_its_own_price_step() -> None:
    """Many small requests cost what each costs, though their sum is beyond the step; a large one costs more."""
    one, two = (Rates(each, each, each, each) for each in (Decimal(1_000_000), Decimal(2_000_000)))
    meter = Meter(PriceList(one, ((272_000, two),)))
    for _ in range(10):
        meter.add(100_000)
    assert meter.cost == 1_000_000
    meter.add(300_000)
    assert meter.cost == 1_600_000
