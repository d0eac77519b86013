"""A claim on a batch: one holder, renewed while it works, ending by itself when its worker is gone."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import pairwise

import pytest
from batch_examples import example_batch, example_job
from redis import Redis
from waiting import wait_until

from batchgen.errors import BatchBusy, LeaseLost, Unavailable
from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.storage.batch_ids import BatchIdManager
from batchgen.storage.lease import Lease


@pytest.fixture
def batch(ids: BatchIdManager) -> Batch:
    batch = example_batch()
    ids.create_job(example_job([batch]), [batch])
    return batch


def is_free(ids: BatchIdManager, batch: Batch) -> bool:
    with suppress(BatchBusy), ids.lease(batch.batch_id):
        return True
    return False


def test_a_claimed_batch_is_busy_for_others(ids: BatchIdManager, batch: Batch) -> None:
    with ids.lease(batch.batch_id), pytest.raises(BatchBusy, match=batch.batch_id), ids.lease(batch.batch_id):
        pass


def test_a_batch_is_free_after_the_block_even_if_it_failed(ids: BatchIdManager, batch: Batch) -> None:
    with pytest.raises(ZeroDivisionError), ids.lease(batch.batch_id):
        raise ZeroDivisionError
    assert is_free(ids, batch)


def test_a_claim_is_renewed_while_the_block_runs(
    redis: Redis, prefix: str, short: BatchIdManager, batch: Batch
) -> None:
    life: list[int] = []

    def renewals() -> int:
        life.append(int(redis.pttl(f"{prefix}:lease:{batch.batch_id}")))
        return sum(later > sooner for sooner, later in pairwise(life))

    with short.lease(batch.batch_id) as lease:
        wait_until(lambda: renewals() >= 4)
        lease.check()
        assert not is_free(short, batch)


def test_the_claim_of_a_dead_worker_ends(ids: BatchIdManager, short: BatchIdManager, batch: Batch) -> None:
    with short.lease(batch.batch_id) as dead:
        dead.stop()
        assert not is_free(ids, batch)
        wait_until(lambda: is_free(ids, batch))


def test_whoever_lost_the_claim_cannot_write(ids: BatchIdManager, short: BatchIdManager, batch: Batch) -> None:
    with short.lease(batch.batch_id) as dead:
        dead.stop()
        wait_until(lambda: is_free(ids, batch))
        with ids.lease(batch.batch_id) as living:
            with pytest.raises(LeaseLost):
                short.move(batch, BatchStatus.FAILED, dead)
            moved = ids.move(batch, BatchStatus.PROCESSING, living)
            with pytest.raises(LeaseLost):
                short.save(moved, dead)
    assert ids.get(batch.batch_id) == moved


def test_giving_back_a_lost_claim_leaves_the_next_ones(
    ids: BatchIdManager, short: BatchIdManager, batch: Batch
) -> None:
    lost = short.lease(batch.batch_id)
    lost.__enter__().stop()
    wait_until(lambda: is_free(ids, batch))
    with ids.lease(batch.batch_id) as living:
        lost.__exit__(None, None, None)
        assert not is_free(ids, batch)
        ids.save(batch, living)


def test_a_worker_notices_that_its_claim_was_taken(
    redis: Redis, prefix: str, short: BatchIdManager, batch: Batch
) -> None:
    with short.lease(batch.batch_id) as lease:
        lease.check()
        redis.set(f"{prefix}:lease:{batch.batch_id}", "another worker", px=5_000)
        wait_until(lambda: is_lost(lease))


def test_a_worker_that_was_stopped_for_too_long_holds_nothing() -> None:
    stopped = Lease("b", "token", claimed_at=time.monotonic() - 30.1, life_s=30, renew=lambda: True)
    with pytest.raises(LeaseLost, match="batch b"):
        stopped.check()


def test_an_outage_shorter_than_the_claim_is_outlived() -> None:
    asked: list[float] = []

    def renew() -> bool:
        asked.append(time.monotonic())
        if len(asked) == 1:
            raise Unavailable("Redis", "away")
        return True

    lease = Lease("b", "token", claimed_at=time.monotonic(), life_s=0.6, renew=renew)
    lease.start()
    wait_until(lambda: len(asked) == 5)  # well after its first life
    lease.check()
    lease.stop()


def test_an_outage_longer_than_the_claim_loses_it() -> None:
    def renew() -> bool:
        raise Unavailable("Redis", "away")

    lease = Lease("b", "token", claimed_at=time.monotonic(), life_s=0.2, renew=renew)
    lease.start()
    lease.check()
    wait_until(lambda: is_lost(lease))
    lease.stop()


def is_lost(lease: Lease) -> bool:
    try:
        lease.check()
    except LeaseLost:
        return True
    return False
