"""`batchgen recover`: Redis again as it was, from S3 and OpenAI."""

from __future__ import annotations

from dataclasses import asdict

import click

from batchgen.cli.connections import check, connect
from batchgen.cli.output import json_option, print_json, say
from batchgen.local.info import Part
from batchgen.services import Services


@click.command()
@json_option
def recover(*, as_json: bool) -> int:
    """Rebuild Redis from S3's manifests and OpenAI's metadata; what Redis still has is kept."""
    with Services(connect((Part.REDIS, Part.S3, Part.SIMULATOR))) as services:
        check(services)
        made = services.recovery.recover()
        if as_json:
            print_json(asdict(made))
        else:
            say(
                f"Rebuilt: {made.jobs:,} jobs, {made.batches:,} batches, of which OpenAI has {made.adopted:,}; "
                f"{made.kept:,} jobs were there. Go on with: batchgen advance"
            )
        return 0
