"""The calls of the Batch API that the stages need, with values in and values out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import openai
from structlog.stdlib import get_logger

from batchgen.errors import CreateInDoubt, RequestRefused, Unavailable
from batchgen.models import Endpoint, ValidationProblem
from batchgen.openai_client.errors import NOT_UNDERSTOOD, SERVICE, message_of, openai_errors, reason_of, translate
from batchgen.openai_client.manager import OpenAIClientManager

if TYPE_CHECKING:
    from openai.types import Batch as SdkBatch

log = get_logger(__name__)

_BUFFER = 1 << 20
_PAGE = 100
_CLOCK_SKEW = timedelta(minutes=5)
_SAFE_CLOCK_SKEW = timedelta(days=1)
"""Where money hangs on finding a batch, no clock of this century is trusted to the hour."""
_NOT_FOUND = 404
_DOUBTFUL = {408, 409}
_SERVER_ERROR = 500
DOWNLOAD_TRIES = 3


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """What OpenAI says of a batch."""

    id: str
    status: str
    created_at: datetime
    metadata: dict[str, str]
    completed_requests: int
    output_file_id: str | None
    error_file_id: str | None
    errors: tuple[ValidationProblem, ...]


class BatchApi:
    """Uploads, creates, finds, follows, cancels and downloads. Raises Unavailable, AccessDenied, RequestRefused."""

    def __init__(self, manager: OpenAIClientManager) -> None:
        """Take the manager that owns the client."""
        self._manager = manager

    @property
    def _client(self) -> openai.OpenAI:
        return self._manager.get_sync_client()

    def check(self) -> None:
        """Ask for the list of models: tells whether the host answers and the key is right."""
        with openai_errors("models.list"):
            self._client.models.list()

    def upload(self, path: Path, name: str) -> str:
        """Send a batch file as a stream, never repeated here, and return its file id.

        After Unavailable nobody knows whether it arrived: `find_file` tells by its name.
        """
        client = self._client.with_options(max_retries=0)
        with openai_errors("files.create"), path.open("rb") as file:
            return client.files.create(file=(name, file), purpose="batch").id

    def find_file(self, name: str, *, size: int, since: datetime) -> str | None:
        """The id of a batch file of this name and size that was uploaded after `since`; others like it are deleted."""
        found: str | None = None
        with suppress(RequestRefused), openai_errors("files.list"):  # some compatible servers have no list of files
            for file in self._client.files.list(purpose="batch", order="desc"):
                if datetime.fromtimestamp(file.created_at, UTC) < since - _SAFE_CLOCK_SKEW:
                    break
                if (file.filename, file.bytes) != (name, size):
                    continue
                if found is None:
                    found = file.id
                else:
                    self.delete_file(file.id)
        return found

    def create(self, file_id: str, endpoint: Endpoint, metadata: dict[str, str]) -> RemoteBatch:
        """Make a batch, never repeated here; raises CreateInDoubt when nobody knows whether it was made."""
        client = self._client.with_options(max_retries=0)
        try:
            created = client.batches.create(
                input_file_id=file_id, endpoint=endpoint.value, completion_window="24h", metadata=metadata
            )
            return _remote(created)
        except openai.APIStatusError as error:
            if error.status_code in _DOUBTFUL or error.status_code >= _SERVER_ERROR:
                raise CreateInDoubt(f"{error.status_code}: {message_of(error)}") from error
            raise translate(error, "batches.create") from error
        except (openai.APIConnectionError, httpx2.HTTPError, *NOT_UNDERSTOOD) as error:
            raise CreateInDoubt(reason_of(error)) from error

    def find(self, metadata: dict[str, str], *, since: datetime) -> RemoteBatch | None:
        """The batch with exactly this metadata that was made after `since`, if the list holds one."""
        return self.find_all({"": metadata}, since=since).get("")

    def find_all(self, wanted: Mapping[str, dict[str, str]], *, since: datetime) -> dict[str, RemoteBatch]:
        """For each name the batch with exactly its metadata that was made after `since`: one sweep of the list."""
        names = {_frozen(metadata): name for name, metadata in wanted.items()}
        found: dict[str, RemoteBatch] = {}
        for batch in self._newest_first(since - _SAFE_CLOCK_SKEW):
            name = names.get(_frozen(batch.metadata))
            if name is not None:
                found.setdefault(name, batch)
                if len(found) == len(names):
                    break
        return found

    def follow(self, wanted: dict[str, datetime]) -> Iterator[RemoteBatch]:
        """The present state of batches given as id → time of creation: one sweep of the list, then one by one."""
        left = set(wanted)
        if len(left) > 1:
            for batch in self._newest_first(min(wanted.values()) - _CLOCK_SKEW):
                if batch.id in left:
                    left.discard(batch.id)
                    yield batch
                if not left:
                    return
        for batch_id in sorted(left):
            try:
                found = self.retrieve(batch_id)
            except RequestRefused as refused:
                log.warning("batch_refused_at_openai", openai_batch_id=batch_id, problem=refused.problem)
                continue
            if found is None:  # one that OpenAI does not know must not stop the others
                log.warning("batch_not_found_at_openai", openai_batch_id=batch_id)
            else:
                yield found

    def retrieve(self, batch_id: str) -> RemoteBatch | None:
        """The present state of one batch; None if OpenAI does not know it."""
        try:
            with openai_errors("batches.retrieve"):
                return _remote(self._client.batches.retrieve(batch_id))
        except RequestRefused as refused:
            if refused.status != _NOT_FOUND:
                raise
            return None

    def cancel(self, batch_id: str) -> None:
        """Ask OpenAI to stop a batch; what is done by then is kept and billed."""
        with openai_errors("batches.cancel"):
            self._client.batches.cancel(batch_id)

    def download(self, file_id: str, path: Path) -> Path:
        """Fetch a file as a stream; it appears at `path` only when it is whole.

        A body that ends early without an error is told by the size OpenAI states, and fetched again.
        """
        part = path.with_name(path.name + ".part")
        expected = self._size(file_id)
        received = 0
        for _ in range(DOWNLOAD_TRIES):
            received = self._stream(file_id, part)
            if expected is None or received >= expected:
                part.replace(path)
                return path
            log.warning("download_cut", file_id=file_id, received=received, expected=expected)
        part.unlink()
        raise Unavailable(service=SERVICE, problem=f"{file_id} ended after {received} of {expected} bytes")

    def delete_file(self, file_id: str) -> None:
        """Delete a file at OpenAI; one that is gone already is fine."""
        with openai_errors("files.delete"):
            try:
                self._client.files.delete(file_id)
            except openai.NotFoundError:
                return

    def _size(self, file_id: str) -> int | None:
        try:
            with openai_errors("files.retrieve"):
                return self._client.files.retrieve(file_id).bytes or None
        except RequestRefused as refused:
            if refused.status == _NOT_FOUND:
                raise
            return None

    def _stream(self, file_id: str, part: Path) -> int:
        with (
            openai_errors("files.content"),
            self._client.files.with_streaming_response.content(file_id) as answer,
            part.open("wb", buffering=_BUFFER) as file,
        ):
            for chunk in answer.iter_bytes():  # as they come: the file gathers them
                file.write(chunk)
            return file.tell()

    def _newest_first(self, since: datetime) -> Iterator[RemoteBatch]:
        with openai_errors("batches.list"):
            for page in self._client.batches.list(limit=_PAGE).iter_pages():
                for found in page.data:  # None, which raises TypeError, where the answer was no list
                    batch = _remote(found)
                    if batch.created_at < since:
                        return
                    yield batch


def _frozen(metadata: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(metadata.items())


def _remote(batch: SdkBatch) -> RemoteBatch:
    if not isinstance(batch.id, str):
        raise TypeError("the answer is no batch")
    counts = batch.request_counts
    problems: Iterable[ValidationProblem] = (
        ValidationProblem(code=each.code or "invalid", message=each.message or "", line=each.line)
        for each in (batch.errors.data if batch.errors and batch.errors.data else [])
    )
    return RemoteBatch(
        id=batch.id,
        status=batch.status,
        created_at=datetime.fromtimestamp(batch.created_at, UTC) if batch.created_at else datetime.now(UTC),
        metadata=dict(batch.metadata or {}),
        completed_requests=counts.completed + counts.failed if counts else 0,
        output_file_id=batch.output_file_id or None,
        error_file_id=batch.error_file_id or None,
        errors=tuple(problems),
    )
