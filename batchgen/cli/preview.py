"""`batchgen preview`: prompts and answers for a few records through the ordinary API, before a batch is paid."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from batchgen.cli.connections import connect, load_settings
from batchgen.cli.job_options import job_options, request
from batchgen.cli.output import json_option, out, print_json
from batchgen.local.info import Part
from batchgen.services import Services
from batchgen.stages.preview import Previewed


@click.command()
@job_options
@click.option("-n", "--records", "count", type=click.IntRange(1, 20), default=3, show_default=True, help="How many.")
@json_option
def preview(*, count: int, as_json: bool, **given: Any) -> int:
    """Ask for the first records of a source at once, at full price, and judge the answers; nothing is recorded."""
    wanted = request(load_settings(), **given)
    with Services(connect((Part.REDIS, Part.S3, Part.SIMULATOR))) as services:  # what the answers cost is booked
        previewed = list(services.previewer.preview(wanted, count))
    if as_json:
        print_json({"data_type": wanted.data_type, "records": [each.document() for each in previewed]})
    else:
        for each in previewed:
            _show(each)
    return 0 if all(each.accepted for each in previewed) else 1


def _show(each: Previewed) -> None:
    console = out()
    console.rule(f"[bold]{escape(each.record_id)}[/bold]")
    for message in each.messages:
        console.print(f"[bold]{escape(str(message.get('role', '')))}[/bold] {escape(str(message.get('content', '')))}")
    verdict = "accepted" if each.accepted else f"refused, {each.reason}: {each.detail}"
    console.print(f"[bold]answer[/bold] ({escape(verdict)})\n{escape(each.answer)}")
    console.print(f"{each.input_tokens:,} input and {each.output_tokens:,} output tokens", style="dim")
