"""An event moves its batch without a sweep; whatever else arrives, however often, changes nothing."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pipeline import Pipeline
from waiting import wait_until

from batchgen.api.background import BackgroundWork
from batchgen.lifecycle import BatchStatus

from .receiver import Event, Receiver, event, serving

CHECKED = "batches.retrieve"


def asked(receiver: Receiver, operation: str = CHECKED) -> int:
    """How often OpenAI was asked for something."""
    return receiver.pipeline.simulator.control.requests().get(operation, {}).get("total", 0)


def deliver(receiver: Receiver, delivery: Event) -> int:
    """Deliver an event and wait until it was followed up."""
    before = asked(receiver)
    status = receiver.post(delivery)
    wait_until(lambda: asked(receiver) > before)
    return status


def problems(log: pytest.LogCaptureFixture) -> list[str]:
    """What a person would be alarmed by."""
    return [record.getMessage() for record in log.records if record.levelno >= logging.WARNING]


def test_a_completed_batch_is_ready_for_review_without_a_sweep(receiver: Receiver) -> None:
    batch = receiver.ended()
    assert receiver.post(event(batch.current.openai_batch_id)) == 200
    wait_until(lambda: receiver.now(batch).status is BatchStatus.READY_FOR_REVIEW)
    assert [line["record_id"] for line in receiver.pipeline.lines(receiver.now(batch))] == ["p0", "p1"]
    assert not asked(receiver, "batches.list")


@pytest.mark.parametrize(
    ("fault", "kind", "becomes"),
    [
        ("fail", "batch.failed", BatchStatus.FAILED),
        ("expire", "batch.expired", BatchStatus.PENDING),
        ("cancel", "batch.cancelled", BatchStatus.PENDING),
    ],
)
def test_the_other_ends_of_a_batch_are_followed_up_too(
    receiver: Receiver, fault: str, kind: str, becomes: BatchStatus
) -> None:
    receiver.pipeline.simulator.control.fault("batches.run", fault)
    batch = receiver.ended(kind.removeprefix("batch."))
    assert receiver.post(event(batch.current.openai_batch_id, kind)) == 200
    wait_until(lambda: receiver.now(batch).status is becomes)


def test_a_replayed_event_changes_nothing_and_bills_nothing(receiver: Receiver, background: BackgroundWork) -> None:
    batch = receiver.ended()
    delivery = event(batch.current.openai_batch_id)
    receiver.post(delivery)
    wait_until(lambda: receiver.now(batch).status is BatchStatus.READY_FOR_REVIEW)
    before, billed = receiver.now(batch), receiver.pipeline.simulator.control.billing()
    downloads = asked(receiver, "files.content")
    assert [deliver(receiver, delivery) for _ in range(3)] == [200, 200, 200]
    background.close()  # what runs is finished
    assert receiver.now(batch) == before
    assert receiver.pipeline.simulator.control.billing() == billed
    assert asked(receiver, "files.content") == downloads


def test_an_event_of_a_former_iteration_does_not_touch_the_present_one(
    receiver: Receiver, background: BackgroundWork
) -> None:
    receiver.pipeline.simulator.control.fault("batches.run", "expire", fraction=0)
    batch = receiver.ended("expired")
    stages = receiver.pipeline.services.stages
    stages.checker.check([batch.batch_id])
    stages.handler.process(batch.batch_id)
    before = stages.processor.submit(batch.batch_id)
    assert before.iteration == 2
    assert deliver(receiver, event(batch.current.openai_batch_id)) == 200
    background.close()
    assert receiver.now(batch) == before


def test_two_identical_events_at_once_process_once(
    receiver: Receiver, background: BackgroundWork, log: pytest.LogCaptureFixture
) -> None:
    receiver.pipeline.simulator.control.fault("files.content", "delay", seconds=1)
    batch = receiver.ended()
    delivery = event(batch.current.openai_batch_id)
    with ThreadPoolExecutor(2) as both:
        first = both.submit(receiver.post, delivery)
        wait_until(lambda: receiver.now(batch).status is BatchStatus.PRE_COMPLETED)
        assert [first.result(), receiver.post(delivery)] == [200, 200]
    wait_until(lambda: receiver.now(batch).status is BatchStatus.READY_FOR_REVIEW)
    background.close()
    assert asked(receiver, "files.content") == 1
    assert not problems(log)


def test_an_event_of_an_unknown_type_is_taken_and_ignored(receiver: Receiver) -> None:
    batch = receiver.ended()
    for kind in ("response.completed", "batch.invented", "something.new"):
        assert receiver.post(event(batch.current.openai_batch_id, kind)) == 200
    assert asked(receiver) == 0


def test_a_batch_that_openai_does_not_know_is_ignored(
    receiver: Receiver, background: BackgroundWork, log: pytest.LogCaptureFixture
) -> None:
    batch = receiver.ended()
    assert deliver(receiver, event("batch_unknown")) == 200
    background.close()
    assert receiver.now(batch) == batch
    assert not problems(log)


def test_a_batch_of_another_installation_is_ignored(
    receiver: Receiver, hooked: Pipeline, background: BackgroundWork, log: pytest.LogCaptureFixture
) -> None:
    batch = receiver.ended()
    hooked.services.ids.delete(batch.batch_id)
    assert deliver(receiver, event(batch.current.openai_batch_id)) == 200
    background.close()
    assert not problems(log)


def test_while_openai_is_away_the_batch_waits_for_the_sweep(receiver: Receiver, log: pytest.LogCaptureFixture) -> None:
    batch = receiver.ended()
    receiver.pipeline.simulator.control.fault(CHECKED, "error", status=503, times="always")
    assert receiver.post(event(batch.current.openai_batch_id)) == 200
    wait_until(lambda: "webhook_left_to_the_sweep" in log.text, 30)
    receiver.pipeline.simulator.control.clear_faults()
    receiver.pipeline.services.advance(batch.job_id)
    assert receiver.now(batch).status is BatchStatus.READY_FOR_REVIEW


def test_a_full_queue_is_answered_with_503_and_a_free_one_again_with_200(hooked: Pipeline) -> None:
    go_on = threading.Event()
    with BackgroundWork(threads=1, waiting=0) as work, serving(hooked, work) as receiver:
        batch = receiver.ended()
        assert work.offer(go_on.wait)
        delivery = event(batch.current.openai_batch_id)
        try:
            assert receiver.post(delivery) == 503
            assert receiver.now(batch) == batch
        finally:
            go_on.set()
        wait_until(lambda: receiver.post(delivery) == 200)
        wait_until(lambda: receiver.now(batch).status is BatchStatus.READY_FOR_REVIEW)
