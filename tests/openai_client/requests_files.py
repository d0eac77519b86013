"""Batch files to send, and the way of a batch to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from waiting import wait_until

from batchgen.models import Endpoint, Prompt
from batchgen.openai_client.batch_api import BatchApi, RemoteBatch

FINAL = {"completed", "failed", "expired", "cancelled"}
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def requests_file(folder: Path, count: int = 2) -> Path:
    """A batch file of so many requests."""
    path = folder / "requests.jsonl"
    prompts = (Prompt([{"role": "user", "content": f"Say {number}."}]) for number in range(count))
    path.write_bytes(
        b"".join(
            prompt.line(f"job-0001:{number}", "gpt-4o-mini", Endpoint.CHAT) for number, prompt in enumerate(prompts)
        )
    )
    return path


def started(api: BatchApi, folder: Path, name: str = "job-0001", count: int = 2) -> RemoteBatch:
    """A new batch whose metadata holds its name."""
    file_id = api.upload(requests_file(folder, count), f"{name}.jsonl")
    return api.create(file_id, Endpoint.CHAT, {"batchgen_batch": name})


def ended(api: BatchApi, batch: RemoteBatch) -> RemoteBatch:
    """The batch once OpenAI is done with it."""
    found = [batch]

    def is_done() -> bool:
        found[:] = api.follow({batch.id: batch.created_at})
        return found[0].status in FINAL

    wait_until(is_done)
    return found[0]
