"""The objects that only the stages read: records, requests, raw outputs, ledgers, manifests, jobs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from batchgen.errors import JobConflict, StateLost
from batchgen.models import Batch, BatchFile, Job, ProcessedBatchData
from batchgen.stages.ledger import LedgerFiles
from batchgen.stages.sending import is_ahead
from batchgen.storage import object_names as names
from batchgen.storage.cost_entries import CostEntry
from batchgen.storage.uploads import BatchUploadManager

MANIFEST_FORMAT = 1
Sibling = tuple[str, str]
"""Id of another batch of the job, and the point (`ledger`) at which its results stood."""


class StateObjects:
    """Writes and reads below state/<batch id>/, and the jobs of one installation."""

    def __init__(self, uploads: BatchUploadManager, *, installation: str) -> None:
        """Take the bucket, and the Redis prefix that tells whose jobs are meant."""
        self._uploads = uploads
        self._installation = installation

    def put_inputs(self, batch_id: str, file: BatchFile) -> None:
        """Store the records of a batch and its first batch file."""
        self._uploads.send(file.records_path, names.records_key(batch_id))
        self.put_requests(batch_id, 1, file.requests_path, file.requests_sha256)

    def put_material(self, batch: Batch, path: Path) -> None:
        """Store what the data type packed for judging the batch's answers."""
        self._uploads.upload(path, names.material_key(batch.batch_id), sha256=batch.material_sha256)

    def get_material(self, batch: Batch, path: Path) -> Path:
        """Fetch what the data type packed."""
        return self._uploads.download(names.material_key(batch.batch_id), path)

    def put_requests(self, batch_id: str, iteration: int, path: Path, sha256: str) -> None:
        """Store the batch file of an iteration."""
        self._uploads.upload(path, names.requests_key(batch_id, iteration), sha256=sha256)

    def get_requests(self, batch: Batch, folder: Path) -> Path:
        """Fetch the batch file of the current iteration, as far as it is to be sent."""
        key = names.requests_key(batch.batch_id, batch.iteration)
        path = self._uploads.download(key, folder / "requests.jsonl")
        if path.stat().st_size > batch.current.requests_bytes:
            os.truncate(path, batch.current.requests_bytes)  # the rest found no room in the model's queue
        return path

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

    def put_siblings(self, batch: Batch, siblings: list[Sibling]) -> None:
        """Store which results the current iteration is held against."""
        self._uploads.put(orjson.dumps(siblings), names.siblings_key(batch.batch_id, batch.iteration))

    def get_siblings(self, batch: Batch) -> list[Sibling] | None:
        """Which results the current iteration was held against; None if it was against none yet."""
        try:
            found = orjson.loads(self._uploads.read(names.siblings_key(batch.batch_id, batch.iteration)))
        except FileNotFoundError:
            return None
        return [(batch_id, ledger) for batch_id, ledger in found]

    def get_sibling(self, sibling: Sibling, folder: Path) -> LedgerFiles:
        """Fetch records, results and ledger of a batch as they stood at a point."""
        batch_id, ledger = sibling
        return LedgerFiles(
            self._uploads.download(names.records_key(batch_id), folder / "records.jsonl"),
            self._uploads.download(names.results_key(batch_id, ledger), folder / "results.jsonl"),
            self._uploads.download(names.ledger_key(batch_id, ledger), folder / "ledger.jsonl"),
        )

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
        """Store everything that Redis knows of the batch.

        Written before the job is recorded, before the call that pays, and before what was judged or decided is
        recorded: Redis can be rebuilt from it at every moment, with what OpenAI knows of a batch that was sent.
        """
        manifest = {
            "format": MANIFEST_FORMAT,
            "installation": self._installation,
            "job": job.model_dump(mode="json"),
            "batch": batch.model_dump(mode="json"),
        }
        self._uploads.put(orjson.dumps(manifest, option=orjson.OPT_INDENT_2), names.manifest_key(batch.batch_id))

    def get_manifest(self, batch_id: str) -> Batch | None:
        """The batch as its manifest holds it, or None if it has none."""
        document = self._manifest(batch_id)
        return None if document is None else Batch.model_validate(document["batch"])

    def _manifest(self, batch_id: str) -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = orjson.loads(self._uploads.read(names.manifest_key(batch_id)))
        except FileNotFoundError:
            return None
        return document

    def check_unused(self, batch: Batch, redis: str) -> None:
        """Raise where the objects of a batch that is new to Redis (named so for the message) belong to another.

        JobConflict: to another installation. StateLost: to this one, which has done more than to begin with it.
        """
        document = self._manifest(batch.batch_id)
        if document is None:
            return
        installation = document.get("installation", self._installation)
        if installation != self._installation:
            problem = f"the installation (it is one of {installation!r}, whose results lie in the same bucket)"
            raise JobConflict(job_id=batch.job_id, differences=problem)
        if is_ahead(known := Batch.model_validate(document["batch"]), batch) or known.current.send:
            raise StateLost(redis=redis, problem=f"S3 knows batch {batch.batch_id}, and Redis does not")

    def check_not_older(self, batch: Batch, redis: str, is_older: Callable[[Batch, Batch], bool]) -> None:
        """Raise StateLost where the batch, as Redis (named so for the message) has it, is older than its manifest."""
        manifest = self.get_manifest(batch.batch_id)
        if manifest is not None and is_older(batch, manifest):
            known, found = (f"iteration {of.iteration}, decisions {len(of.decisions)}" for of in (manifest, batch))
            raise StateLost(redis=redis, problem=f"of batch {batch.batch_id} S3 knows {known}, and Redis {found}")

    def put_job(self, job: Job) -> None:
        """Store a job, once all its batches are: whoever rebuilds Redis takes it as whole."""
        self._uploads.put(job.model_dump_json(indent=2).encode(), names.job_key(self._installation, job.job_id))

    def jobs(self) -> Iterator[Job]:
        """Every job of this installation, by name."""
        for key in self._uploads.keys(names.jobs_prefix(self._installation)):
            yield Job.model_validate_json(self._uploads.read(key))

    def put_call(self, entry: CostEntry) -> CostEntry:
        """Store what an ordinary call cost, or return what is stored under its key already: the first counts."""
        name = names.call_key(self._installation, hashlib.sha256(entry.field.encode()).hexdigest())
        with suppress(FileNotFoundError):
            return CostEntry.model_validate_json(self._uploads.read(name))
        self._uploads.put(entry.model_dump_json().encode(), name)
        return entry

    def calls(self) -> Iterator[CostEntry]:
        """What every ordinary call of this installation cost."""
        for key in self._uploads.keys(names.calls_prefix(self._installation)):
            yield CostEntry.model_validate_json(self._uploads.read(key))

    def holds_jobs(self) -> bool:
        """Whether this installation has a job."""
        return next(self._uploads.keys(names.jobs_prefix(self._installation), limit=1), None) is not None
