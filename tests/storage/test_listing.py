"""Lists of batches: by status, data type and job, page by page, while others move them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from batch_examples import START, example_batch, example_batches, example_job

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.storage.batch_ids import BatchIdManager

PENDING, PROCESSING, FAILED = BatchStatus.PENDING, BatchStatus.PROCESSING, BatchStatus.FAILED


def record(ids: BatchIdManager, batches: list[Batch]) -> list[Batch]:
    ids.create_job(example_job(batches), batches)
    return batches


def move(ids: BatchIdManager, batch: Batch, after: BatchStatus) -> None:
    with ids.lease(batch.batch_id) as lease:
        ids.move(batch, after, lease)


def names(batches: tuple[Batch, ...]) -> list[str]:
    return [batch.batch_id for batch in batches]


def test_batches_are_listed_oldest_first(ids: BatchIdManager) -> None:
    later = record(ids, [example_batch("a-0001", number=9)])
    sooner = record(ids, [example_batch("b-0001", number=1)])
    assert list(ids.iterate()) == sooner + later


def test_batches_are_listed_by_status_type_and_job(ids: BatchIdManager) -> None:
    prompts = record(ids, example_batches(2, "a"))
    products = record(ids, example_batches(2, "b", data_type="product"))
    move(ids, prompts[0], PROCESSING)
    move(ids, products[0], PROCESSING)
    assert names(ids.page(status=PROCESSING).batches) == ["a-0001", "b-0001"]
    assert names(ids.page(data_type="product").batches) == ["b-0001", "b-0002"]
    assert names(ids.page(data_type="product", status=PROCESSING).batches) == ["b-0001"]
    assert names(ids.page(data_type="product", status=PENDING).batches) == ["b-0002"]
    assert names(ids.page(job_id="a").batches) == ["a-0001", "a-0002"]
    assert names(ids.page(job_id="a", status=PENDING).batches) == ["a-0002"]
    assert names(ids.page(job_id="a", data_type="product").batches) == []
    assert names(ids.page(status=FAILED).batches) == []


def test_pages_hold_every_batch_once(ids: BatchIdManager) -> None:
    batches = record(ids, example_batches(7))
    cursor: str | None = None
    sizes: list[int] = []
    seen: list[Batch] = []
    while True:
        page = ids.page(status=PENDING, cursor=cursor, limit=3)
        sizes.append(len(page.batches))
        seen += page.batches
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sizes == [3, 3, 1]
    assert seen == batches


def test_iterate_goes_beyond_one_page(ids: BatchIdManager) -> None:
    batches = record(ids, example_batches(205))
    assert list(ids.iterate(status=PENDING)) == batches


def test_a_cursor_stays_where_it_is_while_batches_move(ids: BatchIdManager) -> None:
    batches = record(ids, example_batches(6))
    first = ids.page(status=PENDING, limit=2)
    for moved in (batches[0], batches[1], batches[4]):
        move(ids, moved, PROCESSING)
    record(ids, [example_batch("later-0001", number=99)])
    rest = ids.page(status=PENDING, cursor=first.next_cursor, limit=9)
    assert names(first.batches) == ["job-0001", "job-0002"]
    assert names(rest.batches) == ["job-0003", "job-0004", "job-0006", "later-0001"]


def test_counts_follow_the_moves(ids: BatchIdManager) -> None:
    batches = record(ids, example_batches(3))
    move(ids, batches[0], PROCESSING)
    move(ids, batches[1], FAILED)
    counted = {status: count for status, count in ids.counts().items() if count}
    assert counted == {PENDING: 1, PROCESSING: 1, FAILED: 1}
    assert ids.counts().keys() == set(BatchStatus)


def test_batches_are_due_once_their_wait_is_over(ids: BatchIdManager) -> None:
    waits = {"job-0001": 30, "job-0002": 10, "job-0003": 20}
    record(
        ids,
        [
            example_batch(batch_id, number, not_before=START + timedelta(seconds=wait))
            for number, (batch_id, wait) in enumerate(waits.items(), start=1)
        ],
    )
    record(ids, [example_batch("now-0001")])
    assert ids.due(START) == ["now-0001"]
    assert ids.due(START + timedelta(seconds=20)) == ["now-0001", "job-0002", "job-0003"]
    assert ids.due(START + timedelta(seconds=99), limit=2) == ["now-0001", "job-0002"]


def test_a_batch_that_is_put_off_is_due_later(ids: BatchIdManager) -> None:
    (batch,) = record(ids, [example_batch()])
    with ids.lease(batch.batch_id) as lease:
        ids.save(batch.model_copy(update={"not_before": START + timedelta(seconds=5)}), lease)
    assert ids.due(START + timedelta(seconds=4)) == []
    assert ids.due(START + timedelta(seconds=5)) == [batch.batch_id]


@pytest.mark.parametrize("after", [PROCESSING, FAILED])
def test_only_pending_batches_are_due(ids: BatchIdManager, after: BatchStatus) -> None:
    (batch,) = record(ids, [example_batch()])
    move(ids, batch, after)
    assert ids.due(START + timedelta(days=9)) == []


def test_a_failed_batch_that_is_pending_again_is_due_again(ids: BatchIdManager) -> None:
    (batch,) = record(ids, [example_batch()])
    move(ids, batch, FAILED)
    move(ids, ids.get(batch.batch_id), PENDING)
    assert ids.due(START) == [batch.batch_id]
