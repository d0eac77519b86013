"""The floor: the least that brings the same records to stored answers, with orjson and the openai SDK alone.

It checks nothing, retries nothing, keeps no state and stores on this machine's disk: what is above it is the price of
what batchgen does. A client process of its own, started by `python -m benchmarks`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from openai import OpenAI

from benchmarks.measurement import POLL_INTERVAL_S, measure_client

MODEL = "gpt-4o-mini"
REQUESTS_PER_FILE = 50_000
_BUFFER = 1 << 20


def run(source: Path, records: int) -> int:
    """Send every record and write every answer; returns how many were written."""
    with OpenAI() as client:
        batch_ids = [submit(client, path) for path in write_requests(source, records)]
        with source.with_suffix(".results.jsonl").open("wb", buffering=_BUFFER) as results:
            written = 0
            for batch_id in batch_ids:
                for line in stream(client, await_output(client, batch_id)):
                    results.write(result(orjson.loads(line)))
                    written += 1
    return written


def write_requests(source: Path, records: int) -> Iterator[Path]:
    """Write the batch files and yield their paths."""
    with source.open("rb", buffering=_BUFFER) as lines:
        for start in range(0, records, REQUESTS_PER_FILE):
            path = source.with_suffix(f".from-{start}.jsonl")
            with path.open("wb", buffering=_BUFFER) as file:
                for line in islice(lines, REQUESTS_PER_FILE):
                    file.write(request(orjson.loads(line)))
            yield path


def request(record: dict[str, Any]) -> bytes:
    """Return the line that asks for a record."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": record["prompt"]}]}
    fields = {"custom_id": record["id"], "method": "POST", "url": "/v1/chat/completions", "body": body}
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def result(answer: dict[str, Any]) -> bytes:
    """Return the line that keeps an answer."""
    text = answer["response"]["body"]["choices"][0]["message"]["content"]
    return orjson.dumps({"record_id": answer["custom_id"], "output": text}, option=orjson.OPT_APPEND_NEWLINE)


def submit(client: OpenAI, path: Path) -> str:
    """Upload a batch file and create its batch; returns the batch's id."""
    with path.open("rb") as file:
        uploaded = client.files.create(file=file, purpose="batch")
    created = client.batches.create(input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h")
    return created.id


def await_output(client: OpenAI, batch_id: str) -> str:
    """Wait until a batch is completed; returns the id of its output file."""
    while (batch := client.batches.retrieve(batch_id)).status != "completed":
        if batch.status == "failed":
            raise RuntimeError(f"{batch_id} failed: {batch.errors}")
        time.sleep(POLL_INTERVAL_S)
    if batch.output_file_id is None:
        raise RuntimeError(f"{batch_id} is completed and has no output file")
    return batch.output_file_id


def stream(client: OpenAI, file_id: str) -> Iterable[bytes]:
    """Yield the lines of a file while it comes in."""
    rest = b""
    with client.files.with_streaming_response.content(file_id) as content:
        for chunk in content.iter_bytes():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
    if rest:
        yield rest


if __name__ == "__main__":
    measure_client(run)
