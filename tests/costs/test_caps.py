"""A cap is never passed, and what it holds back goes on when there is room."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from faults.forks import forking_processes
from faults.workers import crowd
from pipeline import Pipeline, StartPipeline
from waiting import wait_until

from batchgen.errors import CapReached, CapTooSmall, InvalidSetting, NoCostBound
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch, Endpoint, Job, Prompt, Usage
from batchgen.money import NANO
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.simulator import Answer
from batchgen.stages.cost_bound import most_cost
from batchgen.stages.cost_guard import CostGuard
from batchgen.stages.state_objects import StateObjects
from batchgen.stages.waiting import waits
from batchgen.storage.cost_entries import account
from costs.ledger_checks import MOST_OUTPUT, assert_ledger_is_the_bill, billed, capped, installation, price, spent

PROCESSES = 8
RECORDS = 3


def say_much(_: object) -> Answer:
    """As much as is allowed."""
    return Answer("four" * MOST_OUTPUT)


def most_of(pipeline: Pipeline, job: Job) -> Decimal:
    """What a batch of the job reserves."""
    return pipeline.services.ids.get(job.batch_ids[0]).current.most_cost_usd or Decimal(0)


def jobs(pipeline: Pipeline, count: int, **changes: Any) -> list[Job]:
    source = pipeline.prompts(RECORDS)
    names = [f"job-{number}" for number in range(count)]
    return [pipeline.services.processor.create_job(capped(source, name=name, **changes)) for name in names]


def budget_file(folder: Path, *caps: str) -> Path:
    path = folder / "budgets.yaml"
    path.write_text("caps:\n" + "".join(f"  - {{{cap}}}\n" for cap in caps))
    return path


def state_of(pipeline: Pipeline, made: list[Job]) -> list[Batch]:
    return [batch for job in made for batch in pipeline.services.ids.job_batches(job.job_id)]


def test_eight_processes_at_once_never_pass_the_cap(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    """Room for 3 of 10 batches, which cost nearly what they reserve; the workers try all of them again and again."""
    path = budget_file(tmp_path, "max_usd: 1000")
    settings = {"BATCHGEN_BUDGETS": path, "BATCHGEN_POLL_INTERVAL_S": 0.2}  # else they do nothing but look for room
    pipeline = installation(start_pipeline, tmp_path, say_much, **settings)
    made = jobs(pipeline, 10)
    cap = 3 * most_of(pipeline, made[0])
    budget_file(tmp_path, f"max_usd: {cap}")
    with forking_processes(1) as processes:
        assert processes.submit(crowd, pipeline.environment, PROCESSES).result() == [0] * PROCESSES
    assert Decimal(0) < price(billed(pipeline)) <= cap
    batches = state_of(pipeline, made)
    sent = [batch for batch in batches if batch.status is BatchStatus.READY_FOR_REVIEW]
    held = [batch for batch in batches if batch.status is BatchStatus.PENDING]
    assert len(sent) >= 3
    assert len(sent) + len(held) == 10
    assert cap - price(billed(pipeline)) < most_of(pipeline, made[0]), "there was room for one more"
    assert all("The cap of" in (batch.waiting_for or "") for batch in held)
    assert_ledger_is_the_bill(pipeline)


@pytest.mark.parametrize("scope", ["", "model: dear-model, ", "data_type: prompt, ", "per: ever, "])
def test_a_batch_waits_with_the_reason_and_goes_on_when_the_cap_is_raised(
    start_pipeline: StartPipeline, tmp_path: Path, scope: str
) -> None:
    path = budget_file(tmp_path, f"{scope}max_usd: 1000")
    pipeline = installation(start_pipeline, tmp_path, say_much, BATCHGEN_BUDGETS=path)
    one, two = jobs(pipeline, 2)
    budget_file(tmp_path, f"{scope}max_usd: {most_of(pipeline, one)}")
    pipeline.services.advance()
    [first, second] = state_of(pipeline, [one, two])
    assert (first.status, second.status) == (BatchStatus.READY_FOR_REVIEW, BatchStatus.PENDING)
    assert pipeline.services.summary(two.job_id)["batches"][0]["waiting"]["for"].startswith("The cap of $")
    budget_file(tmp_path, f"{scope}max_usd: 1000")
    pipeline.services.advance()
    assert state_of(pipeline, [two])[0].accepted + state_of(pipeline, [two])[0].refused == RECORDS
    assert_ledger_is_the_bill(pipeline)


def test_room_that_was_reserved_and_not_needed_is_given_back(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    path = budget_file(tmp_path, "max_usd: 1000")
    pipeline = installation(start_pipeline, tmp_path, lambda _: Answer("a", output_tokens=1), BATCHGEN_BUDGETS=path)
    one, two = jobs(pipeline, 2)
    budget_file(tmp_path, f"max_usd: {most_of(pipeline, one) * Decimal('1.7')}")
    pipeline.simulator.control.config(batch_seconds=0.5)
    pipeline.services.stages.tick()
    assert [batch.over_cap for batch in state_of(pipeline, [one, two])] == [False, True]
    pipeline.services.advance(two.job_id)  # which ends: the room is another job's to give back
    assert state_of(pipeline, [two])[0].status is BatchStatus.PENDING
    pipeline.services.advance()
    assert [batch.accepted for batch in state_of(pipeline, [one, two])] == [RECORDS, RECORDS]


def test_a_job_has_a_cap_of_its_own_that_can_be_raised(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path, lambda _: Answer("", output_tokens=10))
    source = pipeline.prompts(RECORDS)
    [probe] = jobs(pipeline, 1, max_cost_usd=Decimal(1000))
    most = most_of(pipeline, probe)
    pipeline.services.ids.delete(probe.batch_ids[0])
    cap = most + Decimal("0.001")
    job = pipeline.services.processor.create_job(capped(source, name="mine", max_cost_usd=cap))
    pipeline.services.advance(job.job_id)
    [batch] = state_of(pipeline, [job])
    assert (batch.status, batch.iteration, batch.over_cap) == (BatchStatus.PENDING, 2, True)
    assert spent(pipeline, "job", "mine") <= cap
    pipeline.services.processor.create_job(capped(source, name="mine", max_cost_usd=Decimal(1000)))
    pipeline.services.advance(job.job_id)
    assert state_of(pipeline, [job])[0].status is BatchStatus.EXHAUSTED
    assert_ledger_is_the_bill(pipeline)


def test_what_is_reserved_is_never_less_than_the_bill_though_all_input_is_put_into_the_cache(tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    prompt = Prompt([{"role": "user", "content": "hello"}], max_output_tokens=MOST_OUTPUT)
    requests.write_bytes(prompt.line("job:0", "gpt-6-sol", Endpoint.CHAT))
    prices = ModelCatalog.load().prices("gpt-6-sol", batch=True)
    dearest = Usage(input_tokens=1_000, cache_write_tokens=1_000, output_tokens=MOST_OUTPUT)
    assert most_cost(requests, lambda _: 1_000, prices) == prices.cost(dearest) > prices.cost(Usage(input_tokens=1_000))


def test_a_batch_that_no_room_could_ever_hold_is_refused_at_once(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path)
    with pytest.raises(CapTooSmall, match="--max-output-tokens") as refused:
        jobs(pipeline, 1, max_cost_usd=Decimal("0.1"))
    assert Decimal(refused.value.most_usd) > Decimal("0.3")
    assert pipeline.services.ids.jobs() == []


def test_a_capped_job_must_limit_its_output(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path)
    with pytest.raises(NoCostBound, match="Give --max-output-tokens"):
        jobs(pipeline, 1, max_cost_usd=Decimal(100), max_output_tokens=None)


def test_what_cannot_be_counted_cannot_be_capped(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path)
    picture = {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}}
    source = pipeline.source([{"messages": [{"role": "user", "content": [picture]}]}])
    with pytest.raises(NoCostBound, match="more than text"):
        pipeline.services.processor.create_job(capped(source, max_cost_usd=Decimal(100)))


NOVEMBER, DECEMBER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def guard(pipeline: Pipeline, *moments: datetime) -> CostGuard:
    """One whose clock shows these."""
    services = pipeline.services
    return CostGuard(
        ids=services.ids,
        objects=StateObjects(services.uploads, installation=services.settings.redis_prefix),
        workspace=services.workspace,
        catalog=services.catalog,
        budgets=services.budgets,
        now=iter(moments).__next__,
    )


def spent_in(pipeline: Pipeline, month: str) -> Decimal:
    [amount] = pipeline.services.ids.sums([account("all", "", month)])
    return amount / NANO


def test_a_month_that_ends_while_a_batch_is_reserved_does_not_open_the_next_ones_cap(
    start_pipeline: StartPipeline, tmp_path: Path
) -> None:
    path = budget_file(tmp_path, "max_usd: 1000")
    pipeline = installation(start_pipeline, tmp_path, BATCHGEN_BUDGETS=path)
    [job] = jobs(pipeline, 1)
    most = most_of(pipeline, job)
    with pipeline.services.ids.lease(job.batch_ids[0]) as lease:
        batch = guard(pipeline, NOVEMBER, DECEMBER).reserved(pipeline.services.ids.get(job.batch_ids[0]), lease)
        assert (spent_in(pipeline, "2026-11"), spent_in(pipeline, "2026-12")) == (most, Decimal(0))
        budget_file(tmp_path, f"max_usd: {most / 2}")
        assert guard(pipeline, NOVEMBER).reserved(batch, lease) == batch
        with pytest.raises(CapReached, match="2026-12"):
            guard(pipeline, DECEMBER).reserved(batch, lease)
        budget_file(tmp_path, f"max_usd: {most}")
        guard(pipeline, DECEMBER).reserved(batch, lease)
    assert (spent_in(pipeline, "2026-11"), spent_in(pipeline, "2026-12")) == (Decimal(0), most)


def test_a_refused_create_call_gives_the_room_back(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    pipeline = installation(start_pipeline, tmp_path)
    [job] = jobs(pipeline, 1, max_cost_usd=Decimal(100))
    pipeline.simulator.control.fault("batches.create", "error", status=429, message="slow down", times=1)
    pipeline.services.processor.submit(job.batch_ids[0])
    assert spent(pipeline) == 0
    wait_until(lambda: not waits(pipeline.services.ids.get(job.batch_ids[0])))
    pipeline.services.processor.submit(job.batch_ids[0])
    assert spent(pipeline) == most_of(pipeline, job)


def test_what_may_have_been_sent_stays_reserved_and_is_there_again_after_a_loss_of_redis(
    start_pipeline: StartPipeline, tmp_path: Path
) -> None:
    pipeline = installation(start_pipeline, tmp_path)
    [job] = jobs(pipeline, 1, max_cost_usd=Decimal(100))
    pipeline.simulator.control.fault("batches.create", "drop_answer")
    pipeline.services.processor.submit(job.batch_ids[0])
    assert spent(pipeline) == most_of(pipeline, job)
    client = pipeline.services._redis
    client.delete(*client.scan_iter(f"{pipeline.services.settings.redis_prefix}:*"))
    fresh = type(pipeline.services)(pipeline.services.settings)
    fresh.recovery.recover()
    again = Pipeline(fresh, pipeline.simulator, pipeline.folder, pipeline.environment)
    assert spent(again) == most_of(again, job)
    fresh.advance(job.job_id)
    assert_ledger_is_the_bill(again)


def test_a_cap_of_more_than_anybody_has_caps_nothing(start_pipeline: StartPipeline, tmp_path: Path) -> None:
    path = budget_file(tmp_path, "max_usd: 99999999999999")
    pipeline = installation(start_pipeline, tmp_path, say_much, BATCHGEN_BUDGETS=path)
    [job] = jobs(pipeline, 1)
    pipeline.services.advance(job.job_id)
    assert state_of(pipeline, [job])[0].status is BatchStatus.READY_FOR_REVIEW


@pytest.mark.parametrize(
    "cap",
    [
        "max_usd: 0",
        "job: a, per: month, max_usd: 1",
        "job: a, model: b, max_usd: 1",
        "model: gpt-x-2027, max_usd: 1",
        "data_type: prodcut, max_usd: 1",
        "data_type: '', max_usd: 1",
        "max_usd: .nan",
        f"max_usd: {'[' * 5_000}",
    ],
)
def test_a_budget_file_that_cannot_be_used_stops_the_job_before_it_is_recorded(
    start_pipeline: StartPipeline, tmp_path: Path, cap: str
) -> None:
    pipeline = installation(start_pipeline, tmp_path, BATCHGEN_BUDGETS=budget_file(tmp_path, cap))
    with pytest.raises(InvalidSetting, match="BATCHGEN_BUDGETS"):
        jobs(pipeline, 1)
