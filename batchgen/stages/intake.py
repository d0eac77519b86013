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
from batchgen.openai_client.policies import AUTO, ModelChoice, ModelPolicies, PromptSize
from batchgen.openai_client.tokens import RequestCounter, counter_for
from batchgen.sources import open_source
from batchgen.stages.model_choice import choose_model, most_tokens
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
    policies: ModelPolicies,
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
    choice = choose_model(request, data_type, policies)
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
    client = s3() if s3 is not None and request.source.startswith("s3://") else None
    reading = _Reading(request, data_type, options, folder, job_id, client, Workplace(cache), pack=pack)
    written = reading.write(choice.model, policies.catalog.enqueued_limit(choice.model, usage_tier))
    if request.model == AUTO:
        choice, former = _large_enough(request, data_type, policies, written, choice.model), choice
        if choice.model != former.model:
            written = reading.write(choice.model, policies.catalog.enqueued_limit(choice.model, usage_tier))
    model, files, material = choice.model, written.files, written.material
    if not any(file.requests for file in files):
        bad = sum(file.bad_rows for file in files)
        advice = "Every row was skipped as bad; run it without --skip-bad-rows to see why."
        raise SourceEmpty(written.source, advice) if bad else SourceEmpty(written.source)
    now = datetime.now(UTC)
    job = Job(
        job_id=job_id,
        data_type=data_type.name,
        source=written.source,
        source_fingerprint=written.fingerprint,
        options=options.model_dump(mode="json"),
        model=model,
        model_reason=choice.reason,
        endpoint=request.endpoint,
        max_retries=max_retries,
        records=sum(file.records for file in files),
        batch_ids=tuple(_batch_id(job_id, number) for number in range(1, len(files) + 1)),
        created_at=now,
        max_output_tokens=request.max_output_tokens,
        max_cost_usd=request.max_cost_usd,
    )
    sha256 = None if material is None else file_sha256(material)
    catalog_model = policies.catalog.facts(model).model_id
    batches = [_batch(job, number, file, sha256, catalog_model) for number, file in enumerate(files, 1)]
    log.info("job_prepared", job_id=job_id, records=job.records, batches=len(batches), model=model)
    return Prepared(job, batches, files, material)


def check_same_job(asked: Job, known: Job) -> None:
    """Raise JobConflict unless both are the same type, options and source content."""
    compared = ("data_type", "model", "endpoint", "max_retries", "max_output_tokens", "options", "records")
    differing = [name for name in (*compared, "source_fingerprint") if getattr(asked, name) != getattr(known, name)]
    if differing:
        raise JobConflict(job_id=asked.job_id, differences=", ".join(name.replace("_", " ") for name in differing))


@dataclass(frozen=True, slots=True)
class _Written:
    """What reading the source came to."""

    files: list[BatchFile]
    material: Path | None
    source: str
    fingerprint: str
    max_output_tokens: int | None
    """The most that a prompt may be answered with; None where one sets no limit."""


class _Reading:
    """One way from the source to batch files, which can be gone again for another model."""

    def __init__(
        self,
        request: JobRequest,
        data_type: DataType[Any],
        options: TypeOptions,
        folder: Path,
        job_id: str,
        s3: S3Client | None,
        workplace: Workplace,
        *,
        pack: bool,
    ) -> None:
        self._request = request
        self._data_type = data_type
        self._options = options
        self._folder = folder
        self._job_id = job_id
        self._s3 = s3
        self._fetcher = data_type.fetcher(workplace)
        self._pack = pack
        self._location = request.source
        self._limits: set[int | None] = set()

    def write(self, model: str, enqueued_limit: int | None) -> _Written:
        """Read the source and write the batch files for a model, over those of another."""
        creator = BatchFileCreator(
            self._folder,
            model=model,
            endpoint=self._request.endpoint,
            limits=FileLimits(tokens=enqueued_limit),
            max_output_tokens=self._request.max_output_tokens,
            count_tokens=counter_for(model),
            on_unsendable=self._unsendable,
        )
        self._limits.clear()
        with open_source(self._request.source, work_dir=self._folder, s3=self._s3) as source:
            self._location = source.location  # without the password of a database
            fetched = islice(self._fetcher.fetch(source, self._options), self._request.limit)
            files = list(creator.create(self._entries(fetched), self._batch_id))
            packed = self._folder / "material"
            material = packed if self._pack and self._fetcher.pack(source, self._options, packed) else None
        return _Written(
            files=files,
            material=material,
            source=self._location,
            fingerprint=creator.source_fingerprint,
            max_output_tokens=None if None in self._limits else max((each or 0 for each in self._limits), default=None),
        )

    def _entries(self, fetched: Iterator[Any]) -> Iterator[Entry]:
        make_prompt = self._data_type.prompt_generator(self._options).prompt
        for item in fetched:
            if isinstance(item, BadRow):
                if not self._request.skip_bad_rows:
                    raise BadSourceRow(source=self._location, place=item.place, problem=item.problem.rstrip("."))
                yield Entry(item.record_id, {}, None, f"{item.place}: {item.problem}")
            else:
                prompt = make_prompt(item)
                self._limits.add(prompt.max_output_tokens)
                yield Entry(item.record_id, item.data, prompt)

    def _unsendable(self, record_id: str, problem: str) -> None:
        if not self._request.skip_bad_rows:
            raise BadSourceRow(source=self._location, place=f"record {record_id}", problem=problem)

    def _batch_id(self, number: int) -> str:
        return _batch_id(self._job_id, number)


def _large_enough(
    request: JobRequest, data_type: DataType[Any], policies: ModelPolicies, written: _Written, model: str
) -> ModelChoice:
    """The cheapest model that can hold the prompts that were written."""
    count = RequestCounter(model).at_most
    tokens = most_tokens((file.requests_path for file in written.files), count)
    return choose_model(request, data_type, policies, PromptSize(tokens, written.max_output_tokens))


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
