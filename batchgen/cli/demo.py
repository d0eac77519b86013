"""`batchgen demo`: two jobs on real input, through Prefect on the embedded stack, review included."""

from __future__ import annotations

import json
import secrets
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import click

from batchgen.cli import prefect_runs
from batchgen.cli.connections import check, connect, load_settings, use
from batchgen.cli.output import jobs_table, json_option, notes, out, people, print_json, say
from batchgen.cli.progress import job_progress
from batchgen.cli.review import ask, person
from batchgen.cli.stack import prefect_ui
from batchgen.errors import MissingSetting
from batchgen.lifecycle import BatchStatus
from batchgen.local.info import SERVERS, Part
from batchgen.local.stack import EmbeddedStack
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest
from batchgen.stages.publication import read_report

_CODE_LIMIT = 40


@click.command()
@click.option("--live", is_flag=True, help="Use OpenAI instead of the simulator: it costs a few cents.")
@click.option("--approve", is_flag=True, help="Approve without asking: you are the person at the keyboard.")
@json_option
def demo(*, live: bool, approve: bool, as_json: bool) -> int:
    """Run two jobs to COMPLETED: product texts for a catalogue, and tests for a module of Python's library."""
    settings = _settings(live=live)
    with Services(settings) as services, resources.as_file(resources.files("batchgen.data")) as data:
        check(services)
        jobs = {request.name or "": request for request in _requests(data)}
        runs = [_start(services, name, request) for name, request in jobs.items()]
        with job_progress(services, *jobs):
            for run in runs:
                run.wait()
        _review(services, list(jobs), asks=_asks(services, list(jobs), approve=approve, as_json=as_json))
        summaries = [services.summary(job_id) for job_id in jobs]
        _report(summaries, as_json=as_json)
        _tell_highlights(services, list(jobs))
        return 0 if all(summary["status"] == BatchStatus.COMPLETED for summary in summaries) else 1


def _settings(*, live: bool) -> Settings:
    """The embedded stack for everything but, with --live, OpenAI."""
    settings = load_settings()
    if live and settings.openai_api_key is None:
        raise MissingSetting(what="OpenAI", variable="OPENAI_API_KEY")
    parts = [part for part in SERVERS if not (live and part is Part.SIMULATOR)]
    say("Starting the embedded stack: " + ", ".join(parts) + ".")
    use(EmbeddedStack(settings.state_dir).up(parts, say))
    return connect(())


def _requests(data: Path) -> list[JobRequest]:
    """Real input that stands on every machine: the catalogue that ships with batchgen, and Python's module json."""
    mark = secrets.token_hex(3)
    return [
        JobRequest("product", str(data / "demo_products.csv"), name=f"demo-products-{mark}"),
        JobRequest("test_code", str(Path(json.__file__).parent), name=f"demo-tests-{mark}", limit=_CODE_LIMIT),
    ]


def _start(services: Services, name: str, request: JobRequest) -> prefect_runs.FlowRun:
    say(f"Job {name}: {request.data_type} from {request.source}")
    # Recorded here first, so that bad input is told in one line; the flow finds the job and goes on with it.
    services.processor.create_job(request)
    return prefect_runs.FlowRun(services.settings, "generate", prefect_runs.parameters(request, name))


def _asks(services: Services, job_ids: list[str], *, approve: bool, as_json: bool) -> bool:
    """Whether there is a person to ask; else answers are approved in the reader's name, and that is said."""
    if approve:
        say("Approving, as --approve says.")
        return False
    if sys.stdin.isatty() and not as_json:
        return True
    simulated = all(services.summary(job_id)["simulated"] for job_id in job_ids)
    if simulated:
        say("No terminal to ask at: the demo approves these simulated answers in your name.")
        return False
    say("No terminal to ask at, and these answers are real: the reviews stay open.")
    return True


def _review(services: Services, job_ids: list[str], *, asks: bool) -> None:
    """Decide on every waiting batch, by a flow run each; what is sent back runs again."""
    while True:
        waiting = [batch for job_id in job_ids for batch in services.reviewer.waiting(job_id)]
        answers = [_ask(services, batch) if asks else (Action.APPROVE, "") for batch in waiting]
        runs = [
            _decide(services, batch, *answer)
            for batch, answer in zip(waiting, answers, strict=True)
            if answer is not None
        ]
        for run in runs:
            run.wait()
        again = [job_id for job_id in job_ids if services.is_active(job_id)]
        if not again:
            return
        with job_progress(services, *again):
            for job_id in again:
                services.advance(job_id)


def _decide(services: Services, batch: Batch, action: Action, note: str) -> prefect_runs.FlowRun:
    decision = {"batch_id": batch.batch_id, "decision": action, "reviewer": person(), "note": note}
    return prefect_runs.FlowRun(services.settings, "review", decision | {"iteration": batch.iteration})


def _ask(services: Services, batch: Batch) -> tuple[Action, str] | None:
    return ask(services, batch) if sys.stdin.isatty() else None


def _tell_highlights(services: Services, job_ids: list[str]) -> None:
    """Say what the reports put first: of tests above all whether somebody ran them."""
    batches = [batch for job_id in job_ids for batch in services.ids.job_batches(job_id) if batch.objects]
    for batch in batches:
        for line in read_report(services.uploads, batch).get("highlights", ()):
            say(f"{batch.batch_id}: {line}")


def _report(summaries: list[dict[str, Any]], *, as_json: bool) -> None:
    ui = prefect_ui()
    if as_json:
        print_json({"jobs": summaries, "prefect_ui": ui})
        return
    console = out()
    console.print(jobs_table(summaries))
    for summary in summaries:
        for line in notes(summary):
            console.print(line, markup=False)
    console.print(f"The same runs in the Prefect UI: {ui}")
    people().print("batchgen down stops the stack; batchgen status shows the jobs.")
