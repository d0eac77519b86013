"""`batchgen generate`: one job, to where only a person can go on, or through the review where one is at hand."""

from __future__ import annotations

import sys
from typing import Any

import click

from batchgen.cli import prefect_runs
from batchgen.cli.connections import check, connect, load_settings, patiently
from batchgen.cli.estimate import show_estimate
from batchgen.cli.job_options import job_options, request
from batchgen.cli.output import json_option, print_job, print_json, say
from batchgen.cli.progress import job_progress
from batchgen.cli.review import approve_all, ask_all
from batchgen.errors import (
    AccessDenied,
    BatchBusy,
    InputError,
    JobStopped,
    LeaseLost,
    StatusChanged,
    Unavailable,
    UsageError,
)
from batchgen.local.info import Part
from batchgen.services import Services
from batchgen.stages.intake import JobRequest
from batchgen.summary import succeeded

_PARTS = (Part.REDIS, Part.S3, Part.SIMULATOR)


@click.command()
@job_options
@click.option("--max-cost", metavar="USD", help="The most that the job may cost; nothing is sent that could pass it.")
@click.option("--dry-run", is_flag=True, help="Show requests, tokens and price; send nothing.")
@click.option("--job", "name", metavar="NAME", help="The job's id; asked again with the same one, it goes on.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until only a person can go on.")
@click.option("--approve", is_flag=True, help="Approve what is accepted: you are the person at the keyboard.")
@click.option("--prefect", "with_prefect", is_flag=True, help="Run it as a Prefect flow.")
@json_option
def generate(
    *, name: str | None, dry_run: bool, wait: bool, approve: bool, with_prefect: bool, as_json: bool, **given: Any
) -> int:
    """Generate for every record of a source.

    TYPE is a data type, for example prompt, product or test_code.
    """
    if approve and not wait:
        raise UsageError("--approve and --no-wait contradict each other.", "Approve later: batchgen review.")
    wanted = request(load_settings(), name=name, **given)
    if dry_run:
        return show_estimate(wanted, as_json=as_json)
    settings = connect((*_PARTS, Part.PREFECT) if with_prefect else _PARTS)
    with Services(settings) as services:
        check(services)
        if with_prefect:
            job_id = prefect_runs.generate(services, wanted, wait=wait)
        else:
            job_id = _run(services, wanted, wait=wait)
        if wait and approve:
            approve_all(services, job_id)
        elif wait and sys.stdin.isatty() and not as_json:
            ask_all(services, job_id)
        return _report(services.summary(job_id), as_json=as_json)


def _run(services: Services, wanted: JobRequest, *, wait: bool) -> str:
    wanted = wanted.named()
    job = patiently(lambda: services.processor.create_job(wanted), services.settings.poll_interval_s)
    say(f"Job {job.job_id}: {job.records:,} records in {len(job.batch_ids)} batches, model {job.model}.")
    if wait:
        try:
            with job_progress(services, job.job_id):
                services.advance(job.job_id)
        except InputError as stopped:
            raise JobStopped(job.job_id, str(stopped)) from stopped
    else:
        _send(services, job.job_id)
    return job.job_id


def _send(services: Services, job_id: str) -> None:
    """Send what is due; what cannot be sent now is told, and stays PENDING."""
    for batch_id in services.processor.due(job_id):
        try:
            services.processor.submit(batch_id)
        except (Unavailable, BatchBusy, LeaseLost, StatusChanged, AccessDenied) as held:
            say(f"{batch_id} stays PENDING: {held}")


def _report(summary: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        print_json(summary)
    else:
        print_job(summary)
    return 0 if succeeded(summary) else 1
