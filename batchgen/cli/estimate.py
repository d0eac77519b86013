"""`batchgen estimate`: what a job would be, without sending anything."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from batchgen.cli.connections import load_settings
from batchgen.cli.job_options import job_options, request
from batchgen.cli.output import json_option, print_json, say
from batchgen.money import dollars
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.services import Services
from batchgen.stages.estimate import estimate_job
from batchgen.stages.intake import JobRequest


@click.command()
@job_options
@json_option
def estimate(*, as_json: bool, **given: Any) -> int:
    """Show how many requests and input tokens a job has, and what they cost. Output tokens come on top."""
    return show_estimate(request(load_settings(), **given), as_json=as_json)


def show_estimate(wanted: JobRequest, *, as_json: bool) -> int:
    """Read the source, count, print; nothing is recorded or sent."""
    settings = load_settings()
    with Services(settings) as services, tempfile.TemporaryDirectory(prefix="batchgen-") as folder:
        catalog = ModelCatalog.load(settings.model_catalog)
        estimated = estimate_job(wanted, Path(folder), catalog=catalog, s3=services.s3, cache=services.workspace.cache)
    if as_json:
        print_json(
            {
                "data_type": wanted.data_type,
                "model": estimated.model,
                "records": estimated.records,
                "requests": estimated.requests,
                "batches": estimated.batches,
                "input_tokens": estimated.input_tokens,
                "input_cost_usd": dollars(estimated.input_cost_usd),
            }
        )
    else:
        say(
            f"{estimated.records:,} records, {estimated.requests:,} requests in {estimated.batches} batches; "
            f"{estimated.input_tokens:,} input tokens cost ${dollars(estimated.input_cost_usd)} with {estimated.model} "
            "at batch price. Output tokens come on top. Nothing was sent."
        )
    return 0
