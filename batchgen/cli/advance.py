"""`batchgen advance`: the stages without Prefect."""

from __future__ import annotations

import click

from batchgen.cli.connections import check, connect
from batchgen.cli.output import json_option, print_json, say
from batchgen.errors import BatchBusy
from batchgen.local.info import Part
from batchgen.services import Services


@click.command()
@click.option("--once", is_flag=True, help="One tick of each stage instead of going on until only reviews are open.")
@click.option("--again", metavar="BATCH_ID", help="First give a batch whose processing failed for good new tries.")
@json_option
def advance(*, once: bool, again: str | None, as_json: bool) -> int:
    """Submit, check and process all batches, without Prefect, until only reviews are open."""
    with Services(connect((Part.REDIS, Part.S3, Part.SIMULATOR))) as services:
        check(services)
        if again is not None:
            services.checker.give_new_tries(again)
        try:
            services.advance(once=once)
        except BatchBusy as busy:
            say(f"batchgen: {busy}")
        counts = services.ids.counts()
        active = services.is_active()
        if as_json:
            print_json({"counts": {name.value: count for name, count in counts.items()}, "active": active})
        else:
            say(", ".join(f"{name} {count}" for name, count in counts.items() if count) or "No batches.")
        return 1 if active else 0
