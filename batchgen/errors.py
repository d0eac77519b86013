"""Every error raised on purpose: a stable code, one line that says what is wrong, and a remedy that says what to do.

Fields are attributes, so that callers read ids instead of parsing sentences. An error is raised once, at the edge, from
its cause.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar


@dataclass(eq=False)
class BatchgenError(Exception):
    """Root of the errors below."""

    code: ClassVar[str] = "error"
    template: ClassVar[str] = ""
    remedy_template: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Keep the field values as `args`, so that the error can be pickled."""
        super().__init__(*(getattr(self, field.name) for field in dataclasses.fields(self)))

    @property
    def message(self) -> str:
        """One line: what is wrong."""
        return _one_line(self.template.format(**vars(self)))

    @property
    def remedy(self) -> str:
        """One line: what to do about it."""
        return _one_line(self.remedy_template.format(**vars(self)))

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())


@dataclass(eq=False)
class InternalError(BatchgenError):
    """A defect of batchgen itself."""

    code = "internal"
    template = "Unexpected {problem}."
    remedy_template = "Please report it with the trace above; what is recorded is kept."
    problem: str


@dataclass(eq=False)
class Interrupted(BatchgenError):
    """The person ended the command."""

    code = "interrupted"
    template = "Interrupted."
    remedy_template = "What is recorded is kept: batchgen advance goes on, batchgen status tells."


# What the user gave: nothing has been sent, exit code 2.


@dataclass(eq=False)
class InputError(BatchgenError):
    """The call, its settings or its source cannot be used; nothing was sent."""


@dataclass(eq=False)
class UsageError(InputError):
    """The call contradicts itself."""

    code = "usage"
    template = "{problem}"
    remedy_template = "{advice}"
    problem: str
    advice: str = ""


@dataclass(eq=False)
class MissingSetting(InputError):
    """A connection has no address."""

    code = "missing_setting"
    template = "{what} is not configured: {variable} is not set."
    remedy_template = "Set {variable} in the environment or in .env{otherwise}."
    what: str
    variable: str
    otherwise: str = ', or take the embedded one: eval "$(batchgen up --env)"'


@dataclass(eq=False)
class InvalidSetting(InputError):
    """A setting has a value that cannot be used."""

    code = "invalid_setting"
    template = "{variable} cannot be used: {problem}."
    remedy_template = "Correct {variable} in the environment or in .env."
    variable: str
    problem: str


@dataclass(eq=False)
class CapTooSmall(InputError):
    """A batch of the job could never be sent: alone it may cost more than a cap allows."""

    code = "cap_too_small"
    template = "A batch of this job may cost ${most_usd}, over the cap of ${max_usd} for {cap}."
    remedy_template = (
        "Raise the cap, lower --max-output-tokens (now {most_output}), or take fewer records with --limit."
    )
    cap: str
    max_usd: str
    most_usd: str
    most_output: str


@dataclass(eq=False)
class NoCostBound(InputError):
    """A cap applies, and a request of the job has no most that it can cost."""

    code = "no_cost_bound"
    template = "The costs of this job are capped ({cap}), and {problem}: there is no most that it can cost."
    remedy_template = "{advice}"
    cap: str
    problem: str
    advice: str = "Give --max-output-tokens N, the most tokens that an answer may have."


@dataclass(eq=False)
class UnknownDataType(InputError):
    """No data type has this name."""

    code = "unknown_data_type"
    template = "There is no data type {name!r}."
    remedy_template = "Known data types: {known}."
    name: str
    known: str


@dataclass(eq=False)
class InvalidDeclaration(InputError):
    """A declared data type cannot be used."""

    code = "invalid_declaration"
    template = "The data type that {place} declares cannot be used: {problem}."
    remedy_template = "batchgen types new NAME writes one that works; docs/declared-types.md has all its parts."
    place: str
    problem: str


