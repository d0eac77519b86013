"""The files that clients uploaded and batches wrote: content and metadata side by side in one folder.

A file is written under a temporary name and becomes visible by a rename, so that a restart never sees half of one.
"""

import threading
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from batchgen.simulator.api_errors import ApiError


def write_atomically(path: Path, value: Any) -> None:
    """Replace ``path`` by ``value`` as JSON; a reader sees the old or the new content, never a part."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(orjson.dumps(value))
    temporary.replace(path)


def new_id(prefix: str) -> str:
    return f"{prefix}{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class StoredFile:
    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    sequence: int
    batch_id: str | None = None
    """the batch that wrote it; None for an upload"""

    role: str = "input"
    """``input``, ``output`` or ``error``"""

    def public(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "expires_at": None,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class FileStore:
    """All files of one data directory. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[str, StoredFile] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("upload-*.part"):
            leftover.unlink()
        found = [StoredFile(**orjson.loads(path.read_bytes())) for path in folder.glob("*.json")]
        for stored in sorted(found, key=lambda item: item.sequence):
            self._files[stored.id] = stored
        self._sequence = max((item.sequence for item in found), default=0)

    def new_upload(self) -> Path:
        """Where the bytes of an upload go until it is whole."""
        return self._folder / f"upload-{uuid.uuid4().hex}.part"

    def new_result(self, batch_id: str, role: str) -> Path:
        """Where a batch writes its ``output`` or ``error`` lines until it ends."""
        return self._folder / f"{batch_id}-{role}.part"

    def add(
        self, part: Path, *, filename: str, purpose: str, batch_id: str | None = None, role: str = "input"
    ) -> StoredFile:
        """Make the finished ``part`` a file that the API shows."""
        with self._lock:
            self._sequence += 1
            stored = StoredFile(
                id=new_id("file-"),
                bytes=part.stat().st_size,
                created_at=int(time.time()),
                filename=filename,
                purpose=purpose,
                sequence=self._sequence,
                batch_id=batch_id,
                role=role,
            )
            part.replace(self._folder / f"{stored.id}.jsonl")
            write_atomically(self._folder / f"{stored.id}.json", asdict(stored))
            self._files[stored.id] = stored
            return stored

    def get(self, file_id: str) -> StoredFile:
        """Raises ApiError 404, in OpenAI's words."""
        stored = self._files.get(file_id)
        if stored is None:
            raise ApiError(404, f"No such File object: {file_id}", param="id")
        return stored

    def find(self, file_id: str) -> StoredFile | None:
        return self._files.get(file_id)

    def path(self, file_id: str) -> Path:
        return self._folder / f"{file_id}.jsonl"

    def newest_first(self) -> list[StoredFile]:
        with self._lock:
            return list(reversed(self._files.values()))

    def delete(self, file_id: str) -> None:
        """Raises ApiError 404. Who has the file open reads it to its end."""
        with self._lock:
            self.get(file_id)
            del self._files[file_id]
            (self._folder / f"{file_id}.json").unlink(missing_ok=True)
            self.path(file_id).unlink(missing_ok=True)

    def clear(self) -> None:
        with self._lock:
            self._files.clear()
            for path in self._folder.iterdir():
                path.unlink(missing_ok=True)
