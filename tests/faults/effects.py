"""Counts what a process does to the world, at the transports of redis-py, botocore and the OpenAI SDK.

So a crash point needs no list: whatever the stages learn to write is found here by itself, and killed at.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

import botocore.httpsession
import httpx2
import redis

from batchgen.storage import scripts

_WRITING = frozenset({"SET", "DEL", "HSET", "ZADD", "ZREM", "PEXPIRE", "EXPIRE", "UNLINK", "EVAL", "GETDEL", "INCR"})
_SCRIPT_NAMES = {
    hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest(): name
    for name, source in vars(scripts).items()
    if name.isupper()
}
_AT_ANY_TIME = frozenset({"RENEW_LEASE"})
"""Comes from a thread of its own, whenever it is due."""
_OWN_IDS = re.compile(r"(batch_|file-)[0-9a-f]{32}")


class Side(StrEnum):
    """Where the process dies: with the effect still to come, or with its answer already there."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Effect:
    """One change of the world (or a download that was paid for): what it is, and which one of its kind, from 1."""

    label: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.label} #{self.occurrence}"


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """Where a process is to be killed."""

    effect: Effect
    side: Side

    def __str__(self) -> str:
        return f"{self.side} {self.effect}"


class EffectWatch:
    """Sees every effect of this process; `reached` is called on both sides of each. It stays: fork first."""

    def __init__(self, reached: Callable[[CrashPoint], None]) -> None:
        self._reached = reached
        self._seen: Counter[str] = Counter()

    def install(self) -> None:
        """Wrap the transports of this process."""
        self._wrap(redis.Redis, "execute_command", lambda _, *command, **__: _redis_label(command))
        self._wrap(botocore.httpsession.URLLib3Session, "send", lambda _, request: _s3_label(request))
        self._wrap(httpx2.HTTPTransport, "handle_request", lambda _, request: _openai_label(request))

    def _wrap(self, owner: type, name: str, label_of: Callable[..., str | None]) -> None:
        original = getattr(owner, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            label = label_of(*arguments, **named)
            if label is None:
                return original(*arguments, **named)
            self._seen[label] += 1
            effect = Effect(label, self._seen[label])
            self._reached(CrashPoint(effect, Side.BEFORE))
            answer = original(*arguments, **named)
            self._reached(CrashPoint(effect, Side.AFTER))
            return answer

        setattr(owner, name, watched)


def kill_at(point: CrashPoint) -> Callable[[CrashPoint], None]:
    """What ends this process there as `kill -9` does."""

    def reached(here: CrashPoint) -> None:
        if here == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def _redis_label(command: tuple[Any, ...]) -> str | None:
    name = str(command[0]).upper()
    if name == "EVALSHA":
        script = _SCRIPT_NAMES.get(command[1], command[1])
        if script in _AT_ANY_TIME:
            return None
        keys = int(command[2])
        words = [script, _without_prefix(command[3])]
        if script == "WRITE_BATCH":
            before, after = command[3 + keys + 1], command[3 + keys + 2]
            words.append(f"{before!s}→{after!s}")
        return "Redis " + " ".join(words)
    return f"Redis {name} {_without_prefix(command[1])}" if name in _WRITING else None


def _without_prefix(key: str) -> str:
    return str(key).split(":", 1)[-1]


def _s3_label(request: Any) -> str | None:
    if request.method not in {"PUT", "POST", "DELETE"}:
        return None
    bucket_and_key = unquote(urlsplit(request.url).path).lstrip("/")
    verb = "COPY" if "x-amz-copy-source" in request.headers else request.method
    return f"S3 {verb} {bucket_and_key.split('/', 1)[-1]}"


def _openai_label(request: httpx2.Request) -> str | None:
    path = _OWN_IDS.sub(r"\1*", request.url.path)
    if request.method in {"POST", "DELETE"} or path.endswith("/content"):
        return f"OpenAI {request.method} {path}"
    return None
