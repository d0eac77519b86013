"""`batchgen status`: jobs and batches as Redis knows them."""

from __future__ import annotations

import click
from rich.table import Table

from batchgen.cli.connections import connect, patiently
from batchgen.cli.output import json_option, out, print_job, print_json, print_proof
from batchgen.errors import BatchNotFound
from batchgen.lifecycle import BatchStatus
from batchgen.local.info import Part
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.summary import succeeded, summarize, summarize_batch

_SHOWN = 50


@click.command()
@click.argument("identity", metavar="[BATCH_ID|JOB_ID]", required=False)
@click.option("--status", "only", type=click.Choice(list(BatchStatus)), help="Only batches in this status.")
@click.option("--type", "data_type", help="Only batches of this data type.")
@click.option("--limit", type=click.IntRange(min=1), default=_SHOWN, show_default=True, help="So many at most.")
@json_option
def status(*, identity: str | None, only: BatchStatus | None, data_type: str | None, limit: int, as_json: bool) -> int:
    """Show batches by status, or one job or batch with its counts, cost and addresses."""
    with Services(connect((Part.REDIS, Part.S3))) as services:  # an empty Redis may have been lost: S3 tells
        patiently(services.ids.ping, services.settings.poll_interval_s)
        if identity is None:
            return _overview(services, only, data_type, limit, as_json=as_json)
        return _one(services, identity, as_json=as_json)


def _one(services: Services, identity: str, *, as_json: bool) -> int:
    job = services.ids.find_job(identity)
    if job is None:
        batch = services.ids.get(identity)
        job, batches = services.ids.get_job(batch.job_id), [batch]
        document = summarize_batch(batch)
    else:
        batches = services.ids.job_batches(identity)
        document = summarize(job, batches)
    if not batches:
        raise BatchNotFound(identity)
    if as_json:
        print_json(document)
    else:
        summary = summarize(job, batches)
        print_job(summary)
        print_proof(summary)
    done = succeeded(document) if "batches" in document else _approved(batches[0])
    return 0 if done else 1


def _approved(batch: Batch) -> bool:
    return batch.status is BatchStatus.COMPLETED and batch.accepted == batch.records


def _overview(services: Services, only: BatchStatus | None, data_type: str | None, limit: int, *, as_json: bool) -> int:
    counts = services.ids.counts()
    chosen = None if only is None else BatchStatus(only)
    page = services.ids.page(status=chosen, data_type=data_type, limit=limit)
    if as_json:
        print_json(
            {
                "counts": {name.value: count for name, count in counts.items()},
                "batches": [summarize_batch(batch) for batch in page.batches],
                "more": page.next_cursor is not None,
            }
        )
        return 0
    console = out()
    console.print(", ".join(f"{name} {count}" for name, count in counts.items() if count) or "No batches.")
    table = Table(show_edge=False, pad_edge=False)
    for name in ("Batch", "Status", "Iteration", "Records", "Accepted", "Refused", "Failed"):
        table.add_column(name)
    for batch in page.batches:
        numbers = (batch.iteration, batch.records, batch.accepted, batch.refused, batch.failed)
        table.add_row(batch.batch_id, batch.status, *(f"{number:,}" for number in numbers))
    if page.batches:
        console.print(table)
    return 0
