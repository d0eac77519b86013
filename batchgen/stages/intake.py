"""From a source to a recorded job: nothing is sent, and nothing recorded, before the whole source has been read."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from structlog.stdlib import get_logger

from batchgen.data_types import get_data_type, parse_options
from batchgen.data_types.contract import BadRow, DataType, TypeOptions, Workplace
from batchgen.errors import BadSourceRow, JobConflict, SourceEmpty, UsageError
from batchgen.models import Batch, BatchFile, Endpoint, Iteration, Job
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.tokens import counter_for
from batchgen.sources import open_source
from batchgen.storage.batch_files import BatchFileCreator, Entry, FileLimits
from batchgen.storage.uploads import file_sha256

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

log = get_logger(__name__)

JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What one call of generate asks for. None: the data type's own default."""

    data_type: str
    source: str
    model: str | None = None
    endpoint: Endpoint = Endpoint.CHAT
    options: dict[str, Any] = field(default_factory=dict)
    limit: int | None = None
    max_retries: int | None = None
    max_output_tokens: int | None = None
    """The most tokens that an answer may have, whatever the data type and the record allow."""
    max_cost_usd: Decimal | None = None
    """The cap on what the job may cost."""
    skip_bad_rows: bool = False
    name: str | None = None

    def named(self) -> JobRequest:
        """The same with the job's id as its name: asked again after a lost answer it is the same job."""
        return replace(self, name=self.job_id())

    def job_id(self) -> str:
        """The job's id: its name where it has one, else a new one; raises UsageError for a name that cannot be."""
        if self.name is None:
            return f"{self.data_type}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        if not JOB_NAME.fullmatch(self.name):
            raise UsageError(
                f"The job name {self.name!r} cannot be used.",
                "Use at most 100 letters, digits and ._- and begin with a letter or digit.",
            )
        return self.name


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job ready to be recorded: its batches and their files on this machine's disk."""

    job: Job
    batches: list[Batch]
    files: list[BatchFile]
    material: Path | None
    """What the data type packed for judging."""


def prepare(
    request: JobRequest,
    folder: Path,
    *,
    catalog: ModelCatalog,
    usage_tier: int | None,
    s3: Callable[[], S3Client] | None,
    cache: Path,
    pack: bool = True,
) -> Prepared:
    """Read the source and write the batch files into `folder`; raises InputError, and then nothing has happened.

    Without `pack` what judging would need is left out: the job is only looked at.
    """
    data_type = get_data_type(request.data_type, request.options)
    options = parse_options(data_type, request.options)
    model = catalog.choose(request.model or data_type.default_model, data_type.required_capabilities)
    max_retries = data_type.default_max_retries if request.max_retries is None else request.max_retries
    if max_retries < 0:
        raise UsageError("--max-retries is below 0.", "Give 0 to send nothing again, or more.")
    if request.limit is not None and request.limit < 1:
        raise UsageError("--limit is below 1.", "Give the number of records to take, or leave it out.")
    if request.max_output_tokens is not None and request.max_output_tokens < 1:
        raise UsageError("--max-output-tokens is below 1.", "Give the most tokens an answer may have, or leave it out.")
    if request.max_cost_usd is not None and not request.max_cost_usd > 0:
        raise UsageError("--max-cost is not above 0.", "Give the most US dollars that the job may cost.")
    job_id = request.job_id()
    limits = FileLimits(tokens=catalog.enqueued_limit(model, usage_tier))

    def unsendable(record_id: str, problem: str) -> None:
        if not request.skip_bad_rows:
            raise BadSourceRow(source=request.source, place=f"record {record_id}", problem=problem)

    creator = BatchFileCreator(
        folder,
        model=model,
        endpoint=request.endpoint,
        limits=limits,
        max_output_tokens=request.max_output_tokens,
        count_tokens=counter_for(model),
        on_unsendable=unsendable,
    )
    client = s3() if s3 is not None and request.source.startswith("s3://") else None
    with open_source(request.source, work_dir=folder, s3=client) as source:
        request = replace(request, source=source.location)  # without the password of a database
        fetcher = data_type.fetcher(Workplace(cache))
        fetched = fetcher.fetch(source, options)
        entries = _entries(request, islice(fetched, request.limit), data_type, options)
        files = list(creator.create(entries, lambda number: _batch_id(job_id, number)))
        packed = folder / "material"
        material = packed if pack and fetcher.pack(source, options, packed) else None
    if not any(file.requests for file in files):
        bad = sum(file.bad_rows for file in files)
        advice = "Every row was skipped as bad; run it without --skip-bad-rows to see why."
        raise SourceEmpty(request.source, advice) if bad else SourceEmpty(request.source)
    now = datetime.now(UTC)
    job = Job(
        job_id=job_id,
        data_type=data_type.name,
        source=request.source,
        source_fingerprint=creator.source_fingerprint,
        options=options.model_dump(mode="json"),
        model=model,
        endpoint=request.endpoint,
        max_retries=max_retries,
        records=sum(file.records for file in files),
        batch_ids=tuple(_batch_id(job_id, number) for number in range(1, len(files) + 1)),
        created_at=now,
        max_output_tokens=request.max_output_tokens,
        max_cost_usd=request.max_cost_usd,
    )
    sha256 = None if material is None else file_sha256(material)
    catalog_model = catalog.get(model).id
    batches = [_batch(job, number, file, sha256, catalog_model) for number, file in enumerate(files, 1)]
    log.info("job_prepared", job_id=job_id, records=job.records, batches=len(batches), model=model)
    return Prepared(job, batches, files, material)


def check_same_job(asked: Job, known: Job) -> None:
    """Raise JobConflict unless both are the same type, options and source content."""
    compared = ("data_type", "model", "endpoint", "max_retries", "max_output_tokens", "options", "records")
    differing = [name for name in (*compared, "source_fingerprint") if getattr(asked, name) != getattr(known, name)]
    if differing:
        raise JobConflict(job_id=asked.job_id, differences=", ".join(name.replace("_", " ") for name in differing))


def _entries(
    request: JobRequest, fetched: Iterator[Any], data_type: DataType[Any], options: TypeOptions
) -> Iterator[Entry]:
    make_prompt = data_type.prompt_generator(options).prompt
    for item in fetched:
        if isinstance(item, BadRow):
            if not request.skip_bad_rows:
                raise BadSourceRow(source=request.source, place=item.place, problem=item.problem.rstrip("."))
            yield Entry(item.record_id, {}, None, f"{item.place}: {item.problem}")
        else:
            yield Entry(item.record_id, item.data, make_prompt(item))


def _batch(job: Job, number: int, file: BatchFile, material_sha256: str | None, catalog_model: str) -> Batch:
    first = Iteration(
        number=1,
        requests=file.requests,
        requests_bytes=file.requests_bytes,
        requests_sha256=file.requests_sha256,
        requests_tokens=file.requests_tokens,
    )
    return Batch(
        batch_id=_batch_id(job.job_id, number),
        job_id=job.job_id,
        number=number,
        data_type=job.data_type,
        options=job.options,
        model=job.model,
        catalog_model=catalog_model,
        endpoint=job.endpoint,
        max_output_tokens=job.max_output_tokens,
        material_sha256=material_sha256,
        created_at=job.created_at,
        updated_at=job.created_at,
        max_retries=job.max_retries,
        records=file.records,
        iterations=(first,),
    )


def _batch_id(job_id: str, number: int) -> str:
    return f"{job_id}-{number:04d}"
