"""`batchgen estimate`: what a job would be, without sending anything."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from batchgen.cli.connections import load_settings
from batchgen.cli.job_options import job_options, request
from batchgen.cli.output import json_option, print_json, say
from batchgen.services import Services
from batchgen.stages.estimate import estimate_job
from batchgen.stages.intake import JobRequest
from batchgen.summary import dollars


@click.command()
@job_options
@click.option("--exact", is_flag=True, help="Count every request, also of a large job, instead of a sample.")
@json_option
def estimate(*, exact: bool, as_json: bool, **given: Any) -> int:
    """Show how many requests and input tokens a job has, and what they cost. Output tokens come on top."""
    return show_estimate(request(load_settings(), **given), as_json=as_json, exact=exact)


def show_estimate(wanted: JobRequest, *, as_json: bool, exact: bool = False) -> int:
    """Read the source, count, print; nothing is recorded or sent."""
    settings = load_settings()
    with Services(settings) as services, tempfile.TemporaryDirectory(prefix="batchgen-") as folder:
        estimated = estimate_job(
            wanted,
            Path(folder),
            policies=services.policies,
            s3=services.s3,
            cache=services.workspace.cache,
            exact=exact,
        )
    if as_json:
        print_json(
            {
                "data_type": wanted.data_type,
                "model": estimated.model,
                "model_reason": estimated.model_reason,
                "records": estimated.records,
                "requests": estimated.requests,
                "batches": estimated.batches,
                "input_tokens": estimated.input_tokens,
                "input_tokens_error": estimated.input_tokens_error,
                "input_cost_usd": dollars(estimated.input_cost_usd),
            }
        )
    else:
        say(
            f"{estimated.records:,} records, {estimated.requests:,} requests in {estimated.batches} batches; "
            f"{estimated.input_tokens:,}{_off(estimated.input_tokens_error)} input tokens cost "
            f"${dollars(estimated.input_cost_usd)} with {estimated.model} "
            f"({estimated.model_reason}) at batch price. Output tokens come on top. Nothing was sent."
        )
    return 0


def _off(error: int) -> str:
    return f" ± {error:,}" if error else ""
