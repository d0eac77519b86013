"""What a reviewer's decision does to the ledger, in one pass over the batch. Pure but for the files it writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import orjson

from batchgen.data_types import PromptGeneratorFactory, get_data_type, parse_options
from batchgen.data_types.contract import Record, UnknownPart
from batchgen.errors import DecisionRefused
from batchgen.models import Batch, Iteration, ProcessedBatchData
from batchgen.stages.ledger import BAD_SOURCE_ROW, LedgerEntry, LedgerFiles, LedgerWriter, RecordState, Standing, walk
from batchgen.stages.resend import ResendWriter

REJECTED = "rejected_by_reviewer"
SENT_BACK = "sent_back_by_reviewer"
_SEPARATOR = re.compile("::")


class Action(StrEnum):
    """What a reviewer can decide."""

    APPROVE = "approve"
    """Everything accepted stands: COMPLETED."""
    REJECT = "reject"
    """The named records (default: all) are refused; the rest, if any, is COMPLETED."""
    RETRY = "retry"
    """The named records (default: all accepted ones) are refused and go out again with the note as feedback."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the batch holds after the decision, and what goes out again."""

    data: ProcessedBatchData
    next_iteration: Iteration | None
    requests_path: Path
    touched: int
    """Records that the decision refused or sent back."""


def apply(
    batch: Batch,
    before: LedgerFiles,
    folder: Path,
    *,
    action: Action,
    note: str,
    record_ids: Collection[str] | None,
    count_tokens: Callable[[bytes], int] | None = None,
) -> Decided:
    """Carry out REJECT or RETRY; raises DecisionRefused for ids that are not there, or none with tries left.

    REJECT may also name parts of accepted records, `<record id>::<part>`, where the data type has such.
    """
    generator = PromptGeneratorFactory.create(batch.data_type, batch.options)
    wanted = None if record_ids is None else set(record_ids)
    parts = _PartsRejector(batch, action, note, wanted or ())
    found: set[str] = set()
    touched = 0
    with LedgerWriter(batch.batch_id, folder) as writer, ResendWriter(batch, folder, generator, count_tokens) as resend:
        for standing in walk(before):
            record_id = None if wanted is None else _record_id(standing)
            if standing.result is not None if wanted is None else record_id in wanted:
                found.add(record_id or "")
                if standing.entry is not None and standing.entry.reason == BAD_SOURCE_ROW:
                    _keep(standing, writer)  # it never was a request, so there is nothing to refuse or send
                    continue
                touched += 1
                _refuse(batch, standing, action, note, writer, resend)
            elif record_id is not None and standing.result is not None and (named := parts.of(record_id)):
                found |= named.keys()
                touched += 1
                left = parts.without(standing.result, named)
                if left is None:
                    _refuse(batch, standing, action, note, writer, resend)
                else:
                    writer.accept(left, standing.entry)
            else:
                _keep(standing, writer)
        if wanted is not None and wanted - found:
            missing = ", ".join(sorted(wanted - found)[:5])
            raise DecisionRefused(batch.batch_id, f"it holds no records {missing}")
        decided = Decided(
            data=writer.finish(f"{batch.iteration}/reviewed"),
            next_iteration=resend.finish(),
            requests_path=resend.path,
            touched=touched,
        )
    if action is Action.RETRY and decided.next_iteration is None:
        raise DecisionRefused(
            batch.batch_id,
            "none of these records has tries left",
            "Approve or reject it; a job with a higher --max-retries has more tries.",
        )
    return decided


class _PartsRejector:
    """Takes parts out of accepted results: ids of the form `<record id>::<part>` that are no record's own id."""

    def __init__(self, batch: Batch, action: Action, note: str, wanted: Collection[str]) -> None:
        data_type = get_data_type(batch.data_type, batch.options)
        self._strategy = data_type.result_strategy(parse_options(data_type, batch.options))
        self._batch_id, self._action, self._note = batch.batch_id, action, note
        self._by_record: dict[str, dict[str, str]] = {}
        for name in wanted:
            for found in _SEPARATOR.finditer(name):  # a record id may hold the separator, too
                part = name[found.end() :]
                self._by_record.setdefault(name[: found.start()], {})[name] = part

    def of(self, record_id: str) -> dict[str, str]:
        """The parts of a record that are named, by the names that were given."""
        return self._by_record.get(record_id, {})

    def without(self, result: bytes, named: dict[str, str]) -> bytes | None:
        """The result line less these parts, or None where nothing is left."""
        if self._action is not Action.REJECT:
            advice = "Reject it, or send back the whole record."
            raise DecisionRefused(self._batch_id, f"{next(iter(named))} is a part of a record", advice)
        fields = orjson.loads(result)
        try:
            fields["output"] = self._strategy.without(fields["output"], set(named.values()), self._note)
        except UnknownPart as unknown:
            raise DecisionRefused(self._batch_id, f"it holds no {next(iter(named))} ({unknown})") from None
        if fields["output"] is None:
            return None
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _refuse(
    batch: Batch,
    standing: Standing,
    action: Action,
    note: str,
    writer: LedgerWriter,
    resend: ResendWriter,
) -> None:
    fields = orjson.loads(standing.record)
    record = Record(fields["record_id"], fields["data"])
    entry = standing.entry or LedgerEntry(standing.row, record.record_id, RecordState.ACCEPTED, 0, "", "")
    output = orjson.loads(standing.result)["output"] if standing.result is not None else entry.output
    if action is Action.REJECT:
        state, tries, reason = RecordState.REFUSED, entry.tries, REJECTED
        writer.keep(LedgerEntry(entry.row, entry.record_id, state, tries, reason, note, output))
        return
    again = entry.after_failed_try(
        ends_as=RecordState.REFUSED,
        reason=SENT_BACK,
        detail=note,
        output=output,
        helps=bool(note),
        max_retries=batch.max_retries,
    )
    writer.keep(again)
    if again.state is RecordState.OPEN:
        resend.add(again, record)


def _keep(standing: Standing, writer: LedgerWriter) -> None:
    if standing.result is not None:
        writer.accept(standing.result, standing.entry)
    elif standing.entry is not None:
        writer.keep(standing.entry)


def _record_id(standing: Standing) -> str:
    return str(orjson.loads(standing.record)["record_id"])
