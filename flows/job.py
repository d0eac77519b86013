"""The whole job: records it, then submits, checks and processes until only a person can go on, then the review.

As a deployment it records and submits, and ends: schedules and triggers do the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

from prefect import flow, get_run_logger, runtime, task
from structlog.stdlib import get_logger

from batchgen.errors import DecisionRefused, Unavailable, UsageError
from batchgen.models import Batch, Endpoint
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest
from flows.check import check
from flows.process import process
from flows.review import Decision, review
from flows.run import TASK_OPTIONS, run_services
from flows.submit import submit

log = get_logger(__name__)

ReviewAnswer = Decision | tuple[Decision, str] | None
ReviewCallback = Callable[[Batch], ReviewAnswer]
"""Asked for each batch that is READY_FOR_REVIEW: a decision, one with a note, or None to leave it open."""


@task(name="record job", **TASK_OPTIONS)
def record_job(request: dict[str, Any]) -> str:
    """Read the source, store its records and batch files, record the job; returns its id."""
    with run_services() as services:
        return services.processor.create_job(JobRequest(**request)).job_id


@flow(name="generate", flow_run_name="generate-{data_type}-{job}", validate_parameters=True)
def job_flow(
    data_type: str,
    source: str,
    model: str | None = None,
    endpoint: Endpoint = Endpoint.CHAT,
    options: dict[str, Any] | None = None,
    limit: int | None = None,
    max_retries: int | None = None,
    skip_bad_rows: bool = False,
    job: str | None = None,
    wait: bool = True,
) -> dict[str, Any]:
    """Generate for every record of a source; returns the job's summary."""
    request = {
        "data_type": data_type,
        "source": source,
        "model": model,
        "endpoint": endpoint,
        "options": options or {},
        "limit": limit,
        "max_retries": max_retries,
        "skip_bad_rows": skip_bad_rows,
        "name": job,
    }
    with run_services() as services:
        job_id = record_job(request)
        if wait and runtime.deployment.id is None:
            _drive(services, job_id)
        else:
            submit(job_id)
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
    Connections come from the environment; raises MissingSetting, and any InputError for what cannot be used.
    """
    if review is not None and review != "approve" and not callable(review):
        raise UsageError(f"review={review!r} is no way to review.", 'Give a function, "approve", or nothing.')
    settings = Settings.load()
    for what, name in (("Redis", "redis_url"), ("S3", "s3_bucket"), ("OpenAI", "openai_api_key")):
        settings.require(what=what, field=name)
    summary: dict[str, Any] = job_flow(data_type, source, **parameters)
    if review is None or not parameters.get("wait", True):
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
                review(batch.batch_id, Action(decision).value, "python", note, iteration=batch.iteration)
            except DecisionRefused as refused:  # for example none with tries left: the batch stays open
                log.warning("decision_refused", batch_id=batch.batch_id, problem=refused.problem)
                continue
            made += 1
    return made


def _drive(services: Services, job_id: str) -> None:
    """Submit, check and process until only a person can go on. What is away is waited for."""
    log = get_run_logger()
    while services.is_active(job_id):
        moved: dict[str, str] = {}
        try:
            if services.processor.due(job_id):
                moved |= submit(job_id)
            if services.checker.due(job_id):
                moved |= check(job_id, until_moved=True)
            if services.handler.due(job_id):
                moved |= process(job_id)
        except Unavailable as away:
            log.warning("waiting: %s", away)
        if not moved:
            threading.Event().wait(services.settings.poll_interval_s)
