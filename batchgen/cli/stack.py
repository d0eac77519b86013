"""`batchgen up` and `batchgen down`: the embedded stack."""

from __future__ import annotations

import os
import shlex

import click

from batchgen.cli import deployment
from batchgen.cli.connections import is_configured, load_settings, use
from batchgen.cli.output import json_option, print_json, say
from batchgen.local.info import SERVERS, Part
from batchgen.local.stack import EmbeddedStack


@click.command()
@click.option("--worker", "with_worker", is_flag=True, help="Also deploy the flows and start a worker for them.")
@click.option("--env", "as_env", is_flag=True, help="Print export lines for a shell, passwords included.")
@json_option
def up(*, with_worker: bool, as_env: bool, as_json: bool) -> int:
    """Start what is not configured by environment variables on this machine, and print the addresses."""
    settings = load_settings()
    wanted = [part for part in SERVERS if not is_configured(part, settings)]
    stack = EmbeddedStack(settings.state_dir)
    info = stack.up(wanted, say)
    urls = {part.value: found.url for part, found in info.parts.items()}
    if with_worker:
        use(info)
        urls["worker"] = deployment.start_worker(stack, embedded=Part.PREFECT in wanted).url
    if as_env:
        for name, value in info.environment().items():
            click.echo(f"export {name}={shlex.quote(value)}")
        return 0
    if as_json:
        print_json({"parts": urls, "configured": [part.value for part in SERVERS if part not in wanted]})
        return 0
    for name, url in urls.items():
        click.echo(f"{name:10} {url}")
    for part in SERVERS:
        if part not in wanted:
            click.echo(f"{part.value:10} configured by the environment")
    if with_worker:
        say(f"Start a job in the Prefect UI: {prefect_ui()}/v2/deployments, generate, Run.")
    return 0


@click.command()
@json_option
def down(*, as_json: bool) -> int:
    """Stop what batchgen started on this machine; the data stays."""
    stopped = EmbeddedStack(load_settings().state_dir).down()
    if as_json:
        print_json({"stopped": [str(part) for part in stopped]})
    else:
        say(f"Stopped: {', '.join(map(str, stopped))}." if stopped else "Nothing was running.")
    return 0


def prefect_ui() -> str | None:
    """The address of the Prefect UI that the environment points at, if any."""
    api = os.environ.get("PREFECT_API_URL")
    return None if api is None else api.removesuffix("/api")
