"""Verdicts that were reached are kept: judging that was interrupted goes on where it was, with the same verdicts."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import orjson

from batchgen.data_types.contract import Accepted, Refused

LADDER_VERSION = 3
"""To be raised with every change of the ladder that changes verdicts."""
_KEPT_S = 30 * 24 * 3600
_PATIENCE_S = 60.0
_TABLE = (
    "CREATE TABLE IF NOT EXISTS verdicts (key BLOB PRIMARY KEY, verdict BLOB NOT NULL, at REAL NOT NULL) WITHOUT ROWID"
)


class VerdictCache:
    """A file on this machine's disk, shared by threads and processes."""

    def __init__(self, path: Path) -> None:
        """Open or make it; what is older than a month goes."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")  # a verdict that is lost is reached again
        self._database.execute(_TABLE)
        self._database.execute("DELETE FROM verdicts WHERE at < ?", (time.time() - _KEPT_S,))

    def get(self, key: bytes) -> Accepted | Refused | None:
        """Return the verdict for a key, if there is one."""
        with self._lock:
            row = self._database.execute("SELECT verdict FROM verdicts WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        kind, fields = orjson.loads(row[0])
        return Accepted(fields) if kind == "accepted" else Refused(**fields)

    def put(self, key: bytes, verdict: Accepted | Refused) -> None:
        """Keep a verdict."""
        if isinstance(verdict, Accepted):
            content = orjson.dumps(["accepted", verdict.output])
        else:
            content = orjson.dumps(["refused", verdict])
        with self._lock:
            self._database.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?)", (key, content, time.time()))

    def count(self) -> int:
        """Return how many verdicts are kept."""
        with self._lock:
            [number] = self._database.execute("SELECT count(*) FROM verdicts").fetchone()
        return int(number)


def verdict_key(*parts: Any) -> bytes:
    """Return the key of what a verdict depends on: JSON values, and text that may hold anything."""
    return hashlib.sha256(json.dumps([LADDER_VERSION, *parts]).encode()).digest()
