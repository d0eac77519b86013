"""`batchgen review`: what the person decided; and the questions a terminal asks after generate and demo."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click
import orjson
from rich.markup import escape

from batchgen.cli.connections import connect, patiently
from batchgen.cli.job_options import read_record_ids
from batchgen.cli.output import json_option, people, print_job, print_json, say
from batchgen.cli.progress import job_progress
from batchgen.errors import BatchBusy, DecisionRefused, UsageError
from batchgen.local.info import Part
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.stages.decision import Action
from batchgen.stages.publication import read_report
from batchgen.summary import succeeded, summarize

_SHOWN_SAMPLES = 3


@click.command()
@click.argument("batch_id")
@click.option("--approve", is_flag=True, help="All accepted records stand: COMPLETED.")
@click.option("--reject", is_flag=True, help="Refuse all, or the records of --items or --where.")
@click.option("--retry", is_flag=True, help="Send all, or the records of --items or --where, back.")
@click.option("--note", default="", help="Why; a record that is sent back is asked again with it.")
@click.option(
    "--items",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with record ids, one a line; with --reject also ids of single tests, as the report has them.",
)
@click.option("--where", help="Instead of --items: the accepted records of which this holds, as: title|length > 80")
@click.option("--iteration", type=click.IntRange(min=1), help="Refuse the decision if the batch has moved on from it.")
@json_option
def review(
    *,
    batch_id: str,
    note: str,
    items: Path | None,
    where: str | None,
    iteration: int | None,
    as_json: bool,
    **decisions: bool,
) -> int:
    """Decide on a batch that is READY_FOR_REVIEW."""
    given = [name for name, chosen in decisions.items() if chosen]
    if len(given) != 1:
        named = " and ".join(f"--{name}" for name in given)
        said = f"{named} are more than one decision." if given else "No decision is given."
        raise UsageError(said, "Give one of --approve, --reject, --retry.")
    record_ids = read_record_ids(items)
    with Services(connect((Part.REDIS, Part.S3))) as services:
        patiently(services.check_storage, services.settings.poll_interval_s)
        batch = services.reviewer.decide(
            batch_id,
            Action(given[0]),
            reviewer=person(),
            note=note,
            record_ids=record_ids,
            where=where,
            iteration=iteration,
        )
        summary = summarize(services.ids.get_job(batch.job_id), services.ids.job_batches(batch.job_id))
        if as_json:
            print_json(summary)
        else:
            decided = batch.decisions[-1]
            what = "records" if record_ids is None else "items"  # an item may be a part of a record
            say(f"Decided: {decided.action}, {decided.records:,} {what if decided.records != 1 else what[:-1]}.")
            print_job(summary)
        return 0 if succeeded(summary) else 1


def person() -> str:
    """The name of whoever is at the keyboard."""
    try:
        return getpass.getuser()
    except OSError:  # no name for this user id
        return "unknown"


def approve_all(services: Services, job_id: str) -> None:
    """Approve every batch of a job that waits."""
    for batch in services.reviewer.waiting(job_id):
        try:
            services.reviewer.decide(batch.batch_id, Action.APPROVE, reviewer=person(), iteration=batch.iteration)
        except (DecisionRefused, BatchBusy) as other:  # somebody else decides it at this moment
            say(f"batchgen: {other}")


def ask_all(services: Services, job_id: str) -> None:
    """Show each waiting batch's report and ask, until none waits or the person leaves the rest open."""
    while waiting := services.reviewer.waiting(job_id):
        answers = [ask(services, batch) for batch in waiting]
        if all(answer is None for answer in answers):
            return
        for batch, answer in zip(waiting, answers, strict=True):
            if answer is not None:
                action, note = answer
                services.reviewer.decide(
                    batch.batch_id, action, reviewer=person(), note=note, iteration=batch.iteration
                )
        with job_progress(services, job_id):
            services.advance(job_id)


def ask(services: Services, batch: Batch) -> tuple[Action, str] | None:
    """Show a batch's report and ask for the decision; None: left open."""
    show_report(services, batch)
    answer = click.prompt(
        "Your decision (retry: send back with a note; leave: decide later)",
        type=click.Choice(["approve", "reject", "retry", "leave"]),
        err=True,
    )
    if answer == "leave":
        say(f"Left open: batchgen review {batch.batch_id} --approve | --reject | --retry")
        return None
    note = (
        ""
        if answer == "approve"
        else click.prompt(
            "Note (for retry it goes to the model; may be empty)", default="", show_default=False, err=True
        )
    )
    return Action(answer), note


def show_report(services: Services, batch: Batch) -> None:
    """What a reviewer needs to decide: counts, reasons, price, samples, addresses."""
    console = people()
    report = read_report(services.uploads, batch)
    price = f"${report['cost_usd']}" + (" (simulated)" if report["simulated"] else "")
    console.rule(f"[bold]{escape(batch.batch_id)}[/bold], iteration {batch.iteration}")
    console.print(
        f"{report['records']:,} records: {report['accepted']:,} accepted, {report['refused']:,} refused, "
        f"{report['failed']:,} failed. Price {price}."
    )
    for reason, count in report["reasons"].items():
        console.print(f"  {escape(reason)}: {count:,}")
    for line in report.get("highlights", ()):
        console.print(escape(f"* {line}"))
    for title, samples in (("Accepted", report["accepted_samples"]), ("Not accepted", report["rejected_samples"])):
        for sample in samples[:_SHOWN_SAMPLES]:
            console.print(f"[bold]{title} {escape(str(sample['record_id']))}[/bold] {escape(sample.get('reason', ''))}")
            console.print(f"  in:  {escape(_one_line(sample['input']))}")
            console.print(f"  out: {escape(_one_line(sample['output']))}")
    for stored in batch.objects:
        console.print(escape(stored.url))


def _one_line(value: Any, width: int = 300) -> str:
    text = " ".join((value if isinstance(value, str) else orjson.dumps(value).decode()).split())
    return text if len(text) <= width else text[: width - 1] + "…"
