"""Flows on Prefect's own test server, one for this folder; deployed runs are executed in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness
from run_in_process import Deployments

from flows.check import check
from flows.job import job_flow
from flows.process import process
from flows.review import review
from flows.submit import submit


@pytest.fixture(scope="package", autouse=True)
def prefect_server() -> Iterator[str]:
    """The address of a Prefect server of this test process."""
    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield str(PREFECT_API_URL.value())


@pytest.fixture
def client(prefect_server: str) -> Iterator[SyncPrefectClient]:  # noqa: ARG001 - it must run
    with get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture
def deployments(client: SyncPrefectClient) -> Iterator[Deployments]:
    made = Deployments(client)
    for flow in (job_flow, submit, check, process, review):
        made.ids[flow.name] = client.create_deployment(
            client.create_flow(flow),
            flow.name,
            parameter_openapi_schema=flow.parameters.model_dump_for_openapi(),
            enforce_parameter_schema=True,
        )
    yield made
    for deployment in made.ids.values():
        client.delete_deployment(deployment)
