"""Creating, reading and deleting jobs and their batches."""

from __future__ import annotations

from datetime import timedelta

import pytest
from batch_examples import START, example_batch, example_batches, example_job
from redis import Redis

from batchgen.errors import BatchBusy, BatchNotFound, JobNotFound
from batchgen.lifecycle import BatchStatus
from batchgen.storage.batch_ids import BatchIdManager


def test_a_job_and_its_batches_are_recorded_together(ids: BatchIdManager) -> None:
    batches = example_batches(3)
    assert ids.create_job(example_job(batches), batches)
    assert ids.find_job("job") == example_job(batches)
    assert ids.job_batches("job") == batches
    assert [ids.get(batch.batch_id) for batch in batches] == batches


def test_a_job_whose_name_is_taken_writes_nothing(ids: BatchIdManager) -> None:
    first, other = example_batches(2), example_batches(5, records=9)
    ids.create_job(example_job(first), first)
    assert not ids.create_job(example_job(other), other)
    assert ids.get_job("job") == example_job(first)
    assert list(ids.iterate()) == first
    assert ids.counts()[BatchStatus.PENDING] == 2


def test_what_is_not_there_is_said_to_be_missing(ids: BatchIdManager) -> None:
    assert ids.find_job("nothing") is None
    with pytest.raises(JobNotFound, match="'nothing'"):
        ids.get_job("nothing")
    with pytest.raises(JobNotFound):
        ids.job_batches("nothing")
    with pytest.raises(BatchNotFound, match="'nothing-0001'"):
        ids.get("nothing-0001")


def test_jobs_are_listed_newest_first(ids: BatchIdManager) -> None:
    for number in range(5):
        batch = example_batch(f"job{number}-0001", created_at=START + timedelta(hours=number))
        ids.create_job(example_job([batch]), [batch])
    assert [job.job_id for job in ids.jobs(limit=3)] == ["job4", "job3", "job2"]


def test_an_empty_redis_lists_no_jobs(ids: BatchIdManager) -> None:
    assert ids.jobs() == []


def test_two_installations_do_not_see_each_other(redis: Redis, prefix: str, ids: BatchIdManager) -> None:
    batch = example_batch()
    ids.create_job(example_job([batch]), [batch])
    other = BatchIdManager(redis, prefix=f"{prefix}:other")
    assert other.find_job("job") is None
    assert list(other.iterate()) == []


@pytest.mark.parametrize("status", [BatchStatus.PENDING, BatchStatus.COMPLETED])
def test_deleting_the_last_batch_leaves_no_key(
    redis: Redis, prefix: str, ids: BatchIdManager, status: BatchStatus
) -> None:
    batches = example_batches(2, status=status)
    ids.create_job(example_job(batches), batches)
    ids.delete("job-0001")
    assert list(ids.iterate()) == [batches[1]]
    ids.delete("job-0002")
    assert list(redis.scan_iter(f"{prefix}:*")) == [f"{prefix}:epoch"]


def test_deleting_a_batch_leaves_its_jobs_others(ids: BatchIdManager) -> None:
    one, two = example_batches(2)
    ids.create_job(example_job([one, two]), [one, two])
    ids.delete(one.batch_id)
    assert ids.job_batches("job") == [two]
    assert ids.counts()[BatchStatus.PENDING] == 1
    assert ids.due(START) == [two.batch_id]
    with pytest.raises(BatchNotFound):
        ids.get(one.batch_id)


def test_a_batch_that_is_not_there_cannot_be_deleted(ids: BatchIdManager) -> None:
    with pytest.raises(BatchNotFound):
        ids.delete("nothing-0001")


def test_a_batch_that_is_worked_on_cannot_be_deleted(ids: BatchIdManager) -> None:
    batch = example_batch()
    ids.create_job(example_job([batch]), [batch])
    with ids.lease(batch.batch_id), pytest.raises(BatchBusy):
        ids.delete(batch.batch_id)
    assert ids.get(batch.batch_id) == batch
