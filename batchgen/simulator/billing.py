"""What the simulator billed: one ledger file a batch, a JSON array a request it answered or failed.

    [custom_id, billed (1 or 0), input tokens, output tokens, CRC-32 of the request line]

Totals are kept in memory; who was billed twice is found on demand by reading the ledgers.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from batchgen.simulator.batch_records import BatchRecord
from batchgen.simulator.endpoints import Usage

Key = int


class Billing:
    """The ledgers of one data directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._attempts: Counter[str] | None = None
        self.sync_requests = 0
        self.sync_usage = Usage()
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, batch_id: str) -> Path:
        return self._folder / f"{batch_id}.jsonl"

    def bill_sync(self, usage: Usage) -> None:
        """A request outside a batch was answered."""
        with self._lock:
            self.sync_requests += 1
            self.sync_usage.add(usage)

    def totals(self, records: list[BatchRecord]) -> dict[str, Any]:
        """Per batch, oldest first, and summed up."""
        batches = [_billed(record) for record in records]
        requests = sum(batch["requests"] for batch in batches)
        return {
            "requests": requests + self.sync_requests,
            "input_tokens": sum(batch["input_tokens"] for batch in batches) + self.sync_usage.input_tokens,
            "output_tokens": sum(batch["output_tokens"] for batch in batches) + self.sync_usage.output_tokens,
            "sync_requests": self.sync_requests,
            "batches": batches,
        }

    def requests(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """Each request of a batch that was answered (billed) or failed (not billed), in the order of processing."""
        for custom_id, billed, asked, said, digest in self._lines(batch_id):
            yield {
                "custom_id": custom_id,
                "billed": bool(billed),
                "input_tokens": asked,
                "output_tokens": said,
                "digest": f"{digest:08x}",
            }

    def duplicates(self, records: list[BatchRecord], *, same_request: bool) -> dict[str, list[str]]:
        """custom_id → ids of the batches that billed it, for all billed more than once.

        With ``same_request`` only those whose whole request line was the same. Two passes: the first holds a number a
        request, the second names what it found twice.
        """
        once: set[Key] = set()
        twice: set[Key] = set()
        for key, _, _ in self._billed_keys(records, same_request=same_request):
            (twice if key in once else once).add(key)
        found: dict[str, list[str]] = {}
        if twice:
            for key, custom_id, batch_id in self._billed_keys(records, same_request=same_request):
                if key in twice:
                    found.setdefault(custom_id, []).append(batch_id)
        return found

    def attempt(self, custom_id: str, records: list[BatchRecord]) -> int:
        """1 for a custom_id that is answered for the first time; survives a restart, since the ledgers do."""
        if self._attempts is None:
            self._attempts = Counter(line[0] for record in records for line in self._lines(record.id))
        self._attempts[custom_id] += 1
        return self._attempts[custom_id]

    def forget(self, batch_id: str) -> None:
        """The batch is answered again from its start (after a restart)."""
        self.path(batch_id).unlink(missing_ok=True)

    def clear(self) -> None:
        with self._lock:
            self._attempts = None
            self.sync_requests, self.sync_usage = 0, Usage()
            for path in self._folder.iterdir():
                path.unlink(missing_ok=True)

    def _lines(self, batch_id: str) -> Iterator[Any]:
        path = self.path(batch_id)
        if path.exists():
            with path.open("rb") as ledger:
                yield from (orjson.loads(line) for line in ledger if line.endswith(b"\n"))

    def _billed_keys(self, records: list[BatchRecord], *, same_request: bool) -> Iterator[tuple[Key, str, str]]:
        for record in records:
            for custom_id, billed, _, _, digest in self._lines(record.id):
                if billed:
                    yield hash((custom_id, digest) if same_request else custom_id), custom_id, record.id


def _billed(record: BatchRecord) -> dict[str, Any]:
    usage = record.usage or Usage().as_response_usage()
    return {
        "batch_id": record.id,
        "status": record.status,
        "model": record.model,
        "metadata": record.metadata,
        "requests": record.completed,
        "failed": record.failed,
        "input_tokens": usage["input_tokens"],
        "output_tokens": usage["output_tokens"],
    }
