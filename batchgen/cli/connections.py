"""Settings for a command: parts without an address are embedded, and the command says so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from batchgen.cli.output import say
from batchgen.errors import MissingSetting, Unavailable, Unreachable
from batchgen.local.info import Part, StackInfo
from batchgen.local.stack import EmbeddedStack
from batchgen.logging import configure_logging
from batchgen.services import Services
from batchgen.settings import Settings

_POLL = "BATCHGEN_POLL_INTERVAL_S"
Value = TypeVar("Value")
_TITLES = {Part.REDIS: "Redis", Part.S3: "S3", Part.SIMULATOR: "OpenAI (a simulator)", Part.PREFECT: "Prefect"}
_VARIABLES = {
    "Redis": "REDIS_URL",
    "S3": "AWS_ENDPOINT_URL_S3 and BATCHGEN_S3_BUCKET",
    "OpenAI": "OPENAI_BASE_URL",
}


def load_settings() -> Settings:
    """Settings as they are, with logging as they ask for it."""
    settings = Settings.load()
    configure_logging(settings.log_level, settings.log_format)
    return settings


def connect(needed: Collection[Part]) -> Settings:
    """Settings in which all needed parts have an address; those that had none are started on this machine."""
    settings = load_settings()
    missing = [part for part in needed if not is_configured(part, settings)]
    if not missing:
        return settings
    say(f"Not configured, so embedded on this machine: {', '.join(_TITLES[part] for part in missing)}.")
    # Some OpenAI servers share our stack's lifetime, so the addresses go to whatever this command starts, too.
    use(EmbeddedStack(settings.state_dir).up(missing, say))
    return Settings.load()


def find_redis() -> Settings:
    """Settings with the embedded Redis, where no other has an address and that one runs; nothing is started."""
    settings = load_settings()
    if not is_configured(Part.REDIS, settings) and (running := EmbeddedStack(settings.state_dir).find()) is not None:
        use(running.only((Part.REDIS,)))
    return Settings.load()


def use(stack: StackInfo) -> None:
    """Point this process at the stack; a poll interval of the user's own stays."""
    chosen = os.environ.get(_POLL)
    os.environ.update(stack.environment())
    if chosen is not None:
        os.environ[_POLL] = chosen


def is_configured(part: Part, settings: Settings) -> bool:
    """Whether the variables of a part are set; raises MissingSetting where they are set by half."""
    match part:
        case Part.SIMULATOR:
            if settings.openai_base_url is not None and settings.openai_api_key is None:
                raise MissingSetting(what="OpenAI (OPENAI_BASE_URL is set)", variable="OPENAI_API_KEY")
            return settings.openai_api_key is not None
        case Part.REDIS:
            return settings.redis_url is not None
        case Part.S3:
            if settings.s3_bucket is None and settings.aws_endpoint_url_s3 is not None:
                raise MissingSetting(what="S3 (AWS_ENDPOINT_URL_S3 is set)", variable="BATCHGEN_S3_BUCKET")
            return settings.s3_bucket is not None
        case Part.PREFECT | Part.WORKER:
            return "PREFECT_API_URL" in os.environ


def check(services: Services) -> None:
    """Raise unless every connection is there; one that asks us to come back (429, 5xx) is waited for."""
    patiently(services.check, services.settings.poll_interval_s)


def patiently(step: Callable[[], Value], poll_interval_s: float) -> Value:
    """Run a step; while a service answers that it is busy, wait and run it again. One that is away is an error."""
    while True:
        try:
            return step()
        except Unavailable as busy:
            if not busy.answers:
                raise Unreachable(busy.service, busy.problem, _VARIABLES[busy.service]) from busy
            say(f"Waiting: {busy}")
            time.sleep(busy.retry_after_s or poll_interval_s)
