"""The options that say what a job is: shared by generate and estimate."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from batchgen.data_types import get_data_type, parse_options, with_declaration
from batchgen.errors import UsageError
from batchgen.models import Endpoint
from batchgen.openai_client.catalog import ModelCatalog
from batchgen.openai_client.policies import ModelPolicies
from batchgen.settings import Settings
from batchgen.stages.intake import JobRequest
from batchgen.stages.model_choice import choose_model

Command = TypeVar("Command", bound=Callable[..., Any])
_ENDPOINTS = {"chat": Endpoint.CHAT, "responses": Endpoint.RESPONSES}

_OPTIONS = (
    click.argument("data_type", metavar="TYPE"),
    click.option(
        "--source",
        required=True,
        help="Path, folder or s3:// address; for code also git+https://…@ref or package:NAME.",
    ),
    click.option("--model", help="A model of the catalogue, or auto: the cheapest that can do it."),
    click.option("--endpoint", type=click.Choice(sorted(_ENDPOINTS)), default="chat", show_default=True),
    click.option("--limit", type=click.IntRange(min=1), help="Take only so many records."),
    click.option("--max-retries", type=click.IntRange(min=0), help="Resends a record may use for its own failures."),
    click.option("--max-output-tokens", type=click.IntRange(min=1), help="Most tokens that an answer may have."),
    click.option("--id-column", help="Column with the record ids (tabular sources)."),
    click.option(
        "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the type; JSON or text."
    ),
    click.option("--skip-bad-rows", is_flag=True, help="Go on without rows that cannot be used; they count as failed."),
)


def job_options(command: Command) -> Command:
    """Add the options to a command, which takes them as keyword arguments for `request`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def request(settings: Settings, *, name: str | None = None, **given: Any) -> JobRequest:
    """The job that was asked for; raises InputError for what can be told without reading the source."""
    values = dict(_option(text) for text in given["options"])
    if given["id_column"] is not None:
        values["id_column"] = given["id_column"]
    values = with_declaration(given["data_type"], values, settings.types_dir)
    data_type = get_data_type(given["data_type"], values)
    parse_options(data_type, values)
    wanted = JobRequest(
        data_type=data_type.name,
        source=given["source"],
        model=given["model"],
        endpoint=_ENDPOINTS[given["endpoint"]],
        options=values,
        limit=given["limit"],
        max_retries=given["max_retries"],
        max_output_tokens=given["max_output_tokens"],
        max_cost_usd=_amount(given.get("max_cost")),
        skip_bad_rows=given["skip_bad_rows"],
        name=name,
    )
    policies = ModelPolicies.load(ModelCatalog.load(settings.model_catalog), settings.model_policies)
    choose_model(wanted, data_type, policies)
    return wanted


def _amount(text: str | None) -> Decimal | None:
    try:
        amount = None if text is None else Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount is not None and not (amount.is_finite() and amount > 0):
        raise UsageError(f"--max-cost {text} is no amount.", "Give US dollars above 0, for example 2.50.")
    return amount


def _option(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UsageError(
            f"--option {text} has no value.", "Write --option NAME=VALUE; a VALUE that is JSON is read so."
        )
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        return name, value


def read_record_ids(path: Path | None) -> list[str] | None:
    """Record ids from a file, one a line; None where no file is given."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8: {error.reason}.", "Write the record ids as UTF-8, one a line."
        ) from error
    return [line.strip() for line in text.split("\n") if line.strip()]
