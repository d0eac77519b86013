"""What readers get: results.jsonl, rejected.jsonl, report.json and the data type's own objects, under batch/."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import orjson

from batchgen.data_types import get_data_type, parse_options
from batchgen.data_types.contract import BatchFacts, Outcome, Record, Rejected, ReportPart, Result, ResultStrategy
from batchgen.models import Batch, ProcessedBatchData, StoredObject
from batchgen.stages.ledger import LedgerEntry, LedgerFiles, RecordState, accepted_results, read_ledger, walk
from batchgen.storage import object_names as names
from batchgen.storage.uploads import BatchUploadManager

SAMPLES = 5
_SAMPLE_CHARACTERS = 2_000
_TARGETS = b'  "targets": ['
"""The line of report.json where they begin: no other is like it, since texts hold no bare line ends."""


def publish(
    uploads: BatchUploadManager,
    batch: Batch,
    files: LedgerFiles,
    data: ProcessedBatchData,
    folder: Path,
    *,
    check: Callable[[], None],
    elsewhere: Callable[[], Iterator[Result]],
) -> tuple[StoredObject, ...]:
    """Write the public objects of a batch as it stands and return them; those of before that are gone are deleted.

    `check` is asked before each is written, and raises where another worker may have the batch by now; `elsewhere`
    yields what the other batches of the job have accepted.
    """
    after = LedgerFiles(files.records, data.results_path, data.ledger_path)
    written = {"rejected.jsonl": _write_rejected(after, folder)}
    own, part = _own_objects(batch, after, data, folder, elsewhere)
    written["report.json"] = _write_report(batch, after, data, part, folder)
    written |= own
    check()
    made = [_publish_results(uploads, batch, data)]
    for name, path in written.items():
        check()
        made.append(uploads.upload(path, _key(batch, name)))
    check()
    kept = {stored.key for stored in made}
    uploads.delete([stored.key for stored in batch.objects if stored.key not in kept])
    return tuple(made)


def read_report(uploads: BatchUploadManager, batch: Batch) -> dict[str, Any]:
    """The published report of a batch, without its targets: they may be as many as its records."""
    key = next(stored.key for stored in batch.objects if stored.key.endswith("/report.json"))
    with closing(uploads.lines(key)) as lines:
        head = b"\n".join(takewhile(lambda line: line != _TARGETS, lines))
    report: dict[str, Any] = orjson.loads(head.removesuffix(b",") + b"}" if head.endswith(b",") else head)
    return report


def _publish_results(uploads: BatchUploadManager, batch: Batch, data: ProcessedBatchData) -> StoredObject:
    source = names.results_key(batch.batch_id, data.ledger)
    size = data.results_path.stat().st_size
    return uploads.publish(source, _key(batch, data.object_name), sha256=data.results_sha256, size=size)


def _own_objects(
    batch: Batch,
    files: LedgerFiles,
    data: ProcessedBatchData,
    folder: Path,
    elsewhere: Callable[[], Iterator[Result]],
) -> tuple[dict[str, Path], ReportPart]:
    """What the data type makes of the batch, by name, and what it adds to the report. Hidden files are its own."""
    data_type = get_data_type(batch.data_type, batch.options)
    strategy = data_type.result_strategy(parse_options(data_type, batch.options))
    if type(strategy).write_objects is ResultStrategy.write_objects:
        return {}, ReportPart()  # nothing of its own: the results need not be read again
    own = folder / "own"
    own.mkdir()
    facts = BatchFacts(
        batch_id=batch.batch_id,
        job_id=batch.job_id,
        model=batch.model,
        created_at=batch.created_at,
        simulated=batch.simulated,
        iteration=batch.iteration,
        records=batch.records,
        accepted=data.accepted,
        refused=data.refused,
        failed=data.failed,
        cost_usd=batch.cost_usd,
        elsewhere=elsewhere,
        cost_by_iteration=tuple(each.cost_usd for each in batch.iterations),
    )
    part = strategy.write_objects(lambda: outcomes(files), facts, own)
    paths = sorted(path for path in own.rglob("*") if path.is_file() and not path.is_symlink())
    shown = (path for path in paths if not path.name.startswith("."))
    return {path.relative_to(own).as_posix(): path for path in shown}, part


def outcomes(files: LedgerFiles) -> Iterator[Outcome]:
    """Every record that is decided: accepted with its result, or refused or failed for good."""
    for standing in walk(files):
        if standing.result is None and (standing.entry is None or not _is_rejected(standing.entry)):
            continue
        fields = orjson.loads(standing.record)
        record = Record(fields["record_id"], fields["data"])
        if standing.result is not None:
            result = orjson.loads(standing.result)
            yield Result(record, result["output"], result["iteration"])
        elif standing.entry is not None:
            entry = standing.entry
            yield Rejected(record, entry.reason, entry.detail, entry.output, entry.evidence)


def _write_rejected(files: LedgerFiles, folder: Path) -> Path:
    path = folder / "rejected.jsonl"
    with path.open("wb") as file:
        for entry in read_ledger(files.ledger) if files.ledger else ():
            if _is_rejected(entry):
                fields = {
                    "record_id": entry.record_id,
                    "reason": entry.reason,
                    "detail": entry.detail,
                    "output": entry.output,
                }
                file.write(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
    return path


def _write_report(batch: Batch, files: LedgerFiles, data: ProcessedBatchData, part: ReportPart, folder: Path) -> Path:
    usage = batch.usage
    report: dict[str, Any] = {
        "batch_id": batch.batch_id,
        "job_id": batch.job_id,
        "data_type": batch.data_type,
        "model": batch.model,
        "simulated": batch.simulated,
        "iteration": batch.iteration,
        "records": batch.records,
        "accepted": data.accepted,
        "refused": data.refused,
        "failed": data.failed,
        "reasons": data.reasons,
        "usage": usage.model_dump(),
        "cost_usd": str(batch.cost_usd),
        "accepted_samples": [_accepted_sample(result) for result in islice(accepted_results(files), SAMPLES)],
        "rejected_samples": list(_rejected_samples(files)),
        "decisions": [decision.model_dump(mode="json") for decision in batch.decisions],
    }
    path = folder / "report.json"
    text = orjson.dumps(report | part.fields, option=orjson.OPT_INDENT_2)
    with path.open("wb") as file:
        if part.targets is None:
            file.write(text)
        else:  # as a stream: there may be as many as records
            file.write(text.removesuffix(b"\n}") + b",\n" + _TARGETS)
            with part.targets.open("rb") as lines:
                for number, line in enumerate(lines):
                    file.write((b",\n    " if number else b"\n    ") + line.rstrip())
            file.write(b"\n  ]\n}")
    return path


def _accepted_sample(result: Result) -> dict[str, Any]:
    return {
        "record_id": result.record.record_id,
        "input": _shortened(result.record.data),
        "output": _shortened(result.output),
    }


def _rejected_samples(files: LedgerFiles) -> Iterator[dict[str, Any]]:
    entries = read_ledger(files.ledger) if files.ledger else iter(())
    shown = {entry.row: entry for entry in islice(filter(_is_rejected, entries), SAMPLES)}
    if not shown:
        return
    with files.records.open("rb") as records:
        for row, record in enumerate(islice(records, max(shown) + 1)):
            if row in shown:
                entry = shown[row]
                yield {
                    "record_id": entry.record_id,
                    "reason": entry.reason,
                    "detail": entry.detail[:_SAMPLE_CHARACTERS],
                    "input": _shortened(orjson.loads(record)["data"]),
                    "output": _shortened(entry.output),
                }


def _is_rejected(entry: LedgerEntry) -> bool:
    return entry.state in {RecordState.REFUSED, RecordState.FAILED}


def _shortened(value: Any) -> Any:
    """The value itself, or where it is long the beginning of its JSON."""
    text = orjson.dumps(value).decode()
    return value if len(text) <= _SAMPLE_CHARACTERS else text[:_SAMPLE_CHARACTERS] + "…"


def _key(batch: Batch, object_name: str) -> str:
    return names.public_key(batch.data_type, batch.batch_id, object_name)
