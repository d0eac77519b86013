"""What became of each record of a batch, as streams in the order of the source.

`results.jsonl` holds the accepted records. `ledger.jsonl` holds every record with a history: not accepted, or accepted
after a failed try. A record in neither was accepted at once, so that an undisturbed batch has an empty ledger.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from batchgen.data_types.contract import Feedback, Record, Result
from batchgen.lifecycle import has_tries_left
from batchgen.models import Batch, ProcessedBatchData, Proof, RecordList
from batchgen.storage.batch_files import custom_id_prefix
from batchgen.storage.uploads import file_sha256

BAD_SOURCE_ROW = "bad_source_row"
_BUFFER = 1 << 18


class RecordState(StrEnum):
    """Where a record stands."""

    OPEN = "open"
    """Goes out in the next iteration."""
    ACCEPTED = "accepted"
    """Validated, and not refused by a reviewer."""
    REFUSED = "refused"
    """An answer came and was not good enough; no tries left."""
    FAILED = "failed"
    """No answer came; no tries left."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The history of one record; `tries` counts its own failed ones."""

    row: int
    record_id: str
    state: RecordState
    tries: int
    reason: str
    detail: str
    output: Any = None
    helps_next_try: bool = False
    evidence: Any = None
    """What the data type keeps of a refused answer, for the reviewer and the next judgement."""

    def line(self) -> bytes:
        """Its line in ledger.jsonl."""
        return orjson.dumps(asdict(self), option=orjson.OPT_APPEND_NEWLINE)

    def after_failed_try(
        self,
        *,
        ends_as: RecordState,
        reason: str,
        detail: str,
        output: Any,
        helps: bool,
        max_retries: int,
        evidence: Any = None,
        final: bool = False,
    ) -> LedgerEntry:
        """One more failed try: open again while tries are left, unless it is `final`, else as `ends_as`."""
        tries = self.tries + 1
        left = has_tries_left(failed_tries=tries, max_retries=max_retries) and not final
        state = RecordState.OPEN if left else ends_as
        return LedgerEntry(self.row, self.record_id, state, tries, reason, detail, output, helps, evidence)

    def feedback(self) -> Feedback | None:
        """Why the last answer was refused, where one was."""
        return Feedback(self.reason, self.detail, self.evidence) if self.tries else None


@dataclass(slots=True)  # not frozen: made once for every record
class Standing:
    """A record where a walk has come to: its line, its history if it has one, its result line if it is accepted."""

    row: int
    record: bytes
    entry: LedgerEntry | None
    result: bytes | None


@dataclass(frozen=True, slots=True)
class LedgerFiles:
    """The local files of a batch at a point; None at the start, when nothing was judged yet."""

    records: Path
    results: Path | None = None
    ledger: Path | None = None


def recount(files: LedgerFiles, batch: Batch) -> ProcessedBatchData:
    """The sums of a batch as its stored files say."""
    if files.results is None or files.ledger is None or batch.ledger is None:
        raise AssertionError("only a batch that was judged can be counted again")
    return ProcessedBatchData(
        batch_id=batch.batch_id,
        ledger=batch.ledger,
        results_path=files.results,
        results_sha256=file_sha256(files.results),
        ledger_path=files.ledger,
        accepted=batch.accepted,
        refused=batch.refused,
        failed=batch.failed,
        unresolved=batch.pending,
        most_tries=0,
        accepted_in={each.number: each.accepted for each in batch.iterations},
        reasons=batch.reasons,
        proof=batch.proof,
    )


def read_ledger(path: Path) -> Iterator[LedgerEntry]:
    """The entries of a ledger file."""
    with path.open("rb", buffering=_BUFFER) as file:
        for line in file:
            fields = orjson.loads(line)
            fields["state"] = RecordState(fields["state"])
            yield LedgerEntry(**fields)


