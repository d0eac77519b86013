"""The nouns: jobs, batches, the files they are sent in, prompts, and what comes out.

Batches and jobs live in Redis and in S3's manifests as the JSON of these models, so a field may be added with a default
but never renamed. Prompts are made by the hundred thousand and are plain classes.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field

from batchgen.lifecycle import MAX_PROCESSING_TRIES, BatchStatus

DEFAULT_MAX_RETRIES = 3


class Endpoint(StrEnum):
    """The OpenAI endpoints a batch can be for."""

    CHAT = "/v1/chat/completions"
    RESPONSES = "/v1/responses"


class Frozen(BaseModel):
    """A value: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Usage(Frozen):
    """Tokens as OpenAI reports them; input from and into the cache is part of input, reasoning is part of output."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


class RecordList(Frozen):
    """So many records, and the SHA-256 over their custom ids in the order of the source, a line each."""

    count: int
    sha256: str


class Proof(Frozen):
    """Where every record of a batch is: in exactly one of four lists, whose counts sum to all."""

    accepted: RecordList
    refused: RecordList
    failed: RecordList
    open: RecordList
    """Sent again, or waiting for it."""


class StoredObject(Frozen):
    """An object in S3 for the reader of the results."""

    key: str
    url: str
    size: int
    sha256: str
    content_type: str


class UploadedBatchInfo(Frozen):
    """A batch and where its results can be read."""

    batch_id: str
    objects: tuple[StoredObject, ...]

    @property
    def urls(self) -> tuple[str, ...]:
        """The public addresses, in the order of the objects."""
        return tuple(stored.url for stored in self.objects)


class Iteration(Frozen):
    """One sending of (a part of) a batch: what was sent, what OpenAI made of it, what it cost."""

    number: int
    requests: int
    requests_bytes: int
    requests_sha256: str
    """Fingerprint of the JSONL file; stands in the OpenAI batch's metadata."""
    requests_tokens: int | None = None
    """Input tokens, counted only where the model's enqueued-token limit is known."""

    most_cost_usd: Decimal | None = None
    """The most that this file can cost; computed only where a cap applies."""
    reserved_at: datetime | None = None
    """Since when that most counts against the caps; None: it does not."""
    admitted: bool = False
    """Whether room for its tokens is reserved in the model's queue; so it is, too, while OpenAI has it."""
    upload_began_at: datetime | None = None
    """When the upload of the file began: set before the call, so that a file nobody took the id of is found."""
    send: int = 0
    """How often this file was offered to OpenAI; raised only once the former send is known to have failed unbilled."""
    sent_at: datetime | None = None
    """When the create call of this send began: set before the call, so that a crash leaves a trace."""
    in_doubt_since: datetime | None = None
    """When the answer to the create call turned out to be lost: the wait before sending again counts from here."""
    input_file_id: str | None = None
    openai_batch_id: str | None = None
    former_openai_batch_ids: tuple[str, ...] = ()
    """Sends that failed unbilled."""
    openai_status: str | None = None
    completed_requests: int = 0
    """Progress as OpenAI tells it; for display only, it can be wrong."""
    missing: bool = False
    """Whether OpenAI does not show it any more; it takes no room in the queue then."""
    cancel_asked_at: datetime | None = None
    """When OpenAI was asked to cancel it, its deadline being over."""
    output_file_id: str | None = None
    error_file_id: str | None = None
    validation_errors: tuple[ValidationProblem, ...] = ()

    answers: int = 0
    duplicates: int = 0
    """Lines beyond the first for one request; they count for nothing."""
    unknown: int = 0
    """Lines for requests that nobody sent."""
    usage: Usage = Usage()
    cost_usd: Decimal = Decimal(0)
    settled_at: datetime | None = None
    """When the cost became known; from then on it counts against the caps, in the place of the most."""
    accepted: int = 0
    """Records whose accepted answer came in this iteration."""


class ValidationProblem(Frozen):
    """Why OpenAI refused a batch file, and which line (from 1) it named, if any."""

    code: str
    message: str
    line: int | None = None


class Decision(Frozen):
    """What a reviewer decided, about which iteration, and why."""

    action: str
    iteration: int
    reviewer: str
    note: str = ""
    where: str | None = None
    """The expression that named the records, where one did."""
    records: int
    decided_at: datetime


