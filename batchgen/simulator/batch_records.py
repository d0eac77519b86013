"""A batch as it is kept: the object that the API shows, and what the simulator needs to go on after a restart."""

import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from batchgen.simulator.api_errors import ApiError
from batchgen.simulator.batch_plan import BatchPlan
from batchgen.simulator.endpoints import ENDPOINTS
from batchgen.simulator.files import new_id, write_atomically

FINAL = frozenset({"completed", "failed", "expired", "cancelled"})
METADATA_PAIRS, KEY_CHARACTERS, VALUE_CHARACTERS = 16, 64, 512


@dataclass(slots=True)
class BatchRecord:
    id: str
    sequence: int
    endpoint: str
    input_file_id: str
    metadata: dict[str, str] | None
    created_at: float
    expires_at: float
    visible_at: float
    """lists show it from then on"""

    model: str | None = None
    enqueued_tokens: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)
    """how this batch is to misbehave: the options of each fault drawn when it was made, with its ``kind``"""

    status: str = "validating"
    stamps: dict[str, int] = field(default_factory=dict)
    started: float = 0.0
    total: int = 0
    completed: int = 0
    failed: int = 0
    answered: int = 0
    outcome: str | None = None
    """the final status it is heading for, once that is clear"""

    usage: dict[str, Any] | None = None
    errors: list[dict[str, Any]] | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None

    def public(self) -> dict[str, Any]:
        """OpenAI's Batch object."""
        stamped = {
            f"{name}_at": self.stamps.get(name)
            for name in (
                "in_progress",
                "finalizing",
                "completed",
                "failed",
                "expired",
                "cancelling",
                "cancelled",
            )
        }
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "errors": None if self.errors is None else {"object": "list", "data": self.errors},
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": int(self.created_at),
            "expires_at": int(self.expires_at),
            **stamped,
            "request_counts": self._counts(),
            "usage": self.usage,
            "metadata": self.metadata,
        }

    def _counts(self) -> dict[str, int]:
        true = {"total": self.total, "completed": self.completed, "failed": self.failed}
        return BatchPlan(self.faults).reported(true) if self.faults else true


class BatchStore:
    """All batches of one data directory. Hold ``lock`` to change a record; ``save`` it when its status changes."""

    def __init__(self, folder: Path) -> None:
        self.lock = threading.RLock()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        found = [BatchRecord(**orjson.loads(path.read_bytes())) for path in folder.glob("*.json")]
        self._order = sorted(found, key=lambda record: record.sequence)
        self._records = {record.id: record for record in self._order}

    def create(self, source: Path, *, window_seconds: float, hidden_seconds: float, **values: Any) -> BatchRecord:
        """A new batch on the file ``source``, which may be deleted while it runs."""
        now = time.time()
        with self.lock:
            record = BatchRecord(
                id=new_id("batch_"),
                sequence=self._order[-1].sequence + 1 if self._order else 1,
                created_at=now,
                expires_at=now + window_seconds,
                visible_at=now + hidden_seconds,
                **values,
            )
            self.input_path(record.id).hardlink_to(source)
            self.save(record)
            self._order.append(record)
            self._records[record.id] = record
            return record

    def save(self, record: BatchRecord) -> None:
        write_atomically(self._folder / f"{record.id}.json", asdict(record))
        if record.status in FINAL:
            self.input_path(record.id).unlink(missing_ok=True)

    def input_path(self, batch_id: str) -> Path:
        """The lines of a batch that has not ended."""
        return self._folder / f"{batch_id}.input"

    def get(self, batch_id: str) -> BatchRecord:
        """Raises ApiError 404, in OpenAI's words."""
        record = self._records.get(batch_id)
        if record is None:
            raise ApiError(404, f"No batch found with id '{batch_id}'.")
        return record

    def find(self, batch_id: str | None) -> BatchRecord | None:
        return self._records.get(batch_id or "")

    def oldest_first(self) -> list[BatchRecord]:
        with self.lock:
            return list(self._order)

    def page(self, *, after: str | None, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """Newest first, from behind the batch ``after``; and whether more follow."""
        now = time.time()
        with self.lock:
            last = len(self._order) if after is None else self._order.index(self.get(after))
            shown: list[dict[str, Any]] = []
            for record in reversed(self._order[:last]):
                if record.visible_at > now:
                    continue
                if len(shown) == limit:
                    return shown, True
                shown.append(record.public())
            return shown, False

    def unfinished_tokens(self, model: str, *, up_to: BatchRecord | None = None) -> int:
        """Enqueued tokens of the batches of ``model`` that are not finished: all, or those made until ``up_to``."""
        last = up_to.sequence if up_to is not None else float("inf")
        with self.lock:
            earlier = (record for record in self._order if record.sequence <= last)
            live = [record for record in earlier if record.status not in FINAL and record.model == model]
            return sum(record.enqueued_tokens for record in live)

    def clear(self) -> None:
        with self.lock:
            self._order.clear()
            self._records.clear()
            for path in self._folder.iterdir():
                path.unlink(missing_ok=True)


def check_create(params: dict[str, Any]) -> None:
    """Raises ApiError 400 for what OpenAI refuses when a batch is made."""
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(params.get(name), str):
            raise ApiError(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    if params["completion_window"] != "24h":
        text = f"Invalid value: '{params['completion_window']}'. Value must be '24h'."
        raise ApiError(400, text, param="completion_window", code="invalid_value")
    if params["endpoint"] not in ENDPOINTS:
        supported = ", ".join(f"'{endpoint}'" for endpoint in ENDPOINTS)
        text = f"Invalid value: '{params['endpoint']}'. Supported values are: {supported}."
        raise ApiError(400, text, param="endpoint", code="invalid_value")
    _check_metadata(params.get("metadata"))


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise ApiError(400, "Invalid type for 'metadata': expected an object.", param="metadata", code="invalid_type")
    if len(metadata) > METADATA_PAIRS:
        text = f"Invalid 'metadata': too many properties. Expected at most {METADATA_PAIRS}, but got {len(metadata)}."
        raise ApiError(400, text, param="metadata", code="object_above_max_properties")
    for key, value in metadata.items():
        if len(key) > KEY_CHARACTERS:
            text = f"Invalid 'metadata' key: string too long. Expected at most {KEY_CHARACTERS} characters."
            raise ApiError(400, text, param="metadata", code="string_above_max_length")
        if not isinstance(value, str):
            text = f"Invalid type for 'metadata.{key}': expected a string."
            raise ApiError(400, text, param=f"metadata.{key}", code="invalid_type")
        if len(value) > VALUE_CHARACTERS:
            text = f"Invalid 'metadata.{key}': string too long. Expected at most {VALUE_CHARACTERS} characters."
            raise ApiError(400, text, param=f"metadata.{key}", code="string_above_max_length")
