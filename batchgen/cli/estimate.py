"""`batchgen estimate`: what a job would be, without sending anything."""

from __future__ import annotations

from typing import Any

import click

from batchgen.cli.connections import find_redis, load_settings
from batchgen.cli.job_options import job_options, request
from batchgen.cli.output import json_option, print_json, say
from batchgen.models import Estimate
from batchgen.money import dollars
from batchgen.services import Services
from batchgen.stages.intake import JobRequest
from batchgen.summary import estimate_document


@click.command()
@job_options
@click.option("--exact", is_flag=True, help="Count every request, also of a large job, instead of a sample.")
@json_option
def estimate(*, exact: bool, as_json: bool, **given: Any) -> int:
    """Show how many requests and tokens a job has, and what they cost at batch and at ordinary price."""
    return show_estimate(request(load_settings(), **given), as_json=as_json, exact=exact)


def show_estimate(wanted: JobRequest, *, as_json: bool, exact: bool = False) -> int:
    """Read the source, count, print; nothing is recorded or sent."""
    with Services(find_redis()) as services:
        estimated = services.estimate(wanted, exact=exact)
    if as_json:
        print_json(estimate_document(wanted, estimated))
        return 0
    found = estimated.estimate
    batches = f"{estimated.batches:,} {'batch' if estimated.batches == 1 else 'batches'}"
    say(
        f"{estimated.records:,} records, {found.requests:,} requests in {batches}, "
        f"model {estimated.model} ({estimated.model_reason}). {_tokens(found)}"
    )
    say(
        ("At batch price" if found.output_tokens is not None else "For the input alone, at batch price")
        + f" ${dollars(found.cost_usd)}, at the ordinary price ${dollars(found.ordinary_cost_usd)}"
        + ("" if found.most_cost_usd is None else f"; ${dollars(found.most_cost_usd)} at most, at batch price")
        + ". Nothing was sent."
    )
    return 0


def _tokens(found: Estimate) -> str:
    error = f" (± {found.input_tokens_error:,})" if found.input_tokens_error else ""
    text = f"{found.input_tokens:,} input tokens{error}"
    if found.output_tokens is None:
        return text + "; output tokens come on top: how many is not known yet; --max-output-tokens sets a limit."
    most = "" if found.output_tokens_most is None else f", {found.output_tokens_most:,} at most"
    return f"{text}, {found.output_tokens:,} output tokens expected{most}."