class Batch(Frozen):
    """One unit of work (at most 50,000 records of a job) through all its iterations."""

    batch_id: str
    job_id: str
    number: int
    """Which of the job's batches, from 1."""
    data_type: str
    options: dict[str, Any]
    """The data type's options, as given and checked."""
    model: str
    catalog_model: str = ""
    """The catalogue's own id of the model, which caps name: a dated snapshot counts as what it is a snapshot of."""
    endpoint: Endpoint
    max_output_tokens: int | None = None
    """Most tokens an answer may have, whatever the data type and the record allow."""
    created_at: datetime
    updated_at: datetime

    status: BatchStatus = BatchStatus.PENDING
    iteration: int = 1
    retry_count: int = 0
    max_retries: int = DEFAULT_MAX_RETRIES

    records: int
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    """Records refused or failed, by reason code."""
    proof: Proof | None = None
    """None until an iteration was settled."""
    material_sha256: str | None = None
    """Fingerprint of what the data type packed for judging, which lies beside the records; None where it did not."""

    iterations: tuple[Iteration, ...]
    ledger: str | None = None
    """Where below state/<batch_id>/ the newest ledger and results lie, for example 1/processed."""
    dry_iterations: int = 0
    processing_failures: int = 0
    not_before: datetime | None = None
    waiting_for: str | None = None
    """Why a PENDING batch is held back, in words."""
    over_cap: bool = False
    """Whether it is held back by a cap on costs."""
    waits: int = 0
    """How often running it was put off for the same reason; makes the next wait longer."""
    last_error: str | None = None
    simulated: bool = False
    objects: tuple[StoredObject, ...] = ()
    decisions: tuple[Decision, ...] = ()

    @property
    def current(self) -> Iteration:
        """The iteration under way, or the last one."""
        return self.iterations[-1]

    @property
    def pending(self) -> int:
        """Records that are not accepted, refused or failed yet."""
        return self.records - self.accepted - self.refused - self.failed

    @property
    def usage(self) -> Usage:
        """Tokens of all iterations."""
        return sum((each.usage for each in self.iterations), Usage())

    @property
    def cost_usd(self) -> Decimal:
        """US dollars of all iterations, at the prices of the day each was settled."""
        return sum((each.cost_usd for each in self.iterations), Decimal(0))

    @property
    def openai_batch_ids(self) -> tuple[str, ...]:
        """Every OpenAI batch made for this batch, oldest first."""
        ids: list[str] = []
        for each in self.iterations:
            ids.extend(each.former_openai_batch_ids)
            if each.openai_batch_id:
                ids.append(each.openai_batch_id)
        return tuple(ids)

    @property
    def needs_a_person(self) -> bool:
        """Whether no stage will move it by itself any more."""
        if self.status is BatchStatus.FAILED:
            return self.processing_failures > MAX_PROCESSING_TRIES
        return self.status in {BatchStatus.READY_FOR_REVIEW, BatchStatus.COMPLETED, BatchStatus.EXHAUSTED}

    def waits_for_review_of(self, iteration: int) -> bool:
        """Whether a person has to decide on what this iteration brought."""
        return self.status is BatchStatus.READY_FOR_REVIEW and self.iteration == iteration

    def with_current(self, **changes: Any) -> Self:
        """Change the iteration under way."""
        return self.model_copy(update={"iterations": (*self.iterations[:-1], self.current.model_copy(update=changes))})

    def accepted_as(self, accepted_in: dict[int, int]) -> Self:
        """The batch with so many accepted records in each iteration."""
        counted = (each.model_copy(update={"accepted": accepted_in.get(each.number, 0)}) for each in self.iterations)
        return self.model_copy(update={"iterations": tuple(counted)})

    def info(self) -> UploadedBatchInfo:
        """Where the results are."""
        return UploadedBatchInfo(batch_id=self.batch_id, objects=self.objects)


