"""`batchgen costs`: what was spent, by job, model, day and more, what is reserved, and what it saves."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from typing import Any

import click
from rich.table import Table

from batchgen.cli.connections import connect, patiently
from batchgen.cli.output import json_option, out, print_json
from batchgen.errors import UsageError
from batchgen.local.info import Part
from batchgen.services import Services
from batchgen.stages.cost_report import DEFAULT_BASELINE, KEYS, Wanted

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--by", type=click.Choice(list(KEYS)), default="job", show_default=True, help="A row for each of these.")
@click.option("--since", type=_DAY, metavar="YYYY-MM-DD", help="Only what was sent on this day or later (UTC).")
@click.option("--until", type=_DAY, metavar="YYYY-MM-DD", help="Only what was sent on this day or earlier (UTC).")
@click.option("--job", "job_id", help="Only this job.")
@click.option("--type", "data_type", help="Only this data type.")
@click.option("--model", help="Only this model and its snapshots.")
@click.option(
    "--baseline", default=DEFAULT_BASELINE, show_default=True, help="Compare with this model at ordinary price."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print the rows as CSV on stdout.")
@json_option
def costs(
    *,
    by: str,
    since: datetime | None,
    until: datetime | None,
    job_id: str | None,
    data_type: str | None,
    model: str | None,
    baseline: str,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Show tokens, cost, cost per accepted record, what is reserved, and the saving against a baseline."""
    if as_csv and as_json:
        raise UsageError("--csv and --json contradict each other.", "Give one of them.")
    if since and until and since > until:
        raise UsageError("--since is later than --until.", "Nothing was sent in between: give the earlier day first.")
    wanted = Wanted(since and since.date(), until and until.date(), job_id, data_type, model)
    with Services(connect((Part.REDIS, Part.S3))) as services:
        patiently(services.ids.ping, services.settings.poll_interval_s)
        report = services.costs(by, wanted, baseline)
    if as_json:
        print_json(report)
    elif as_csv:
        _print_csv(report)
    else:
        _print_table(report)
    return 0


def _print_csv(report: dict[str, Any]) -> None:
    rows = report["rows"]
    names = list(rows[0]) if rows else [report["by"], *report["total"]]
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _print_table(report: dict[str, Any]) -> None:
    console, by, baseline = out(), report["by"], report["baseline"]
    table = Table(show_edge=False, pad_edge=False)
    table.add_column(by.replace("_", " ").capitalize(), overflow="fold")
    names = (
        "Answers",
        "Accepted",
        "Input",
        "From cache",
        "Into cache",
        "Output",
        "Reasoning",
        "Cost",
        "Per accepted",
        "Reserved",
    )
    for name in (*names, f"On {baseline}", "Saved"):
        table.add_column(name, justify="right")
    for row in (*report["rows"], {by: "all", **report["total"]}):
        table.add_row(str(row[by]) or "outside of jobs", *_cells(row))
    console.print(table)
    for cap in report["budgets"]:
        console.print(
            f"Cap for {cap['cap']}: ${cap['used_usd']} of ${cap['max_usd']} used, of which ${cap['reserved_usd']} "
            f"reserved; ${cap['left_usd']} left.",
            markup=False,
        )


def _cells(row: dict[str, Any]) -> list[str]:
    tokens = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    each = row["cost_per_accepted_usd"]
    return [
        *(f"{row[name]:,}" for name in ("answers", "accepted", *tokens)),
        f"${row['cost_usd']}" + (" simulated" if row["simulated"] else ""),
        "-" if each is None else f"${each}",
        f"${row['reserved_usd']}",
        f"${row['baseline_cost_usd']}",
        "-" if row["saving_percent"] is None else f"{row['saving_percent']} %",
    ]
