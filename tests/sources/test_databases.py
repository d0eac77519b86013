"""Rows of a query: as JSON can hold them, streamed, and no password in any message."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchgen.errors import BatchgenError, SourceUnreadable, Unavailable
from batchgen.sources import open_source
from batchgen.sources.rows import Row, rows


def query(location: str, statement: str | None) -> list[dict[str, Any]]:
    with open_source(location, work_dir=Path("unused"), s3=None) as source:
        return [row.values for row in rows(source, query=statement) if isinstance(row, Row)]


@pytest.fixture
def shop(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("CREATE TABLE items (id INTEGER, name TEXT, price REAL, photo BLOB)")
        database.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", [(1, "컵 ☕", 2.5, b"x"), (2, None, None, None)])
    return f"sqlite:///{tmp_path}/shop.db"


def test_a_query_or_a_table_is_read(shop: str) -> None:
    first = {"id": 1, "name": "컵 ☕", "price": 2.5, "photo": "x"}
    assert query(shop, "items") == [first, {"id": 2, "name": None, "price": None, "photo": None}]
    assert query(shop, "SELECT name FROM items WHERE id = 1") == [{"name": "컵 ☕"}]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (None, "needs a query"),
        ("nowhere", "no such table"),
        ("SELECT id, id FROM items", "two columns have one name"),
        ("SELEKT 1 2", "syntax error"),
    ],
)
def test_what_a_database_cannot_give_is_told(shop: str, statement: str | None, told: str) -> None:
    with pytest.raises(SourceUnreadable) as caught:
        query(shop, statement)
    assert told in str(caught.value)


def test_a_database_that_is_away_is_waited_for_and_its_password_not_repeated() -> None:
    with pytest.raises(BatchgenError) as caught:
        query("postgresql+psycopg://me:s3cret@127.0.0.1:1/none", "SELECT 1 AS a")
    assert isinstance(caught.value, Unavailable)
    assert "s3cret" not in str(caught.value)


@pytest.fixture
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own, where Debian's package or another one has laid its programs."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "PostgreSQL is not installed: apt-get install postgresql"
        )
    user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        if user is not None:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"

        def call(program: str, *arguments: str) -> None:
            command = [str(programs / program), "-D", data, *arguments]
            subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

        call("initdb", "-A", "trust", "-U", "postgres", "--no-sync")
        call("pg_ctl", "-w", "-o", options, "-l", f"{folder}/log", "start")
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")


def test_a_large_result_is_streamed_by_the_server(postgres: str) -> None:
    statement = "SELECT n AS id, repeat('x', 1000) AS name, 1.50::numeric AS price FROM generate_series(1, 100000) AS n"
    with open_source(postgres, work_dir=Path("unused"), s3=None) as source:
        found = rows(source, query=statement)
        first = next(found)
        assert isinstance(first, Row)
        assert first.values == {"id": 1, "name": "x" * 1000, "price": "1.50"}
        tracemalloc.start()
        count = 1 + sum(1 for _ in found)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 20_000_000
