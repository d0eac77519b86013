"""What commands print: tables for people on stderr or stdout, one JSON document for programs on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click
import orjson
from rich.console import Console
from rich.table import Table

from batchgen.errors import BatchgenError, LocalStackError

Command = TypeVar("Command", bound=Callable[..., Any])

_TABLE_WIDTH = 160
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, nothing else.")


def people() -> Console:
    """The console that people read while a command runs: stderr."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


def out() -> Console:
    """The console for what a command tells: stdout, wide enough for its tables."""
    console = Console(soft_wrap=True, highlight=False)
    console.width = max(console.width, _TABLE_WIDTH)  # a narrow terminal wraps lines, but cuts no id or number
    return console


def say(line: str) -> None:
    """One line for people."""
    click.echo(line, err=True)


def print_json(document: Any) -> None:
    """The one document of a command."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
    sys.stdout.flush()


def print_error(error: BatchgenError, *, as_json: bool) -> None:
    """An error: a line for people, and the document where one was asked for."""
    if isinstance(error, LocalStackError) and error.log_tail:
        say(error.log_tail)
    say(f"batchgen: {error}".replace("\n", " "))
    if as_json:
        print_json({"error": {"code": error.code, "message": error.message, "remedy": error.remedy}})


def print_job(summary: dict[str, Any]) -> None:
    """A job and its batches as a table on stdout."""
    console = out()
    console.print(jobs_table([summary]))
    if summary["model_reason"]:
        console.print(f"Model {summary['model']}: {summary['model_reason']}.", markup=False)
    if summary["estimate"] is not None:
        console.print(_estimated(summary["estimate"], summary["cost_usd"]), markup=False)
    for line in notes(summary):
        console.print(line, markup=False)


def _estimated(estimate: dict[str, Any], cost: str) -> str:
    most = "" if estimate["most_cost_usd"] is None else f", ${estimate['most_cost_usd']} at most"
    basis = "" if estimate["output_tokens"] is not None else " for the input alone"
    return f"Estimated before: ${estimate['cost_usd']}{basis}{most} for the first iteration. Cost so far: ${cost}."


def print_proof(summary: dict[str, Any]) -> None:
    """Where every record of a job is: each batch's lists, with the count and the fingerprint of each."""
    console = out()
    table = Table(show_edge=False, pad_edge=False)
    for name in ("Batch", "List", "Records", "SHA-256 of its custom ids"):
        table.add_column(name, overflow="fold", justify="right" if name == "Records" else "left")
    for batch in summary["batches"]:
        for name, entry in (batch["proof"] or {}).items():
            table.add_row(batch["batch_id"], name, f"{entry['count']:,}", entry["sha256"])
    if table.row_count:
        console.print(table)


def jobs_table(summaries: list[dict[str, Any]]) -> Table:
    """The batches of jobs: status, records, tokens, price."""
    table = Table(show_edge=False, pad_edge=False)
    for name in ("Batch", "Status"):
        table.add_column(name, overflow="fold")
    for name in ("Iteration", "Records", "Accepted", "Refused", "Failed", "Pending", "Tokens in/out", "Price"):
        table.add_column(name, justify="right")
    for summary in summaries:
        for batch in summary["batches"]:
            table.add_row(batch["batch_id"], batch["status"], *_numbers(batch))
    return table


def _numbers(batch: dict[str, Any]) -> Iterator[str]:
    for name in ("iteration", "records", "accepted", "refused", "failed", "pending"):
        yield f"{batch[name]:,}"
    usage = batch["usage"]
    yield f"{usage['input_tokens']:,}/{usage['output_tokens']:,}"
    yield f"${batch['cost_usd']}" + (" simulated" if batch["simulated"] else "")


def notes(summary: dict[str, Any]) -> list[str]:
    """What else there is to say of a job's batches: reasons, waits, errors, addresses."""
    lines: list[str] = []
    for batch in summary["batches"]:
        if batch["reasons"]:
            reasons = ", ".join(f"{reason} {count}" for reason, count in batch["reasons"].items())
            lines.append(f"{batch['batch_id']} not accepted: {reasons}")
        if "waiting" in batch:
            lines.append(f"{batch['batch_id']} waits until {batch['waiting']['until']}: {batch['waiting']['for']}")
        if "last_error" in batch:
            lines.append(f"{batch['batch_id']} last error: {batch['last_error']}")
        if "remedy" in batch:
            lines.append(f"{batch['batch_id']} {batch['remedy']}")
        if batch["status"] == "PENDING" and "waiting" not in batch:
            lines.append(f"{batch['batch_id']} goes on with: batchgen advance")
        if batch["status"] == "READY_FOR_REVIEW":
            lines.append(f"{batch['batch_id']} waits for you: batchgen review {batch['batch_id']} --approve")
        if batch["status"] != "PENDING":
            lines += [stored["url"] for stored in batch["objects"]]
    return lines
