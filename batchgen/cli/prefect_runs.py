"""Runs flows for the command line: each in a process of its own, since Prefect lives in flows/ alone."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
from typing import Any

import orjson

from batchgen.cli.connections import patiently
from batchgen.cli.output import say
from batchgen.cli.progress import job_progress
from batchgen.errors import BatchgenError, UsageError
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.stages.intake import JobRequest

_SHOWN_LINES = 30
_REFUSED = 2


@dataclasses.dataclass(eq=False)
class FlowRunFailed(BatchgenError):
    """A flow's process ended with an error; the end of its log stands above."""

    code = "flow_run_failed"
    template = "The flow {flow} failed with exit code {exit_code} (log: {log})."
    remedy_template = "What is recorded is kept: batchgen status tells, batchgen advance goes on without Prefect."
    flow: str
    exit_code: int
    log: str


class FlowRun:
    """A flow that runs in another process; its log goes to a file below the state folder."""

    def __init__(self, settings: Settings, flow: str, parameters: dict[str, Any]) -> None:
        """Start `python -m flows <flow>` with its parameters on stdin."""
        self._flow = flow
        folder = settings.state_dir / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (
            folder / f"{flow}-{parameters.get('batch_id') or parameters.get('job') or parameters.get('job_id')}.log"
        )
        with self._log.open("wb") as log, tempfile.TemporaryFile() as given:
            given.write(orjson.dumps(parameters))
            given.seek(0)
            command = [sys.executable, "-m", "flows", flow]
            self._process = subprocess.Popen(command, stdin=given, stdout=log, stderr=log)

    def wait(self) -> None:
        """Wait for its end; raises FlowRunFailed after showing the end of its log. An interrupt ends it, too."""
        try:
            code = self._process.wait()
        except BaseException:
            self._process.terminate()
            self._process.wait()
            raise
        if code:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            say("\n".join(lines[-_SHOWN_LINES:]))
            raise FlowRunFailed(self._flow, code, str(self._log))


def register_blocks(*, keep: bool) -> dict[str, str]:
    """Fill Prefect's blocks from this environment; returns what became of each. Raises UsageError or FlowRunFailed."""
    blocks: dict[str, str] = orjson.loads(_run("register", {"keep": keep}))
    return blocks


def ensure_pool(name: str, *, python: str | None) -> None:
    """Have the work pool; `python` where all its workers are on this machine. Raises UsageError or FlowRunFailed."""
    _run("pool", {"name": name, "python": python})


def _run(name: str, parameters: dict[str, Any]) -> bytes:
    command = [sys.executable, "-m", "flows", name]
    done = subprocess.run(command, input=orjson.dumps(parameters), capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-_SHOWN_LINES:]
        if done.returncode == _REFUSED:
            raise UsageError(said[-1].removeprefix("batchgen: "))
        say("\n".join(said))
        raise FlowRunFailed(name, done.returncode, "above")
    return done.stdout


def generate(services: Services, wanted: JobRequest, *, wait: bool) -> str:
    """Record a job here, so that bad input is told at once, and run its flow; returns the job's id."""
    job = patiently(lambda: services.processor.create_job(wanted), services.settings.poll_interval_s)
    say(f"Job {job.job_id}: {job.records:,} records in {len(job.batch_ids)} batches, model {job.model}.")
    with job_progress(services, job.job_id):
        if wait:
            FlowRun(services.settings, "generate", parameters(wanted, job.job_id)).wait()
        else:
            FlowRun(services.settings, "submit", {"job_id": job.job_id}).wait()
    return job.job_id


def parameters(wanted: JobRequest, job_id: str) -> dict[str, Any]:
    """The parameters of the flow generate for this job."""
    fields = dataclasses.asdict(wanted)
    fields["job"] = job_id
    del fields["name"]
    cap = fields.pop("max_cost_usd")
    fields["max_cost"] = None if cap is None else str(cap)
    return fields
