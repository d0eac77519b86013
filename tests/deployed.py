"""A deployed installation for tests: what `batchgen up --worker` makes, on servers and in a folder of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import orjson
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from batchgen.local import EmbeddedStack
from batchgen.models import Batch
from batchgen.services import Services
from batchgen.settings import Settings

_POLL_S = 0.5
Found = TypeVar("Found")


@dataclass
class Deployed:
    """One installation: its servers, a worker, and every flow deployed."""

    state_dir: Path
    environment: dict[str, str]

    @property
    def stack(self) -> EmbeddedStack:
        return EmbeddedStack(self.state_dir)

    @property
    def ui(self) -> str:
        """Address of the Prefect UI."""
        return self.environment["PREFECT_API_URL"].removesuffix("/api")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`batchgen ...` as a person in a shell gives it."""
        return subprocess.run(
            [sys.executable, "-m", "batchgen.cli", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """A client of this installation's Prefect server."""
        with (
            temporary_settings({PREFECT_API_URL: self.environment["PREFECT_API_URL"]}),
            get_client(sync_client=True) as client,
        ):
            yield client

    @contextmanager
    def services(self) -> Iterator[Services]:
        """The connections that the command line uses."""
        with Services(Settings.model_validate(self.environment)) as services:
            yield services

    def prompts(self, count: int) -> str:
        """A source with so many prompts, ids p0, p1, ..."""
        path = self.state_dir / f"prompts-{secrets.token_hex(3)}.jsonl"
        rows = [{"id": f"p{number}", "prompt": f"Say {number}."} for number in range(count)]
        path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        return str(path)

    def start(self, deployment: str = "generate/generate", **parameters: Any) -> FlowRun:
        """Start a deployed flow, as Run in the UI does."""
        with self.client() as client:
            found = client.read_deployment_by_name(deployment)
            return client.create_flow_run_from_deployment(found.id, parameters=parameters)

    def run(self, run_id: UUID) -> FlowRun:
        """A flow run as it is now."""
        with self.client() as client:
            return client.read_flow_run(run_id)

    def reviews(self, job: str) -> list[FlowRun]:
        """The reviews of a job, whatever their state."""
        with self.client() as client:
            tags = FlowRunFilterTags(all_=["review", f"job:{job}"])
            return client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=tags))

    def open_review(self, job: str, iteration: int = 1) -> FlowRun:
        """The suspended review of a job's only batch, once it is there."""

        def suspended() -> FlowRun | None:
            found = (run for run in self.reviews(job) if run.parameters["iteration"] == iteration)
            return next((run for run in found if run.state_name == "Suspended"), None)

        return until(suspended, f"a review of {job}, iteration {iteration}")

    def resume(self, run: FlowRun, **answer: Any) -> str:
        """Answer a review as the UI does; returns what the server says: ACCEPT or REJECT."""
        with self.client() as client:
            said = client.resume_flow_run(run.id, run_input=answer)
            return said.status.value

    def batch(self, job: str) -> Batch:
        """The job's only batch."""
        with self.services() as services:
            (batch,) = services.ids.job_batches(job)
            return batch

    def deployments(self, *names: str) -> list[Any]:
        """The deployments of these names."""
        with self.client() as client:
            wanted = DeploymentFilter(name=DeploymentFilterName(any_=list(names)))
            return client.read_deployments(deployment_filter=wanted)


def until(found: Callable[[], Found | None], what: str, seconds: float = 180) -> Found:
    """What `found` returns once it is something; fails if it is nothing for so long."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"there is still not {what}"
        time.sleep(_POLL_S)
    return value


@contextmanager
def installation(state_dir: Path) -> Iterator[Deployed]:
    """An installation as a newcomer has it after `batchgen up --worker`, in this folder."""
    environment = {"BATCHGEN_STATE_DIR": str(state_dir), "BATCHGEN_ENV_FILE": ""}
    try:
        made = Deployed(state_dir, environment).command("up", "--worker", "--json")
        assert made.returncode == 0, made.stderr
        stack = EmbeddedStack(state_dir).find()
        assert stack is not None
        yield Deployed(state_dir, environment | stack.environment())
    finally:
        EmbeddedStack(state_dir).down()
