"""Finds the answer to each row in OpenAI's files, whose lines come in any order, without holding them in memory."""

from __future__ import annotations

import os
from array import array
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from batchgen.openai_client.answers import custom_id_of, leading_number
from batchgen.storage.batch_files import custom_id_prefix, row_of

_NONE = -1


class AnswerIndex:
    """Where the line of each row begins: 16 bytes a record. Of lines that stand twice, the first counts."""

    def __init__(self, batch_id: str, records: int, output: Path | None, errors: Path | None) -> None:
        """Read both files once; either may be missing."""
        self._files: list[BinaryIO] = []
        self._descriptors: list[int] = []
        self._file_of = array("b", [_NONE]) * records
        self._start = array("q", [_NONE]) * records
        self._length = array("i", [0]) * records
        self.answered = 0
        """Rows with a line in the output file."""
        self.duplicates = 0
        self.unknown = 0
        """Lines whose custom id is none of this batch's."""
        for path in (output, errors):
            if path is not None:
                self._add(path, batch_id, records)
                if path is output:
                    self.answered = records - self._file_of.count(_NONE)

    def line(self, row: int) -> bytes | None:
        """The line that answers a row, or None."""
        which = self._file_of[row]
        if which == _NONE:
            return None
        return os.pread(self._descriptors[which], self._length[row], self._start[row])

    def _add(self, path: Path, batch_id: str, records: int) -> None:
        file = path.open("rb", buffering=1 << 18)
        which, start = len(self._files), 0
        self._files.append(file)
        self._descriptors.append(file.fileno())
        row_of_line = leading_number(custom_id_prefix(batch_id)).match
        for line in file:
            length = len(line)
            if length > 1:  # some servers end a file with an empty line
                found = row_of_line(line)
                row = int(found[1]) if found else _parsed_row(line, batch_id)
                if row is None or row >= records:
                    self.unknown += 1
                elif self._file_of[row] != _NONE:
                    self.duplicates += 1
                else:
                    self._file_of[row], self._start[row], self._length[row] = which, start, length
            start += length

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            file.close()


def _parsed_row(line: bytes, batch_id: str) -> int | None:
    custom_id = custom_id_of(line)
    return row_of(custom_id, batch_id) if custom_id else None
