"""Everything that an installation keeps or tells, as bytes; and the forms in which a secret may stand in it."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import redis
from deployed import Deployed
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from pydantic import BaseModel

_PAGE = 200
_MOST_EVENTS = 50
Trace = tuple[str, str, bytes]
"""Kind of place, place, content."""


def kinds_with(text: str, traces: Iterable[Trace]) -> set[str]:
    """The kinds of places in which a text stands as it is."""
    return {kind for kind, _, content in traces if text.encode() in content}


def places_of(secrets: Mapping[str, str], traces: Iterable[Trace]) -> dict[str, set[str]]:
    """Each place in which a secret stands in some form, with the names of the secrets."""
    wanted = {name: _forms(secret) for name, secret in secrets.items()}
    found: dict[str, set[str]] = {}
    for kind, place, content in traces:
        for name, forms in wanted.items():
            if any(form in content for form in forms):
                found.setdefault(f"{kind} {place}", set()).add(name)
    return found


def all_traces(deployed: Deployed) -> Iterator[Trace]:
    """All of them."""
    yield from _files(deployed.state_dir)
    yield from _tables(deployed.state_dir / "stack" / "prefect" / "prefect.db")
    yield from _keys(deployed)
    yield from _objects(deployed)
    yield from _told_by_prefect(deployed)


def _forms(secret: str) -> set[bytes]:
    """As it is, quoted for an address, and in base64, also as a part of a longer text."""
    plain = secret.encode()
    forms = {plain, quote(secret, safe="").encode()}
    for before in range(3):  # a text in base64 looks different at each of three distances from its beginning
        encoded = base64.b64encode(bytes(before) + plain)
        own = encoded[ceil(before * 8 / 6) : (before + len(plain)) * 8 // 6]
        forms |= {own, own.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


def _files(folder: Path) -> Iterator[Trace]:
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):  # a server has replaced it meanwhile
            if path.is_file():
                yield "file", str(path.relative_to(folder)), path.read_bytes()


def _tables(database: Path) -> Iterator[Trace]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        assert "block_document" in names
        for name in names:
            for row in connection.execute(f'select * from "{name}"'):  # noqa: S608 - the names of its own tables
                yield "table", name, b"\n".join(_as_bytes(cell) for cell in row)


def _keys(deployed: Deployed) -> Iterator[Trace]:
    read: dict[bytes, Callable[[redis.Redis, bytes], Any]] = {
        b"string": lambda client, key: client.get(key),
        b"hash": lambda client, key: client.hgetall(key),
        b"set": lambda client, key: client.smembers(key),
        b"zset": lambda client, key: client.zrange(key, 0, -1),
        b"list": lambda client, key: client.lrange(key, 0, -1),
        b"none": lambda _client, _key: None,
    }
    with redis.Redis.from_url(deployed.environment["REDIS_URL"]) as client:
        for key in client.scan_iter():
            yield "redis", key.decode(), key + _as_bytes(read[client.type(key)](client, key))


def _objects(deployed: Deployed) -> Iterator[Trace]:
    bucket = deployed.environment["BATCHGEN_S3_BUCKET"]
    with deployed.services() as services:
        client = services.uploads.client
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for stored in page.get("Contents", ()):
                answer = client.get_object(Bucket=bucket, Key=stored["Key"])
                yield "s3", stored["Key"], answer["Body"].read() + repr(answer["Metadata"]).encode()


def _told_by_prefect(deployed: Deployed) -> Iterator[Trace]:
    with deployed.client() as client:
        runs: list[FlowRun] = list(_paged(client.read_flow_runs))
        states = [state for run in runs if run.start_time for state in client.read_flow_run_states(run.id)]
        told: dict[str, Iterable[BaseModel]] = {
            "run": [*runs, *states],
            "task": _paged(client.read_task_runs),
            "log": _paged(client.read_logs),
            "artifact": _paged(client.read_artifacts),
            "deployment": client.read_deployments(),
            "block": client.read_block_documents(include_secrets=False),
            "event": _events(client),
        }
        for kind, values in told.items():
            for value in values:
                yield kind, str(getattr(value, "name", None) or ""), orjson.dumps(value.model_dump(mode="json"))


def _events(client: SyncPrefectClient) -> Iterator[BaseModel]:
    page = client.read_events(limit=_MOST_EVENTS)
    yield from page.events
    while page.next_page is not None:
        page = client.read_events_page(str(page.next_page))
        yield from page.events


def _paged(read: Callable[..., list[Any]]) -> Iterator[Any]:
    offset = 0
    while page := read(limit=_PAGE, offset=offset):
        yield from page
        offset += len(page)


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"\n".join(name + b"=" + content for name, content in value.items())
    if isinstance(value, (list, set)):
        return b"\n".join(value)
    return str(value).encode()
