"""Writes the batch file of the next iteration: only what is open, with the reason it failed where that can help."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from batchgen.data_types.contract import DataType, Feedback, PromptGenerator, Record
from batchgen.models import Batch, Iteration
from batchgen.stages.ledger import LedgerEntry
from batchgen.storage.batch_files import MAX_BYTES, custom_id


class ResendWriter:
    """Made at the start of a pass over the ledger. Used in `with`."""

    def __init__(
        self,
        batch: Batch,
        folder: Path,
        generator: PromptGenerator[Any],
        count_tokens: Callable[[bytes], int] | None = None,
    ) -> None:
        """`count_tokens` is given where the model's enqueued-token limit is known."""
        self._batch = batch
        self.path = folder / "requests.jsonl"
        self._file = self.path.open("wb", buffering=1 << 20)
        self._generator = generator
        self._count_tokens = count_tokens
        self._hash = hashlib.sha256()
        self._requests = self._bytes = self._tokens = 0
        # What is asked again was asked before, so without feedback it fits; feedback may use what is left.
        asked = sum(iteration.requests_bytes for iteration in batch.iterations)
        self._room_for_feedback = max(0, MAX_BYTES - asked)

    def add(self, entry: LedgerEntry, record: Record) -> None:
        """Ask a record again."""
        name = custom_id(self._batch.batch_id, entry.row)
        line = self._line(name, record, None)
        if entry.helps_next_try:
            feedback = Feedback(entry.reason, entry.detail[: DataType.FEEDBACK_LIMIT])
            longer = self._line(name, record, feedback)
            if len(longer) - len(line) <= self._room_for_feedback:
                self._room_for_feedback -= max(0, len(longer) - len(line))
                line = longer
        self._file.write(line)
        self._hash.update(line)
        self._requests += 1
        self._bytes += len(line)
        if self._count_tokens:
            self._tokens += self._count_tokens(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def finish(self) -> Iteration | None:
        """Complete the file; returns the next iteration, or None if nothing is open."""
        self._file.flush()
        if not self._requests:
            return None
        return Iteration(
            number=self._batch.iteration + 1,
            requests=self._requests,
            requests_bytes=self._bytes,
            requests_sha256=self._hash.hexdigest(),
            requests_tokens=self._tokens or None,
        )

    def _line(self, name: str, record: Record, feedback: Feedback | None) -> bytes:
        batch = self._batch
        return self._generator.prompt(record, feedback).line(name, batch.model, batch.endpoint, batch.max_output_tokens)
