"""Runs flows for the command line: each in a process of its own, since Prefect lives in flows/ alone."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import orjson

from batchgen.cli.connections import patiently
from batchgen.cli.output import say
from batchgen.cli.progress import job_progress
from batchgen.errors import BatchgenError
from batchgen.services import Services
from batchgen.stages.intake import JobRequest


@dataclasses.dataclass(eq=False)
class FlowRunFailed(BatchgenError):
    """A flow's process ended with an error; its own words stand above."""

    code = "flow_run_failed"
    template = "The flow {flow} failed with exit code {exit_code}."
    remedy_template = "What is recorded is kept: batchgen status tells, batchgen advance goes on without Prefect."
    flow: str
    exit_code: int


class FlowRun:
    """A flow that runs in another process; its log goes to our stderr."""

    def __init__(self, flow: str, parameters: dict[str, Any]) -> None:
        """Start `python -m flows.<flow>` with its parameters on stdin."""
        self._flow = flow
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"flows.{flow}"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        if self._process.stdin is None:
            raise AssertionError("the process was started with a pipe")
        self._process.stdin.write(orjson.dumps(parameters))
        self._process.stdin.close()

    def wait(self) -> None:
        """Wait for its end; raises FlowRunFailed. An interrupt ends it, too."""
        try:
            code = self._process.wait()
        except BaseException:
            self._process.terminate()
            self._process.wait()
            raise
        if code:
            raise FlowRunFailed(self._flow, code)


def generate(services: Services, wanted: JobRequest, *, wait: bool) -> str:
    """Record a job here, so that bad input is told at once, and run its flow; returns the job's id."""
    job = patiently(lambda: services.processor.create_job(wanted), services.settings.poll_interval_s)
    say(f"Job {job.job_id}: {job.records:,} records in {len(job.batch_ids)} batches, model {job.model}.")
    with job_progress(services, job.job_id):
        FlowRun("job", parameters(wanted, job.job_id, wait=wait)).wait()
    return job.job_id


def parameters(wanted: JobRequest, job_id: str, *, wait: bool) -> dict[str, Any]:
    """The parameters of the flow generate for this job."""
    fields = dataclasses.asdict(wanted)
    fields["job"] = job_id
    del fields["name"]
    return fields | {"wait": wait}
