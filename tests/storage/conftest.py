"""Each contract runs on fakeredis and on a real Redis, on moto and on the embedded S3."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import fakeredis
import pytest
from moto import mock_aws
from redis import Redis

from batchgen.local.s3_server import REGION, S3Access
from batchgen.storage.batch_ids import BatchIdManager, connect
from batchgen.storage.uploads import BatchUploadManager

from .places import Bucket


@pytest.fixture(params=["fakeredis", "redis"])
def redis(request: pytest.FixtureRequest) -> Iterator[Redis]:
    if request.param == "redis":
        client = connect(request.getfixturevalue("own_redis_url"))
    else:
        client = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
    with client:
        yield client


@pytest.fixture
def prefix(redis: Redis) -> Iterator[str]:
    """A prefix of the test's own. Fails a test that leaves a key elsewhere, or a lease that never ends."""
    own = f"test-{secrets.token_hex(4)}"
    before = set(redis.scan_iter())
    yield own
    left = set(redis.scan_iter()) - before
    endless = [key for key in left if key.startswith(f"{own}:lease:") and redis.ttl(key) == -1]
    ours = [key for key in left if key.startswith(f"{own}:")]
    if ours:
        redis.delete(*ours)
    assert sorted(left - set(ours)) == [], "keys outside the prefix"
    assert endless == [], "leases without an end"


@pytest.fixture
def ids(redis: Redis, prefix: str) -> BatchIdManager:
    return BatchIdManager(redis, prefix=prefix)


@pytest.fixture
def short(redis: Redis, prefix: str) -> BatchIdManager:
    """The same batches, claimed for 0.6 s at a time."""
    return BatchIdManager(redis, prefix=prefix, lease_s=0.6)


@pytest.fixture(params=["moto", "embedded"])
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A bucket of the test's own, and what was asked of it."""
    if request.param == "embedded":
        yield Bucket.create(request.getfixturevalue("own_s3"))
    else:
        with mock_aws():
            yield Bucket.create(S3Access(endpoint=f"https://s3.{REGION}.amazonaws.com", access_key="k", secret_key="s"))


@pytest.fixture
def uploads(bucket: Bucket) -> BatchUploadManager:
    return bucket.manager
