"""A step of ours that fails keeps what was paid for, and is tried again a few times."""

from __future__ import annotations

import pytest
from pipeline import Pipeline

from batchgen.data_types.prompt.strategy import PromptResultStrategy
from batchgen.lifecycle import MAX_PROCESSING_TRIES, BatchStatus
from batchgen.summary import summarize_batch


def break_judging(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    calls: list[int] = []
    judge = PromptResultStrategy.judge

    def breaks(self: PromptResultStrategy, record: object, text: str, former: object) -> object:
        calls.append(1)
        if len(calls) <= times:
            raise ZeroDivisionError("a defect")
        return judge(self, record, text, former)  # type: ignore[arg-type]  # handed through as it came

    monkeypatch.setattr(PromptResultStrategy, "judge", breaks)
    return calls


def test_a_failing_step_is_tried_again_without_sending_anything(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_judging(monkeypatch, MAX_PROCESSING_TRIES)
    batch = pipeline.run(pipeline.prompts(2))
    assert (batch.status, batch.accepted, batch.last_error) == (BatchStatus.READY_FOR_REVIEW, 2, None)
    assert len(batch.openai_batch_ids) == 1


def test_after_three_more_tries_it_stays_failed_and_names_the_remedy(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = break_judging(monkeypatch, 1_000)
    batch = pipeline.run(pipeline.prompts(2))
    assert batch.status is BatchStatus.FAILED
    assert len(calls) == 1 + MAX_PROCESSING_TRIES
    told = summarize_batch(batch)
    assert "ZeroDivisionError: a defect" in told["last_error"]
    assert f"batchgen advance --again {batch.batch_id}" in told["remedy"]


def test_given_new_tries_it_goes_on_with_the_paid_answers(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        break_judging(broken, 1_000)
        batch = pipeline.run(pipeline.prompts(2))
    pipeline.services.checker.give_new_tries(batch.batch_id)
    pipeline.services.advance(batch.job_id)
    done = pipeline.services.ids.get(batch.batch_id)
    assert (done.status, done.accepted) == (BatchStatus.READY_FOR_REVIEW, 2)
    assert len(pipeline.simulator.control.billing()["batches"]) == 1
