"""One mover at a time: every write is a compare-and-set that needs the batch's lease."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from batch_examples import example_batch, example_batches, example_job
from redis import Redis

from batchgen.errors import BatchBusy, BatchNotFound, InvalidTransition, LeaseLost, StatusChanged
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.lease import Lease

PENDING, PROCESSING, FAILED = BatchStatus.PENDING, BatchStatus.PROCESSING, BatchStatus.FAILED


@pytest.fixture
def batch(ids: BatchIdManager) -> Batch:
    batch = example_batch()
    ids.create_job(example_job([batch]), [batch])
    return batch


def test_a_saved_batch_is_read_as_it_was_saved(ids: BatchIdManager, batch: Batch) -> None:
    with ids.lease(batch.batch_id) as lease:
        saved = ids.save(batch.model_copy(update={"waits": 3}), lease)
    assert saved.waits == 3
    assert saved.updated_at > batch.updated_at
    assert ids.get(batch.batch_id) == saved


def test_a_moved_batch_is_read_in_its_new_status(ids: BatchIdManager, batch: Batch) -> None:
    with ids.lease(batch.batch_id) as lease:
        moved = ids.move(batch.model_copy(update={"retry_count": 1}), PROCESSING, lease)
    assert (moved.status, moved.retry_count) == (PROCESSING, 1)
    assert ids.get(batch.batch_id) == moved


def test_a_move_from_a_status_that_has_changed_is_refused(ids: BatchIdManager, batch: Batch) -> None:
    with ids.lease(batch.batch_id) as lease:
        moved = ids.move(batch, PROCESSING, lease)
        with pytest.raises(StatusChanged) as refused:
            ids.move(batch, FAILED, lease)
    assert (refused.value.expected, refused.value.found) == ("PENDING", "PROCESSING")
    assert ids.get(batch.batch_id) == moved


def test_a_batch_that_has_moved_cannot_be_saved_as_it_was(ids: BatchIdManager, batch: Batch) -> None:
    with ids.lease(batch.batch_id) as lease:
        moved = ids.move(batch, PROCESSING, lease)
        with pytest.raises(StatusChanged):
            ids.save(batch, lease)
    assert ids.get(batch.batch_id) == moved


def test_a_move_that_the_lifecycle_lacks_is_refused(ids: BatchIdManager, batch: Batch) -> None:
    with ids.lease(batch.batch_id) as lease, pytest.raises(InvalidTransition, match="from PENDING to COMPLETED"):
        ids.move(batch, BatchStatus.COMPLETED, lease)
    assert ids.get(batch.batch_id) == batch


def test_a_lease_on_another_batch_does_not_allow_a_write(ids: BatchIdManager) -> None:
    one, two = example_batches(2)
    ids.create_job(example_job([one, two]), [one, two])
    with ids.lease(one.batch_id) as lease, pytest.raises(LeaseLost, match=two.batch_id):
        ids.save(two, lease)


def test_a_batch_that_was_never_recorded_cannot_be_written(ids: BatchIdManager) -> None:
    with ids.lease("nothing-0001") as lease, pytest.raises(BatchNotFound):
        ids.save(example_batch("nothing-0001"), lease)


def test_after_the_block_its_lease_allows_nothing(ids: BatchIdManager, batch: Batch) -> None:
    with ids.lease(batch.batch_id) as lease:
        pass
    with pytest.raises(LeaseLost):
        ids.move(batch, PROCESSING, lease)
    assert ids.get(batch.batch_id) == batch


def at_once(*steps: Callable[[], object]) -> list[str]:
    """Run steps in threads that start together: `done`, or the name of the error of each."""
    together = Barrier(len(steps))

    def run(step: Callable[[], object]) -> str:
        together.wait()
        try:
            step()
        except (StatusChanged, BatchBusy) as refused:
            return type(refused).__name__
        return "done"

    with ThreadPoolExecutor(len(steps)) as threads:
        return sorted(threads.map(run, steps))


def test_two_workers_that_move_a_batch_at_once_move_it_once(redis: Redis, prefix: str, ids: BatchIdManager) -> None:
    workers = [ids, BatchIdManager(redis, prefix=prefix)]
    batches = example_batches(20)
    ids.create_job(example_job(batches), batches)

    def claim_and_move(worker: BatchIdManager, batch: Batch) -> None:
        with worker.lease(batch.batch_id) as lease:
            worker.move(batch, PROCESSING, lease)

    for batch in batches:
        ended = at_once(*(lambda worker=worker, batch=batch: claim_and_move(worker, batch) for worker in workers))
        assert ended in (["BatchBusy", "done"], ["StatusChanged", "done"])
    assert ids.counts()[PROCESSING] == len(batches)


def test_two_threads_with_one_lease_move_a_batch_once(ids: BatchIdManager, batch: Batch) -> None:
    def move(after: BatchStatus, lease: Lease) -> Batch:
        return ids.move(batch, after, lease)

    with ids.lease(batch.batch_id) as lease:
        ended = at_once(lambda: move(PROCESSING, lease), lambda: move(FAILED, lease))
    assert ended == ["StatusChanged", "done"]
    assert sum(ids.counts().values()) == 1
