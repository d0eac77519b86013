"""The embedded Redis: durable, and closed to whoever lacks the password."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from batchgen.local import processes, redis_server
from batchgen.local.ports import HOST
from batchgen.local.redis_server import RunningRedis


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningRedis]:
    server = redis_server.start(tmp_path / 'with space and "quote"')
    yield server
    server.stop()


def test_a_value_outlives_a_kill(running: RunningRedis) -> None:
    with redis.Redis.from_url(running.url) as client:
        client.set("kept", "yes")
        client.execute_command("WAITAOF", 1, 0, 5000)
    os.kill(running.server.process.pid, signal.SIGKILL)
    running.stop()

    again = redis_server.start(running.server.plan.folder)

    with redis.Redis.from_url(again.url) as client:
        assert client.get("kept") == b"yes"
    again.stop()


def test_without_the_password_nothing_is_answered(running: RunningRedis) -> None:
    port = int(running.url.rpartition(":")[2].removesuffix("/0"))
    with socket.create_connection((HOST, port), timeout=5) as connection:
        connection.sendall(b"GET kept\r\n")
        assert connection.recv(100).startswith(b"-NOAUTH")


def test_the_password_stands_neither_in_the_command_line_nor_in_a_readable_file(running: RunningRedis) -> None:
    password = running.url.split("@")[0].rpartition(":")[2]
    assert password not in " ".join(psutil.Process(running.server.process.pid).cmdline())
    assert password not in repr(running)
    for path in running.server.plan.folder.rglob("*"):
        if path.is_file() and password.encode() in path.read_bytes():
            assert path.stat().st_mode & 0o777 == 0o600


def test_stop_ends_it(running: RunningRedis) -> None:
    running.stop()
    assert not processes.is_running(running.server.process)