class Estimate(Frozen):
    """What a job was expected to take before it was sent: its first iteration, counted from the real requests."""

    requests: int
    input_tokens: int
    input_tokens_error: int = 0
    """Half the width of the 95 % interval, where only a sample of the requests was counted; 0: all were."""
    output_tokens: int | None = None
    """Expected from earlier answers of the same data type and model; without such the most, if there is one."""
    output_tokens_most: int | None = None
    """The sum of what the requests allow; None where one of them sets no limit."""
    cost_usd: Decimal
    """At batch price: input and expected output; the input alone where nothing is known of the output."""
    ordinary_cost_usd: Decimal
    """The same without the batch discount."""
    most_cost_usd: Decimal | None = None
    """At batch price, with all the output that the requests allow."""


class Job(Frozen):
    """One call of generate. Its records fill one or more batches."""

    job_id: str
    data_type: str
    source: str
    source_fingerprint: str
    """XXH3 (128 bits) over all records as they were fetched: tells whether a source is the same."""
    options: dict[str, Any]
    model: str
    model_reason: str = ""
    """Why it is this model: named, a default, or how `auto` chose it."""
    endpoint: Endpoint
    max_retries: int
    records: int
    batch_ids: tuple[str, ...]
    created_at: datetime
    max_output_tokens: int | None = None
    max_cost_usd: Decimal | None = None
    """The cap on what all its batches cost together."""
    estimate: Estimate | None = None


class BatchFile(Frozen):
    """One JSONL file to submit, on this machine's disk, with the records it was made from beside it."""

    requests_path: Path
    requests: int
    requests_bytes: int
    requests_sha256: str
    requests_tokens: int | None
    records_path: Path
    records: int
    bad_rows: int


class ProcessedBatchData(Frozen):
    """What a batch holds at a point (`ledger`, for example 1/processed): files on this machine's disk, and the sums."""

    batch_id: str
    ledger: str
    results_path: Path
    """Every accepted record so far, a line each, in the order of the source."""
    results_sha256: str
    ledger_path: Path
    """Every record with a history, a line each, in the order of the source."""
    object_name: str = "results.jsonl"
    accepted: int
    refused: int
    failed: int
    unresolved: int
    most_tries: int
    """The highest number of failed tries among the records that are sent again."""
    accepted_in: dict[int, int]
    """Accepted records by the iteration that their answer came in."""
    reasons: dict[str, int]
    proof: Proof | None

    @property
    def records(self) -> int:
        """All records of the batch: each is counted once."""
        return self.accepted + self.refused + self.failed + self.unresolved


class Prompt:
    """One request to a model; turns itself into its line of a batch file."""

    __slots__ = ("max_output_tokens", "messages", "schema", "schema_name")

    def __init__(
        self,
        messages: list[dict[str, Any]],
        *,
        schema: dict[str, Any] | orjson.Fragment | None = None,
        schema_name: str = "answer",
        max_output_tokens: int | None = None,
    ) -> None:
        """Take chat messages and, for structured output, a strict JSON schema (or its JSON, to serialise it once)."""
        self.messages = messages
        self.schema = schema
        self.schema_name = schema_name
        self.max_output_tokens = max_output_tokens

    def body(self, model: str, endpoint: Endpoint, most_output: int | None = None) -> dict[str, Any]:
        """The request body that the endpoint takes; `most_output` lowers the prompt's own limit or stands in for it."""
        limits = [limit for limit in (self.max_output_tokens, most_output) if limit is not None]
        if endpoint is Endpoint.CHAT:
            body: dict[str, Any] = {"model": model, "messages": self.messages}
            if self.schema is not None:
                named = {"name": self.schema_name, "strict": True, "schema": self.schema}
                body["response_format"] = {"type": "json_schema", "json_schema": named}
            if limits:
                body["max_completion_tokens"] = min(limits)
            return body
        body = {"model": model, "input": self.messages}
        if self.schema is not None:
            form = {"type": "json_schema", "name": self.schema_name, "strict": True, "schema": self.schema}
            body["text"] = {"format": form}
        if limits:
            body["max_output_tokens"] = min(limits)
        return body

    def line(self, custom_id: str, model: str, endpoint: Endpoint, most_output: int | None = None) -> bytes:
        """The line of the batch file, newline included."""
        body = self.body(model, endpoint, most_output)
        request = {"custom_id": custom_id, "method": "POST", "url": endpoint, "body": body}
        return orjson.dumps(request, option=orjson.OPT_APPEND_NEWLINE)


Iteration.model_rebuild()
