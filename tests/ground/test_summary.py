"""The summary of a job, as scripts outside the project read it."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from batch_examples import START, example_batch, example_batches, example_iteration, example_job

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch, StoredObject, Usage
from batchgen.money import dollars
from batchgen.summary import succeeded, summarize

DOCUMENTED = {
    "job_id", "data_type", "status", "records", "accepted", "refused", "failed", "pending", "usage", "cost_usd",
    "simulated", "batches",
}  # fmt: skip
DOCUMENTED_OF_A_BATCH = {
    "batch_id", "status", "iteration", "retry_count", "max_retries", "openai_batch_ids", "records", "accepted",
    "refused", "failed", "objects",
}  # fmt: skip


def summary_of(*batches: Batch) -> dict[str, Any]:
    summary = summarize(example_job(list(batches)), list(batches))
    assert json.loads(json.dumps(summary)) == summary
    return summary


def completed(**changes: Any) -> Batch:
    return example_batch(status=BatchStatus.COMPLETED, **{"records": 2, "accepted": 2} | changes)


def test_the_documented_fields_are_there() -> None:
    summary = summary_of(completed())
    assert summary.keys() >= DOCUMENTED
    assert summary["batches"][0].keys() >= DOCUMENTED_OF_A_BATCH
    assert summary["usage"].keys() == {
        "input_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
    }


def test_counts_of_all_batches_add_up_to_the_records() -> None:
    one, two = example_batches(2, records=10, accepted=5, refused=2, failed=1)
    summary = summary_of(one, two.model_copy(update={"accepted": 7}))
    counted = [summary[name] for name in ("records", "accepted", "refused", "failed", "pending")]
    assert counted == [20, 12, 4, 2, 2]


def test_usage_and_cost_of_all_batches_add_up() -> None:
    paid = example_iteration(cost_usd=Decimal("0.61725"), usage=Usage(input_tokens=5, output_tokens=1))
    summary = summary_of(*example_batches(2, iterations=(paid,)))
    assert summary["cost_usd"] == "1.2345"
    assert summary["usage"] == Usage(input_tokens=10, output_tokens=2).model_dump()


def test_a_job_has_the_status_of_its_least_advanced_batch() -> None:
    one, two = example_batches(2, status=BatchStatus.COMPLETED)
    assert summary_of(one, two)["status"] == "COMPLETED"
    assert summary_of(one, two.model_copy(update={"status": BatchStatus.EXHAUSTED}))["status"] == "EXHAUSTED"


def test_a_job_is_simulated_if_any_of_its_batches_is() -> None:
    one, two = example_batches(2)
    assert summary_of(one, two)["simulated"] is False
    assert summary_of(one, two.model_copy(update={"simulated": True}))["simulated"] is True


def test_objects_are_told_by_key_and_url() -> None:
    stored = StoredObject(key="batch/p/b/r", url="https://x/r", size=1, sha256="0", content_type="text/plain")
    assert summary_of(completed(objects=(stored,)))["batches"][0]["objects"] == [
        {"key": "batch/p/b/r", "url": "https://x/r"}
    ]


def test_a_batch_held_back_says_why_and_until_when() -> None:
    held = example_batch(waiting_for="room in the queue", not_before=START + timedelta(hours=1))
    waiting = summary_of(held)["batches"][0]["waiting"]
    assert waiting == {"for": "room in the queue", "until": "2026-01-01T01:00:00+00:00"}


def test_a_batch_that_stays_failed_names_the_remedy() -> None:
    stuck = example_batch(status=BatchStatus.FAILED, processing_failures=4, last_error="disk full")
    (told,) = summary_of(stuck)["batches"]
    assert told["last_error"] == "disk full"
    assert told["remedy"].endswith("batchgen advance --again job-0001")


def test_a_failed_batch_that_is_tried_again_needs_no_remedy() -> None:
    assert "remedy" not in summary_of(example_batch(status=BatchStatus.FAILED))["batches"][0]


def test_success_is_every_record_accepted_and_every_batch_completed() -> None:
    assert succeeded(summary_of(completed()))


@pytest.mark.parametrize(
    "batch",
    [
        completed(accepted=1, refused=1),
        completed(accepted=1, failed=1),
        example_batch(status=BatchStatus.READY_FOR_REVIEW, accepted=2),
        example_batch(),
    ],
)
def test_anything_less_is_no_success(batch: Batch) -> None:
    assert not succeeded(summary_of(batch))


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "0"), ("1.23450", "1.2345"), ("100", "100"), ("0.0000004", "0"), ("0.0000126", "0.000013")],
)
def test_dollars_are_plain_digits_to_a_millionth(amount: str, shown: str) -> None:
    assert dollars(Decimal(amount)) == shown
