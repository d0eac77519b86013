"""The objects of a batch that only the stages read: records, requests, raw outputs, ledgers, the manifest."""

from __future__ import annotations

from pathlib import Path

import orjson

from batchgen.models import Batch, BatchFile, Job, ProcessedBatchData
from batchgen.stages.ledger import LedgerFiles
from batchgen.storage import object_names as names
from batchgen.storage.uploads import BatchUploadManager

MANIFEST_FORMAT = 1


class StateObjects:
    """Writes and reads below state/<batch id>/."""

    def __init__(self, uploads: BatchUploadManager) -> None:
        """Take the bucket."""
        self._uploads = uploads

    def put_inputs(self, batch_id: str, file: BatchFile) -> None:
        """Store the records of a batch and its first batch file."""
        self._uploads.send(file.records_path, names.records_key(batch_id))
        self.put_requests(batch_id, 1, file.requests_path, file.requests_sha256)

    def put_requests(self, batch_id: str, iteration: int, path: Path, sha256: str) -> None:
        """Store the batch file of an iteration."""
        self._uploads.upload(path, names.requests_key(batch_id, iteration), sha256=sha256)

    def get_requests(self, batch: Batch, folder: Path) -> Path:
        """Fetch the batch file of the current iteration."""
        key = names.requests_key(batch.batch_id, batch.iteration)
        return self._uploads.download(key, folder / "requests.jsonl")

    def put_raw(self, batch: Batch, output: Path | None, errors: Path | None) -> None:
        """Store what OpenAI returned for the current iteration."""
        if output is not None:
            self._uploads.send(output, names.output_key(batch.batch_id, batch.iteration))
        if errors is not None:
            self._uploads.send(errors, names.errors_key(batch.batch_id, batch.iteration))

    def put_processed(self, data: ProcessedBatchData) -> None:
        """Store results and ledger of a point."""
        self._uploads.upload(
            data.results_path, names.results_key(data.batch_id, data.ledger), sha256=data.results_sha256
        )
        self._uploads.upload(data.ledger_path, names.ledger_key(data.batch_id, data.ledger))

    def get_files(self, batch: Batch, folder: Path) -> LedgerFiles:
        """Fetch records, and results and ledger where something was judged already."""
        records = self._uploads.download(names.records_key(batch.batch_id), folder / "records.jsonl")
        if batch.ledger is None:
            return LedgerFiles(records)
        return LedgerFiles(
            records,
            self._uploads.download(names.results_key(batch.batch_id, batch.ledger), folder / "results.before.jsonl"),
            self._uploads.download(names.ledger_key(batch.batch_id, batch.ledger), folder / "ledger.before.jsonl"),
        )

    def put_manifest(self, job: Job, batch: Batch) -> None:
        """Store everything that Redis knows of the batch; before the status changes, so that it is never behind."""
        manifest = {
            "format": MANIFEST_FORMAT,
            "job": job.model_dump(mode="json"),
            "batch": batch.model_dump(mode="json"),
        }
        self._uploads.put(orjson.dumps(manifest, option=orjson.OPT_INDENT_2), names.manifest_key(batch.batch_id))