@dataclass(eq=False)
class InvalidModelError(InputError):
    """A policy does not let this service use this model; `why` ends the sentence that tells what to do."""

    code = "invalid_model"
    template = "Model {model} not allowed for service {service}; allowed: {allowed}."
    remedy_template = "{why}: take one of these, or allow it in the file that BATCHGEN_MODEL_POLICIES names."
    model: str
    service: str = ""
    allowed: str = ""
    why: str = ""


@dataclass(eq=False)
class UnknownModel(InvalidModelError):
    """The model catalogue does not hold this model."""

    code = "unknown_model"
    template = "The catalogue holds no model {model!r}."
    remedy_template = "Known models: {known}."
    known: str = ""


@dataclass(eq=False)
class UnknownService(InputError):
    """No model policy has this name."""

    code = "unknown_service"
    template = "There is no model policy for a service {name!r}."
    remedy_template = "Services with one: {known}."
    name: str
    known: str


@dataclass(eq=False)
class InvalidOption(InputError):
    """An option of the data type is unknown or has a wrong value."""

    code = "invalid_option"
    template = "The options of data type {data_type!r} cannot be used: {problem}."
    remedy_template = "Known options: {known}."
    data_type: str
    problem: str
    known: str


@dataclass(eq=False)
class SourceNotFound(InputError):
    """The source does not exist or cannot be opened."""

    code = "source_not_found"
    template = "The source {source} cannot be opened: {problem}."
    remedy_template = "Give the path of a file or folder, or an s3:// address that these credentials may read."
    source: str
    problem: str


@dataclass(eq=False)
class SourceEmpty(InputError):
    """The source holds no record."""

    code = "source_empty"
    template = "The source {source} holds no records."
    remedy_template = "{advice}"
    source: str
    advice: str = "Check the file; a CSV needs a header line and at least one row."


@dataclass(eq=False)
class SourceUnreadable(InputError):
    """The source is not what it was taken for: encoding, format, columns."""

    code = "source_unreadable"
    template = "The source {source} cannot be read: {problem}."
    remedy_template = "{advice}"
    source: str
    problem: str
    advice: str


@dataclass(eq=False)
class BadSourceRow(InputError):
    """A row of the source cannot be used."""

    code = "bad_source_row"
    template = "{source}, {place}: {problem}."
    remedy_template = "Mend the row, or go on without it by --skip-bad-rows."
    source: str
    place: str
    problem: str


@dataclass(eq=False)
class JobConflict(InputError):
    """A job of this name exists and is another one."""

    code = "job_conflict"
    template = "A job named {job_id!r} exists and differs in: {differences}."
    remedy_template = "Give the new job another name, or repeat the first call exactly to go on with the old one."
    job_id: str
    differences: str


@dataclass(eq=False)
class AccessDenied(InputError):
    """A service knows us and says no (401, 403)."""

    code = "access_denied"
    template = "{service} refused the credentials: {problem}."
    remedy_template = "Check {variable}."
    service: str
    problem: str
    variable: str


@dataclass(eq=False)
class BucketMissing(InputError):
    """The bucket does not exist."""

    code = "bucket_missing"
    template = "The bucket {bucket!r} does not exist at {endpoint}."
    remedy_template = "Create it, or correct BATCHGEN_S3_BUCKET."
    bucket: str
    endpoint: str


@dataclass(eq=False)
class LocalStackError(InputError):
    """A part of the embedded stack cannot run on this machine."""

    code = "local_stack"
    template = "{problem}"
    remedy_template = "{advice}"
    problem: str
    advice: str = ""
    log_tail: str = ""
    """The last lines of the part's log, for people."""


@dataclass(eq=False)
class Unreachable(InputError):
    """A service cannot be reached at the start of a command, before anything was recorded or sent."""

    code = "unreachable"
    template = "{service} cannot be reached: {problem}."
    remedy_template = "Start it or correct {variable}; nothing was sent."
    service: str
    problem: str
    variable: str


# What a service does: the batch keeps its status.


