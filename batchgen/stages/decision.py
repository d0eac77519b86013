"""What a reviewer's decision does to the ledger, in one pass over the batch. Pure but for the files it writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from batchgen.data_types import PromptGeneratorFactory, get_data_type, parse_options
from batchgen.data_types.contract import InseparablePart, Record, ResultStrategy, UnknownPart
from batchgen.data_types.row_filter import NotComparable, holds
from batchgen.errors import DecisionRefused
from batchgen.models import Batch, Iteration, ProcessedBatchData
from batchgen.stages.ledger import BAD_SOURCE_ROW, LedgerEntry, LedgerFiles, LedgerWriter, RecordState, Standing, walk
from batchgen.stages.resend import ResendWriter

REJECTED = "rejected_by_reviewer"
SENT_BACK = "sent_back_by_reviewer"
_SEPARATOR = re.compile("::")
_MOST_NAMED = 5


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
    where: str | None = None,
    count_tokens: Callable[[bytes], int] | None = None,
) -> Decided:
    """Carry out REJECT or RETRY; raises DecisionRefused for ids that are not there, or none with tries left.

    Records are named by their ids, or by an expression (`where`) that is true of their accepted output. REJECT may also
    name parts of accepted records, `<record id>::<part>`, where the data type has such.
    """
    data_type = get_data_type(batch.data_type, batch.options)
    strategy = data_type.result_strategy(parse_options(data_type, batch.options))
    generator = PromptGeneratorFactory.create(batch.data_type, batch.options)
    wanted = None if record_ids is None else set(record_ids)
    parts = _PartsRejector(batch.batch_id, strategy, action, note, _names_of_parts(before, wanted or ()))
    found: set[str] = set()
    touched = 0
    with LedgerWriter(batch.batch_id, folder) as writer, ResendWriter(batch, folder, generator, count_tokens) as resend:
        refuser = _Refuser(batch, strategy, action, note, writer, resend)
        for standing in walk(before):
            record_id = None if wanted is None else _record_id(standing)
            named, left = parts.taken_from(record_id, standing.result)
            found |= named
            if _is_meant(batch.batch_id, standing, where) if wanted is None else record_id in wanted:
                found.add(record_id or "")
                if standing.entry is not None and standing.entry.reason == BAD_SOURCE_ROW:
                    _keep(standing, writer)  # it never was a request, so there is nothing to refuse or send
                    continue
                touched += 1
                refuser.refuse(standing)
            elif named:
                touched += 1
                if left is None:
                    refuser.refuse(standing)
                else:
                    writer.accept(left, standing.entry)
            else:
                _keep(standing, writer)
        if where is not None and not touched:
            raise DecisionRefused(batch.batch_id, f"no accepted record is such that {where}")
        if wanted is not None and wanted - found:
            raise _unknown(batch.batch_id, sorted(wanted - found))
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
    """Takes parts out of accepted results: ids of the form `<record id>::<part>`."""

    def __init__(
        self, batch_id: str, strategy: ResultStrategy[Any], action: Action, note: str, names: Collection[str]
    ) -> None:
        self._batch_id, self._strategy, self._action, self._note = batch_id, strategy, action, note
        self._by_record: dict[str, dict[str, str]] = {}
        for name in names:
            for found in _SEPARATOR.finditer(name):  # record ids and parts may hold the separator, too
                part = name[found.end() :]
                self._by_record.setdefault(name[: found.start()], {})[name] = part

    def taken_from(self, record_id: str | None, result: bytes | None) -> tuple[set[str], bytes | None]:
        """The names of parts that a result has, and its line less these; None where nothing is left."""
        named = self._by_record.get(record_id or "")
        if named is None or result is None:
            return set(), result
        fields = orjson.loads(result)
        output = fields["output"]
        there = {name: part for name, part in named.items() if self._has(output, part)}
        if not there:
            return set(), result
        if self._action is not Action.REJECT:
            advice = "Reject it, or send back the whole record."
            raise DecisionRefused(self._batch_id, f"{min(there)} is a part of a record, which cannot be sent", advice)
        try:
            left = self._strategy.without(output, set(there.values()), self._note)
        except InseparablePart:
            problem = f"the rest of its record cannot stand without {min(there)}"
            raise DecisionRefused(self._batch_id, problem, "Reject the whole record.") from None
        if left is None:
            return set(there), None
        return set(there), orjson.dumps(fields | {"output": left}, option=orjson.OPT_APPEND_NEWLINE)

    def _has(self, output: Any, part: str) -> bool:
        try:
            self._strategy.without(output, {part}, self._note)
        except InseparablePart:
            return True
        except UnknownPart:
            return False
        return True


def _names_of_parts(files: LedgerFiles, wanted: Collection[str]) -> set[str]:
    """The names that can only be of parts: an id that a record has means the whole record, whatever it looks like."""
    names = {name for name in wanted if _SEPARATOR.search(name)}
    if names:
        with files.records.open("rb") as records:
            names.difference_update(str(orjson.loads(record)["record_id"]) for record in records)
    return names


def _unknown(batch_id: str, missing: list[str]) -> DecisionRefused:
    parts = " or parts of records" if any(map(_SEPARATOR.search, missing)) else ""
    return DecisionRefused(batch_id, f"it holds no records{parts} {', '.join(missing[:_MOST_NAMED])}")


@dataclass(frozen=True, slots=True)
class _Refuser:
    """Refuses whole records, for good or to be sent again."""

    batch: Batch
    strategy: ResultStrategy[Any]
    action: Action
    note: str
    writer: LedgerWriter
    resend: ResendWriter

    def refuse(self, standing: Standing) -> None:
        """Refuse a record as it stands; what its output has shown stays with it."""
        fields = orjson.loads(standing.record)
        record = Record(fields["record_id"], fields["data"])
        entry = standing.entry or LedgerEntry(standing.row, record.record_id, RecordState.ACCEPTED, 0, "", "")
        output, evidence = entry.output, entry.evidence
        if standing.result is not None:
            output = orjson.loads(standing.result)["output"]
            evidence = self.strategy.evidence(output)
        if self.action is Action.REJECT:
            gone = replace(
                entry,
                state=RecordState.REFUSED,
                reason=REJECTED,
                detail=self.note,
                output=output,
                helps_next_try=False,
                evidence=evidence,
            )
            self.writer.keep(gone)
            return
        again = entry.after_failed_try(
            ends_as=RecordState.REFUSED,
            reason=SENT_BACK,
            detail=self.note,
            output=output,
            helps=bool(self.note),
            max_retries=self.batch.max_retries,
            evidence=evidence,
        )
        self.writer.keep(again)
        if again.state is RecordState.OPEN:
            self.resend.add(again, record)


def _is_meant(batch_id: str, standing: Standing, where: str | None) -> bool:
    """Tell whether a decision that names no records is about this one: all that are accepted, or those of the rule."""
    if standing.result is None or where is None:
        return standing.result is not None
    record, output = orjson.loads(standing.record), orjson.loads(standing.result)["output"]
    values = output if isinstance(output, dict) else {"output": output}
    try:
        return holds(where, {"record_id": record["record_id"], "given": record["data"]} | values)
    except NotComparable as problem:
        told = f"{problem} (at record {record['record_id']})"
        raise DecisionRefused(
            batch_id, told, "Correct the expression; its names are the fields of the output."
        ) from None


def _keep(standing: Standing, writer: LedgerWriter) -> None:
    if standing.result is not None:
        writer.accept(standing.result, standing.entry)
    elif standing.entry is not None:
        writer.keep(standing.entry)


def _record_id(standing: Standing) -> str:
    return str(orjson.loads(standing.record)["record_id"])
