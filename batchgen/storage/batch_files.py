"""`BatchFileCreator`: records in, JSONL batch files out, as streams, split where OpenAI's limits ask for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from xxhash import xxh3_128

from batchgen.models import BatchFile, Endpoint, Prompt

MAX_REQUESTS = 50_000
"""Requests a batch file may hold (OpenAI, Batch API guide)."""
MAX_BYTES = 209_715_200
"""Bytes a batch file may have: 200 MB (OpenAI, Batch API guide)."""


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Where a batch file ends. `tokens` is the model's enqueued-token limit, where one is known."""

    requests: int = MAX_REQUESTS
    bytes: int = MAX_BYTES
    tokens: int | None = None


@dataclass(slots=True)  # not frozen: made once for every row
class Entry:
    """A record with its prompt; or, without a prompt, a row that cannot be sent and why."""

    record_id: str
    data: dict[str, Any]
    prompt: Prompt | None
    problem: str | None = None


def custom_id(batch_id: str, row: int) -> str:
    """The id of a request within OpenAI: the same from run to run; `row` is the record's line, from 0."""
    return f"{custom_id_prefix(batch_id)}{row}"


def custom_id_prefix(batch_id: str) -> str:
    """What the custom ids of a batch begin with, before the row."""
    return f"{batch_id}:"


def row_of(custom_id: str, batch_id: str) -> int | None:
    """The row a custom id stands for, or None if it is not one of this batch's."""
    owner, _, row = custom_id.rpartition(":")
    return int(row) if owner == batch_id and row.isascii() and row.isdigit() else None


class BatchFileCreator:
    """Writes pairs of files into a folder: the requests to send, and the records they were made from, line by line."""

    def __init__(
        self,
        folder: Path,
        *,
        model: str,
        endpoint: Endpoint,
        limits: FileLimits,
        max_output_tokens: int | None = None,
        count_tokens: Callable[[bytes], int] | None = None,
        on_unsendable: Callable[[str, str], None] = lambda _record_id, _problem: None,
    ) -> None:
        """`max_output_tokens` is the most an answer may have, whatever its prompt allows.

        `count_tokens` takes a request line and is asked only where `limits.tokens` is known.

        `on_unsendable` is told the id and the problem of a record that cannot be written or is too large; it may raise.
        Else the record is kept as one that cannot be sent.
        """
        self._on_unsendable = on_unsendable
        self._folder = folder
        self._model = model
        self._endpoint = endpoint
        self._limits = limits
        self._max_output_tokens = max_output_tokens
        self._count_tokens = count_tokens if limits.tokens is not None else None
        self._source_hash = xxh3_128()

    @property
    def source_fingerprint(self) -> str:
        """XXH3 over all records written so far, whatever file they went into."""
        return self._source_hash.hexdigest()

    def create(self, entries: Iterable[Entry], batch_id: Callable[[int], str]) -> Iterator[BatchFile]:
        """Yield one BatchFile a batch; `batch_id` names the batch of a number, from 1."""
        number = 1
        pair = _Pair(self._folder, batch_id(number))
        try:
            for entry in entries:
                try:
                    request, tokens = self._request(entry, pair)
                    record = _record(entry, entry.problem)
                except orjson.JSONEncodeError:
                    request, tokens, record = self._unsendable(entry.record_id, "its data is nested too deeply")
                self._source_hash.update(record)
                if len(request) > self._limits.bytes:
                    problem = f"its request has {len(request):,} bytes, over the limit of a file"
                    request, tokens, record = self._unsendable(entry.record_id, problem, entry.data)
                if request and not pair.has_room(len(request), tokens, self._limits):
                    yield pair.close()
                    number += 1
                    pair = _Pair(self._folder, batch_id(number))
                    request, tokens = self._request(entry, pair)  # its id is another, so its size may be
                pair.write(record, request, tokens)
            if pair.records:
                yield pair.close()
            else:
                pair.discard()
        finally:
            pair.close()

    def _unsendable(self, record_id: str, problem: str, data: dict[str, Any] | None = None) -> tuple[bytes, int, bytes]:
        self._on_unsendable(record_id, problem)
        return b"", 0, _record(Entry(record_id, data or {}, None), problem)

    def _request(self, entry: Entry, pair: _Pair) -> tuple[bytes, int]:
        """The line to send and its tokens; empty for a row that cannot be sent."""
        if entry.prompt is None:
            return b"", 0
        line = entry.prompt.line(pair.next_id(), self._model, self._endpoint, self._max_output_tokens)
        return line, self._count_tokens(line) if self._count_tokens else 0


def _record(entry: Entry, problem: str | None) -> bytes:
    record = {"record_id": entry.record_id, "data": entry.data}
    if problem is not None:
        record["problem"] = problem
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


class _Pair:
    """The two files of one batch while they are written."""

    def __init__(self, folder: Path, batch_id: str) -> None:
        self._prefix = custom_id_prefix(batch_id)
        self._requests_path = folder / f"{batch_id}.requests.jsonl"
        self._records_path = folder / f"{batch_id}.records.jsonl"
        self._requests_file: BinaryIO = self._requests_path.open("wb", buffering=1 << 20)
        self._records_file: BinaryIO = self._records_path.open("wb", buffering=1 << 20)
        self._hash = hashlib.sha256()
        self.records = 0
        self._requests = 0
        self._bytes = 0
        self._tokens = 0

    def next_id(self) -> str:
        return f"{self._prefix}{self.records}"

    def has_room(self, size: int, tokens: int, limits: FileLimits) -> bool:
        if self._requests == 0:
            return True
        return (
            self._requests < limits.requests
            and self._bytes + size <= limits.bytes
            and (limits.tokens is None or self._tokens + tokens <= limits.tokens)
        )

    def write(self, record: bytes, request: bytes, tokens: int) -> None:
        self._records_file.write(record)
        self.records += 1
        if request:
            self._requests_file.write(request)
            self._hash.update(request)
            self._requests += 1
            self._bytes += len(request)
            self._tokens += tokens

    def close(self) -> BatchFile:
        self._requests_file.close()
        self._records_file.close()
        return BatchFile(
            requests_path=self._requests_path,
            requests=self._requests,
            requests_bytes=self._bytes,
            requests_sha256=self._hash.hexdigest(),
            requests_tokens=self._tokens or None,
            records_path=self._records_path,
            records=self.records,
            bad_rows=self.records - self._requests,
        )

    def discard(self) -> None:
        self.close()
        self._requests_path.unlink()
        self._records_path.unlink()
