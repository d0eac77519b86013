"""`batchgen blocks register`: the connections of the environment as blocks of Prefect."""

from __future__ import annotations

import click

from batchgen.cli import prefect_runs
from batchgen.cli.connections import connect
from batchgen.cli.output import json_option, print_json
from batchgen.local.info import SERVERS


@click.group()
def blocks() -> None:
    """The connections that deployed flows use, kept by Prefect."""


@blocks.command()
@click.option("--keep", is_flag=True, help="Leave a block alone that exists and points elsewhere than this machine.")
@json_option
def register(*, keep: bool, as_json: bool) -> int:
    """Create the block types, and fill the blocks called batchgen from the environment."""
    connect(SERVERS)
    done = prefect_runs.register_blocks(keep=keep)
    if as_json:
        print_json({"blocks": done})
    else:
        for name, what in done.items():
            click.echo(f"{name:40} {what}")
    return 0
