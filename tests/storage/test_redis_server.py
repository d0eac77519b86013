"""What only a real Redis shows: which commands a list costs, and what happens when it is away, closed or full."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from batch_examples import example_batch, example_batches, example_job
from redis import Redis

from batchgen.errors import AccessDenied, InvalidSetting, Unavailable
from batchgen.lifecycle import BatchStatus
from batchgen.local import redis_server
from batchgen.local.redis_server import RunningRedis
from batchgen.models import Batch
from batchgen.storage.batch_ids import BatchIdManager, connect

PREFIX = "server-test"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningRedis]:
    """A Redis that the test may fill up and stop."""
    running = redis_server.start(tmp_path / "redis")
    yield running
    running.stop()


@pytest.fixture
def client(server: RunningRedis) -> Iterator[Redis]:
    with connect(server.url) as client:
        yield client


@pytest.fixture
def batch(client: Redis) -> Batch:
    batch = example_batch()
    BatchIdManager(client, prefix=PREFIX).create_job(example_job([batch]), [batch])
    return batch


def calls(client: Redis) -> dict[str, int]:
    """How often each command was run, by clients and scripts."""
    found = cast("dict[str, dict[str, int]]", client.info("commandstats"))
    return {name.removeprefix("cmdstat_").partition("|")[0]: each["calls"] for name, each in found.items()}


def test_listing_reads_an_index_and_never_scans_keys(client: Redis) -> None:
    ids = BatchIdManager(client, prefix=PREFIX)
    batches = example_batches(5_000)
    ids.create_job(example_job(batches), batches)
    with ids.lease("job-4321") as lease:
        ids.move(batches[4_320], BatchStatus.PROCESSING, lease)
    before = calls(client)
    assert sum(1 for _ in ids.iterate(status=BatchStatus.PENDING)) == 4_999
    assert [each.batch_id for each in ids.page(status=BatchStatus.PROCESSING).batches] == ["job-4321"]
    assert ids.counts()[BatchStatus.PENDING] == 4_999
    after = calls(client)
    used = {name: after[name] - before.get(name, 0) for name in after if after[name] > before.get(name, 0)}
    assert used.keys() <= {"zrange", "hget", "zcard", "info", "get"}  # the epoch, once a round trip
    assert used["zrange"] == 51
    assert used["hget"] == 5_000


def test_a_redis_that_is_away_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"redis://:password@127.0.0.1:{unused.getsockname()[1]}/0"
        with connect(url) as client, pytest.raises(Unavailable) as raised:
            BatchIdManager(client).ping()
    assert (raised.value.service, raised.value.answers) == ("Redis", False)
    assert "password" not in str(raised.value)


@pytest.mark.parametrize("user", ["", "somebody"])
def test_a_wrong_password_is_refused(own_redis_url: str, user: str) -> None:
    place = urlsplit(own_redis_url)
    url = f"redis://{user}:wrong-password@{place.hostname}:{place.port}/0"
    with connect(url) as client, pytest.raises(AccessDenied) as raised:
        BatchIdManager(client).ping()
    assert (raised.value.service, raised.value.variable) == ("Redis", "REDIS_URL")
    assert "wrong-password" not in str(raised.value)


def test_a_missing_password_is_refused(own_redis_url: str) -> None:
    place = urlsplit(own_redis_url)
    with connect(f"redis://{place.hostname}:{place.port}/0") as client, pytest.raises(AccessDenied):
        BatchIdManager(client).ping()


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379", "127.0.0.1:6379", "redis://:hunter2@127.0.0.1:port/0"])
def test_what_is_no_address_of_a_redis_is_named(url: str) -> None:
    with pytest.raises(InvalidSetting) as raised:
        connect(url)
    assert raised.value.variable == "REDIS_URL"
    assert "hunter2" not in str(raised.value)


def test_a_password_is_not_shown_in_the_address(own_redis_url: str) -> None:
    with connect(own_redis_url) as client:
        address = BatchIdManager(client, prefix=PREFIX).address
    place = urlsplit(own_redis_url)
    assert address == f"127.0.0.1:{place.port}, database 0, prefix {PREFIX}"


def test_a_full_redis_is_waited_for(client: Redis, batch: Batch) -> None:
    ids = BatchIdManager(client, prefix=PREFIX)
    client.config_set("maxmemory", "1")
    with pytest.raises(Unavailable, match="maxmemory") as raised:
        ids.create_job(example_job([example_batch("more-0001")]), [example_batch("more-0001")])
    assert raised.value.answers
    assert ids.get(batch.batch_id) == batch


def test_a_redis_that_goes_away_after_the_work_does_not_undo_it(
    server: RunningRedis, client: Redis, batch: Batch
) -> None:
    ids = BatchIdManager(client, prefix=PREFIX)
    with ids.lease(batch.batch_id) as lease:
        moved = ids.move(batch, BatchStatus.PROCESSING, lease)
        server.stop()
    assert moved.status is BatchStatus.PROCESSING


def test_a_redis_that_goes_away_does_not_hide_what_failed(server: RunningRedis, client: Redis, batch: Batch) -> None:
    ids = BatchIdManager(client, prefix=PREFIX)

    def fail_while_redis_goes_away() -> None:
        with ids.lease(batch.batch_id):
            server.stop()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_redis_goes_away()