@dataclass(eq=False)
class Unavailable(BatchgenError):
    """A service is away for now (no connection, 429, 5xx): the batch keeps its status, the next tick goes on."""

    code = "unavailable"
    template = "{service} is not available: {problem}."
    remedy_template = "It is tried again; nothing is lost. If it lasts, check that {service} runs and can be reached."
    service: str
    problem: str
    retry_after_s: float | None = None
    answers: bool = False
    """Whether the service can be reached and asks us to come back (429, 5xx)."""


@dataclass(eq=False)
class CreateInDoubt(BatchgenError):
    """The answer to a create call was lost."""

    code = "create_in_doubt"
    template = "The answer to batches.create was lost: {problem}."
    remedy_template = "The batch is looked for before anything is sent again."
    problem: str


@dataclass(eq=False)
class RequestRefused(BatchgenError):
    """OpenAI refused a request for good (4xx): sending it again as it is makes no sense."""

    code = "request_refused"
    template = "OpenAI refused {operation} ({status}): {problem}."
    remedy_template = "Correct what it names. Where it was a batch, that is kept."
    operation: str
    status: int
    problem: str


@dataclass(eq=False)
class WebhookRefused(BatchgenError):
    """A webhook request that OpenAI did not send, or that is too old to be believed."""

    code = "webhook_refused"
    template = "The webhook request is not OpenAI's: {problem}."
    remedy_template = "Check that OPENAI_WEBHOOK_SECRET is the secret of this webhook, and this machine's clock."
    problem: str


@dataclass(eq=False)
class JobStopped(BatchgenError):
    """A recorded job cannot go on for now: credentials or the bucket were taken away meanwhile."""

    code = "job_stopped"
    template = "Job {job_id} stopped: {problem}"
    remedy_template = "It is kept as it stands: once that is mended, ask for it again by --job {job_id}."
    job_id: str
    problem: str


# What the state allows.


@dataclass(eq=False)
class BatchNotFound(InputError):
    """No batch has this id."""

    code = "batch_not_found"
    template = "There is no batch {batch_id!r}."
    remedy_template = "batchgen status lists the batches of this Redis."
    batch_id: str


@dataclass(eq=False)
class JobNotFound(InputError):
    """No job has this id."""

    code = "job_not_found"
    template = "There is no job {job_id!r}."
    remedy_template = "batchgen status lists the jobs of this Redis."
    job_id: str


@dataclass(eq=False)
class StateLost(InputError):
    """Redis was emptied, or is older than what S3 holds: to go on with it could pay twice."""

    code = "state_lost"
    template = "Redis ({redis}) has lost the state of this installation: {problem}."
    remedy_template = "Nothing was sent. Run batchgen recover, which rebuilds it from S3 and OpenAI; then go on."
    redis: str
    problem: str


@dataclass(eq=False)
class RecoveryFailed(InputError):
    """S3 does not hold what is needed to rebuild a job."""

    code = "recovery_failed"
    template = "Job {job_id} cannot be rebuilt: {problem}."
    remedy_template = "Restore the object from the bucket's versions or a backup, then run batchgen recover again."
    job_id: str
    problem: str


@dataclass(eq=False)
class QueueFull(BatchgenError):
    """The model's enqueued-token limit leaves no room for the batch now."""

    code = "queue_full"
    template = "{enqueued} of the {limit} tokens that {model} may have enqueued are taken; the batch has {tokens}."
    remedy_template = "It is sent when there is room."
    model: str
    enqueued: int
    limit: int
    tokens: int


@dataclass(eq=False)
class CapReached(BatchgenError):
    """What is spent and reserved leaves no room below a cap for what the batch may cost."""

    code = "cap_reached"
    template = "The cap of ${max_usd} for {cap} leaves no room: ${taken_usd} are spent or reserved."
    remedy_template = "It is sent when there is room: when others cost less than reserved, or the cap is raised."
    cap: str
    max_usd: str
    taken_usd: str


