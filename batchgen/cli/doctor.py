"""`batchgen doctor`: what is there, what is missing, and how to get it. It starts nothing and sends nothing."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import click

from batchgen.cli.connections import is_configured, load_settings
from batchgen.cli.output import json_option, print_json
from batchgen.errors import BatchgenError
from batchgen.local.info import Part, StackInfo
from batchgen.local.stack import EmbeddedStack
from batchgen.sandbox import probe
from batchgen.services import Services

_PACKAGES = ("batchgen", "prefect", "openai", "redis", "boto3", "pydantic")


@click.command()
@json_option
def doctor(*, as_json: bool) -> int:
    """Check every connection and the versions; say what is missing and how to get it."""
    settings = load_settings()
    running = EmbeddedStack(settings.state_dir).find()
    with Services(settings) as services:
        findings = [_finding(part, services, running) for part in (Part.REDIS, Part.S3, Part.SIMULATOR)]
    ok = all(finding["ok"] for finding in findings)
    findings.append(_sandbox())
    versions = {package: version(package) for package in _PACKAGES} | {"python": sys.version.split()[0]}
    if as_json:
        print_json({"ok": ok, "checks": findings, "versions": versions})
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding['ok'] else 'FAIL'} {finding['what']:8} {finding['detail']}")
        click.echo(", ".join(f"{package} {number}" for package, number in versions.items()))
    return 0 if ok else 1


def _sandbox() -> dict[str, Any]:
    """The sandbox: only the type test_code needs it, so that its lack alone makes nothing fail."""
    state = probe()
    what_then = "" if state.works else " Until then tests that are written by test_code are not run, and say so."
    return {"what": "sandbox", "ok": state.works, "detail": f"{state.problem}{what_then}"}


def _finding(part: Part, services: Services, running: StackInfo | None) -> dict[str, Any]:
    name = "openai" if part is Part.SIMULATOR else part.value
    try:
        if not is_configured(part, services.settings):
            state = "runs" if running and part in running.parts else "is started when a command needs it"
            return {"what": name, "ok": True, "detail": f"not configured: the embedded one {state}"}
        return {"what": name, "ok": True, "detail": f"{_ask(part, services)} answers"}
    except BatchgenError as error:
        return {"what": name, "ok": False, "detail": str(error)}


def _ask(part: Part, services: Services) -> str:
    """Have a part answer and return its address."""
    match part:
        case Part.REDIS:
            services.ids.ping()
            services.ids.check_epoch()
            return services.ids.address
        case Part.S3:
            services.uploads.check()
            return f"{services.settings.s3_bucket} at {services.uploads.endpoint}"
        case _:
            services.check_openai()
            return services.openai.address
