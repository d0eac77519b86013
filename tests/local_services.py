"""Fixtures with a Redis and an S3 of the tests' own, on free ports and in temporary folders.

Each test process starts its own pair on first use and stops it at the end; nothing that runs already is touched. Loaded
by `pytest_plugins = ["local_services"]` in the root conftest.
"""

from collections.abc import Iterator

import pytest

from batchgen.local import redis_server, s3_server
from batchgen.local.s3_server import S3Access


@pytest.fixture(scope="session")
def own_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an empty Redis, password included."""
    running = redis_server.start(tmp_path_factory.mktemp("redis"))
    yield running.url
    running.stop()


@pytest.fixture(scope="session")
def own_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Access]:
    """An S3 server without a bucket: its endpoint, access key and secret key."""
    running = s3_server.start(tmp_path_factory.mktemp("s3"))
    yield running.access
    running.stop()