def walk(files: LedgerFiles) -> Iterator[Standing]:
    """Every record of the batch, in order, with what is known of it; at the start nothing is."""
    entries = read_ledger(files.ledger) if files.ledger else iter(())
    entry = next(entries, None)
    with files.records.open("rb", buffering=_BUFFER) as records:
        if files.results is None:
            for row, record in enumerate(records):
                yield Standing(row, record, None, None)
            return
        with files.results.open("rb", buffering=_BUFFER) as results:
            for row, record in enumerate(records):
                mine = entry if entry is not None and entry.row == row else None
                if mine is not None:
                    entry = next(entries, None)
                accepted = mine is None or mine.state is RecordState.ACCEPTED
                yield Standing(row, record, mine, results.readline() if accepted else None)


def accepted_results(files: LedgerFiles) -> Iterator[Result]:
    """Every accepted record with its result."""
    for standing in walk(files):
        if standing.result is not None:
            record, result = orjson.loads(standing.record), orjson.loads(standing.result)
            yield Result(Record(record["record_id"], record["data"]), result["output"], result["iteration"])


class LedgerWriter:
    """Writes results and ledger of a point, row by row, and keeps the sums and their proof. Used in `with`.

    It is told of every record once, in the order of the source.
    """

    def __init__(self, batch_id: str, folder: Path) -> None:
        """Write into a folder of its own."""
        self._batch_id = batch_id
        self._prefix = custom_id_prefix(batch_id)
        self._row = 0
        self._lists = {state: hashlib.sha256() for state in RecordState}
        self._accepted_ids = self._lists[RecordState.ACCEPTED]
        self._results_path = folder / "results.jsonl"
        self._ledger_path = folder / "ledger.jsonl"
        self._results: BinaryIO = self._results_path.open("wb", buffering=_BUFFER)
        self._ledger: BinaryIO = self._ledger_path.open("wb", buffering=_BUFFER)
        self._hash = hashlib.sha256()
        self._accepted = 0
        self._accepted_in: Counter[int] = Counter()
        self._others: Counter[RecordState] = Counter()
        self._reasons: Counter[str] = Counter()
        self._most_tries = 0

    def accept(self, result: bytes, entry: LedgerEntry | None = None) -> None:
        """An accepted record: its result line, and its history if it has one."""
        self._results.write(result)
        self._hash.update(result)
        self._accepted_ids.update(f"{self._prefix}{self._row}\n".encode())
        self._row += 1
        self._accepted += 1
        self._accepted_in[_iteration_of(result)] += 1
        if entry is not None:
            self._ledger.write(entry.line())

    def keep(self, entry: LedgerEntry) -> None:
        """A record that is not accepted."""
        if entry.row != self._row:
            raise AssertionError(f"row {entry.row} stands where row {self._row} belongs")
        self._ledger.write(entry.line())
        self._lists[entry.state].update(f"{self._prefix}{self._row}\n".encode())
        self._row += 1
        self._others[entry.state] += 1
        if entry.state is RecordState.OPEN:
            self._most_tries = max(self._most_tries, entry.tries)
        else:
            self._reasons[entry.reason] += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._results.close()
        self._ledger.close()

    def finish(self, ledger: str) -> ProcessedBatchData:
        """Complete both files and return the sums; `ledger` names the point."""
        self._results.flush()
        self._ledger.flush()
        return ProcessedBatchData(
            batch_id=self._batch_id,
            ledger=ledger,
            results_path=self._results_path,
            results_sha256=self._hash.hexdigest(),
            ledger_path=self._ledger_path,
            accepted=self._accepted,
            refused=self._others[RecordState.REFUSED],
            failed=self._others[RecordState.FAILED],
            unresolved=self._others[RecordState.OPEN],
            most_tries=self._most_tries,
            accepted_in=dict(sorted(self._accepted_in.items())),
            reasons=dict(sorted(self._reasons.items())),
            proof=Proof(
                accepted=RecordList(count=self._accepted, sha256=self._accepted_ids.hexdigest()),
                refused=self._list(RecordState.REFUSED),
                failed=self._list(RecordState.FAILED),
                open=self._list(RecordState.OPEN),
            ),
        )

    def _list(self, state: RecordState) -> RecordList:
        return RecordList(count=self._others[state], sha256=self._lists[state].hexdigest())


def _iteration_of(result: bytes) -> int:
    """The iteration of a result line, which is the last field of every one: they are too many to parse."""
    return int(result[result.rindex(b":") + 1 : result.rindex(b"}")])
