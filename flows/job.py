"""The whole job: records it, then submits, checks and processes until only a person can go on, then the review.

As a deployment it records and submits, and ends: schedules and triggers do the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import PurePath
from typing import Annotated, Any, Literal

from prefect import flow, task
from prefect.runtime import flow_run
from pydantic import Field
from structlog.stdlib import get_logger

from batchgen.data_types import with_declaration
from batchgen.errors import DecisionRefused, Unavailable, UsageError
from batchgen.models import Batch, Endpoint
from batchgen.services import Services
from batchgen.stages.intake import JobRequest
from batchgen.summary import estimate_document
from flows.artifacts import show_estimate, show_job
from flows.blocks import load_settings
from flows.check import check_batches
from flows.parameters import DataTypeName, JobName, Limit, MaxCost, MaxOutputTokens, MaxRetries, Options, Text
from flows.process import process_batch
from flows.review import Decision, review
from flows.run import TASK_OPTIONS, deployment_id, run_services, tag_run
from flows.steps import moved, run_each
from flows.submit import submit_batch

log = get_logger(__name__)

ReviewAnswer = Decision | tuple[Decision, str] | None
ReviewCallback = Callable[[Batch], ReviewAnswer]
"""Asked for each batch that is READY_FOR_REVIEW: a decision, one with a note, or None to leave it open."""


@task(name="record job", **TASK_OPTIONS)
def record_job(request: dict[str, Any]) -> str:
    """Read the source, store its records and batch files, record the job; returns its id."""
    with run_services() as services:
        return services.processor.create_job(JobRequest(**request)).job_id


def run_name() -> str:
    """The name of a run: the job's, else what it generates from."""
    given = flow_run.parameters
    return f"generate {given['data_type']} {given.get('job') or PurePath(given['source']).name}"


@flow(name="generate", flow_run_name=run_name, validate_parameters=True)
def job_flow(
    data_type: DataTypeName,
    source: Annotated[str, Field(min_length=1)],
    limit: Limit = None,
    job: JobName = "",
    model: Text = "",
    options: Options = {},  # noqa: B006 - never changed; the form shows it
    max_retries: MaxRetries = None,
    skip_bad_rows: bool = False,
    endpoint: Endpoint = Endpoint.CHAT,
    max_output_tokens: MaxOutputTokens = None,
    max_cost: MaxCost = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Generate for every record of a source, at batch price.

    Args:
        data_type: What to generate.
        source: A path on the worker's machine, or an s3:// address.
        limit: Take only so many records.
        job: A name for the job. Asked again with the same one, it goes on where it was. Empty: a new job.
        model: A model of the catalogue, or auto for the cheapest that can do it. Empty: the data type's own.
        options: Options of the data type, as a JSON object.
        max_retries: How many resends a record may use for its own failures; the data type's own is mostly 3.
        skip_bad_rows: Go on without rows that cannot be used; they count as failed.
        endpoint: The OpenAI endpoint that the requests are for.
        max_output_tokens: The most tokens that an answer may have. A job whose costs are capped needs it.
        max_cost: The most US dollars that the job may cost. Nothing is sent that could pass it.
        dry_run: Send nothing: only count requests and tokens, and show what they cost.
    """
    request: dict[str, Any] = {
        "data_type": data_type,
        "source": source,
        "model": model or None,
        "endpoint": endpoint,
        "options": options or {},
        "limit": limit,
        "max_retries": max_retries,
        "max_output_tokens": max_output_tokens,
        "max_cost_usd": max_cost,
        "skip_bad_rows": skip_bad_rows,
        "name": job or None,
    }
    request["name"] = JobRequest(**request).job_id()  # here, so that a retried task records the same job
    with run_services() as services:
        request["options"] = with_declaration(data_type, request["options"], services.settings.types_dir)
        if dry_run:
            wanted = JobRequest(**request)
            document = estimate_document(wanted, services.estimate(wanted))
            show_estimate(document)
            return document
        job_id = record_job(request)
        tag_run(f"type:{data_type}", f"job:{job_id}")
        show_job(services, job_id)
        if deployment_id() is None:
            _drive(services, job_id)
        else:
            _submit(services, job_id)
        show_job(services, job_id)
        return services.summary(job_id)


def generate(
    data_type: str,
    source: str,
    *,
    review: ReviewCallback | Literal["approve"] | None = None,
    **parameters: Any,
) -> dict[str, Any]:
    """Run a job from Python to its end, as a Prefect flow run; returns the documented summary.

    `review` is asked for each batch that is READY_FOR_REVIEW: a callback; "approve" to approve in the caller's name;
    None returns with the reviews open. Other parameters are those of the flow (model, options, limit, job, ...).
    Connections come from Prefect's blocks, where there are none from the environment; raises MissingSetting, and any
    InputError for what cannot be used.
    """
    if review is not None and review != "approve" and not callable(review):
        raise UsageError(f"review={review!r} is no way to review.", 'Give a function, "approve", or nothing.')
    settings = load_settings()
    for what, name in (("Redis", "redis_url"), ("S3", "s3_bucket"), ("OpenAI", "openai_api_key")):
        settings.require(what=what, field=name)
    summary: dict[str, Any] = job_flow(data_type, source, **parameters)
    if review is None or parameters.get("dry_run"):
        return summary
    ask: ReviewCallback = (lambda _: "approve") if review == "approve" else review
    with run_services() as services:
        while _decided(services, summary["job_id"], ask):
            if services.is_active(summary["job_id"]):
                job_flow(data_type, source, **(parameters | {"job": summary["job_id"]}))
        return services.summary(summary["job_id"])


def _decided(services: Services, job_id: str, ask: ReviewCallback) -> int:
    """Ask for each waiting batch and carry out what was decided; returns how many decisions there were."""
    made = 0
    for batch in services.reviewer.waiting(job_id):
        answer = ask(batch)
        if answer is not None:
            decision, note = answer if isinstance(answer, tuple) else (answer, "")
            try:
                review(batch.batch_id, batch.iteration, decision=decision, reviewer="python", note=note)
            except DecisionRefused as refused:  # for example none with tries left: the batch stays open
                log.warning("decision_refused", batch_id=batch.batch_id, problem=refused.problem)
                continue
            made += 1
    return made


def _submit(services: Services, job_id: str) -> dict[str, str]:
    """Send what is due; what cannot be sent now stays PENDING."""
    try:
        return run_each(services, lambda: services.processor.due(job_id), submit_batch)
    except Unavailable as away:
        log.warning("waiting", problem=str(away))
        return {}


def _drive(services: Services, job_id: str) -> None:
    """Submit, check and process until only a person can go on. What is away is waited for."""
    while services.is_active(job_id):
        statuses = _submit(services, job_id)
        try:
            if services.checker.due(job_id):
                statuses |= check_batches(job_id, until_moved=True)
            statuses |= run_each(services, lambda: services.handler.due(job_id), process_batch)
        except Unavailable as away:
            log.warning("waiting", problem=str(away))
        if not any(moved(status) for status in statuses.values()):
            threading.Event().wait(services.settings.poll_interval_s)
