"""Deployed flows without a worker: their runs are executed in the tests' own process."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow


@dataclass
class Deployments:
    """Every flow deployed, without a worker: `go` does what one would do."""

    client: SyncPrefectClient
    ids: dict[str, UUID] = field(default_factory=dict)

    def start(self, flow: Flow[..., Any], **parameters: Any) -> FlowRun:
        """Create a run of a deployed flow."""
        return self.client.create_flow_run_from_deployment(self.ids[flow.name], parameters=parameters)

    def go(self, flow: Flow[..., Any], run: FlowRun | None = None, **parameters: Any) -> FlowRun:
        """Run it in this process until it ends or is suspended; returns it as it is then."""
        made = self.client.read_flow_run((run or self.start(flow, **parameters)).id)
        with suppress(Pause):
            run_flow(flow, flow_run=made, parameters=made.parameters, return_type="state")
        return self.client.read_flow_run(made.id)

    def runs(self, flow: Flow[..., Any]) -> list[FlowRun]:
        """All runs of a deployed flow."""
        wanted = FlowRunFilterDeploymentId(any_=[self.ids[flow.name]])
        return self.client.read_flow_runs(flow_run_filter=FlowRunFilter(deployment_id=wanted))

    def answer(self, run: FlowRun, **fields: Any) -> str:
        """Resume a suspended review with this form; returns ACCEPT or REJECT."""
        return self.client.resume_flow_run(run.id, run_input=fields).status.value