@dataclass(eq=False)
class InvalidTransition(BatchgenError):
    """The lifecycle has no such move."""

    code = "invalid_transition"
    template = "A batch cannot move from {before} to {after}."
    remedy_template = "Legal moves stand in batchgen/lifecycle.py."
    before: str
    after: str


@dataclass(eq=False)
class StatusChanged(BatchgenError):
    """Somebody else moved the batch first."""

    code = "status_changed"
    template = "Batch {batch_id} is {found}, not {expected}: somebody else moved it first."
    remedy_template = "Read it again by batchgen status {batch_id}."
    batch_id: str
    expected: str
    found: str


@dataclass(eq=False)
class LeaseLost(BatchgenError):
    """This worker's claim on the batch has run out, and another may hold it."""

    code = "lease_lost"
    template = "The lease on batch {batch_id} was lost: another worker may hold it."
    remedy_template = "Nothing was written; the other worker goes on."
    batch_id: str


@dataclass(eq=False)
class BatchBusy(BatchgenError):
    """Another worker holds the batch."""

    code = "batch_busy"
    template = "Batch {batch_id} is being worked on by another process."
    remedy_template = "Try again in a moment."
    batch_id: str


@dataclass(eq=False)
class DecisionRefused(InputError):
    """A review decision cannot be carried out; nothing was decided."""

    code = "decision_refused"
    template = "The decision on batch {batch_id} is refused: {problem}."
    remedy_template = "{advice}"
    batch_id: str
    problem: str
    advice: str = "Nothing was decided."


@dataclass(eq=False)
class UnsafeObjectName(BatchgenError):
    """An object name would leave its prefix."""

    code = "unsafe_object_name"
    template = "The object name {name!r} is not allowed."
    remedy_template = "Use relative names of letters, digits and ._-/ without empty, '.' or '..' parts."
    name: str


OF_ALL_BATCHES = (Unavailable, AccessDenied, BucketMissing, StateLost, LeaseLost, StatusChanged, BatchBusy)
"""What one batch cannot help: told to whoever drives the stages, and no batch is blamed for it."""


# Generated code.


@dataclass(eq=False)
class SandboxBroken(BatchgenError):
    """A sandbox that worked before cannot be started any more."""

    code = "sandbox_broken"
    template = "The sandbox for generated code does not start: {problem}."
    remedy_template = "batchgen doctor tells what it needs. No generated code was run."
    problem: str


@dataclass(eq=False)
class EnvironmentFailed(BatchgenError):
    """The packages that the code under test needs cannot be installed."""

    code = "environment_failed"
    template = "What the code under test needs cannot be installed: {problem}."
    remedy_template = "Name what it needs with --option requirements='name==version other', or mend its metadata."
    problem: str


@dataclass(eq=False)
class MissingPackage(InputError):
    """A part that is not installed by default is needed."""

    code = "missing_package"
    template = "{what} needs the Python package {package}, which is not installed."
    remedy_template = "Install it: pip install {package}."
    what: str
    package: str


@dataclass(eq=False)
class ModelNonsense(BatchgenError):
    """What a model said cannot be used: it is checked before anybody sees it."""

    code = "model_nonsense"
    template = "The model's answer cannot be used: {problem}."
    remedy_template = "Ask again, in other words, or another model; nothing of it was kept."
    problem: str


@dataclass(eq=False)
class AnalysisFailed(BatchgenError):
    """No analysis could be had of a file, although all was there."""

    code = "analysis_failed"
    template = "The model gave no analysis of {file} that can be used ({reason}: {detail})."
    remedy_template = "Ask again, or name another model."
    file: str
    reason: str
    detail: str


@dataclass(eq=False)
class AnalysisTooSlow(BatchgenError):
    """A file's analysis was not there in time."""

    code = "analysis_too_slow"
    template = "The analysis of {file} was not done after {seconds} s."
    remedy_template = "Raise the time limit, or see why S3 or the model's server answers slowly."
    file: str
    seconds: str
