"""`batchgen serve`: what batchgen answers over HTTP, in the foreground."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType
from typing import TYPE_CHECKING

import click

from batchgen.cli.connections import check, connect, load_settings
from batchgen.cli.output import json_option, print_json, say
from batchgen.errors import UsageError
from batchgen.local.info import Part
from batchgen.services import Services

if TYPE_CHECKING:
    from batchgen.api.server import ApiServer

_HERE = ("127.0.0.1", "::1", "localhost")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
@json_option
def serve(*, host: str, port: int, as_json: bool) -> int:
    """Answer over HTTP, and receive OpenAI's webhook events, until stopped; what runs then is finished first."""
    from batchgen.api.app import build_app  # noqa: PLC0415 - the server's libraries load only for this command
    from batchgen.api.background import BackgroundWork  # noqa: PLC0415 - as above
    from batchgen.api.server import ApiServer  # noqa: PLC0415 - as above

    if load_settings().api_keys is None and host not in _HERE:
        problem = f"Without API keys everybody could spend your money at {host}."
        raise UsageError(problem, "Set BATCHGEN_API_KEYS, or listen on 127.0.0.1.")
    with Services(connect((Part.REDIS, Part.S3, Part.SIMULATOR))) as services, BackgroundWork() as background:
        check(services)
        has_webhook = services.settings.openai_webhook_secret is not None
        server = ApiServer(build_app(services, background), host=host, port=port)
        _stop_at_signals(server)
        asyncio.run(server.serve(ready=lambda: _tell(server.url, has_webhook=has_webhook, as_json=as_json)))
        say("Stopping; what runs is finished first.")
    return 0


def _stop_at_signals(server: ApiServer) -> None:
    """The first signal ends the server in order; a second one kills, which the leases are made for."""

    def stop(number: int, _: FrameType | None) -> None:
        server.exit()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _tell(url: str, *, has_webhook: bool, as_json: bool) -> None:
    from batchgen.api.gen_ai.routes import PREFIX  # noqa: PLC0415 - as above
    from batchgen.api.webhooks.endpoint import PATH  # noqa: PLC0415 - as above

    webhook_url = url + PATH if has_webhook else None
    if as_json:
        print_json({"url": url, "api_url": url + PREFIX, "webhook_url": webhook_url})
        return
    click.echo(url + PREFIX)
    if webhook_url is None:
        say("Without OPENAI_WEBHOOK_SECRET no webhook is served. Ctrl-C ends it.")
        return
    click.echo(webhook_url)
    say("Register the https address under which OpenAI reaches it: docs/api.md says how. Ctrl-C ends it.")
