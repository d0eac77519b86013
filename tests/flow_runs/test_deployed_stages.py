"""The stages as deployed flows: what they announce, show and order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from pipeline import Pipeline
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactCollectionFilter,
    ArtifactCollectionFilterKey,
    ArtifactFilter,
    ArtifactFilterKey,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import ArtifactCollection, FlowRun
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flows import load_flow_from_entrypoint
from run_in_process import Deployments
from waiting import wait_until

import flows
from batchgen.stages.intake import JobRequest
from flows.artifacts import artifact_key
from flows.check import check
from flows.events import KINDS
from flows.job import job_flow
from flows.process import process
from flows.submit import submit, submit_batch

Told = list[tuple[str, str]]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Told:
    """The events emitted so far, each with its label `batchgen.last`."""
    told: Told = []

    def emit(event: str, resource: dict[str, str], **_: object) -> None:
        assert resource["prefect.resource.id"].startswith("batchgen.batch.")
        told.append((event.removeprefix("batchgen.batch."), resource["batchgen.last"]))

    monkeypatch.setattr("flows.events.emit_event", emit)
    return told


def artifact(client: SyncPrefectClient, key: str) -> ArtifactCollection:
    wanted = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=[key]))
    (found,) = client.read_latest_artifacts(artifact_filter=wanted)
    return found


def jobs(configured: Pipeline, count: int) -> list[str]:
    """So many recorded jobs of two prompts each, not sent yet."""
    create = configured.services.processor.create_job
    source = configured.prompts(2)
    return [create(JobRequest("prompt", source)).job_id for _ in range(count)]


def statuses(configured: Pipeline, *job_ids: str) -> list[str]:
    return [batch.status.value for job_id in job_ids for batch in configured.services.ids.job_batches(job_id)]


async def log_of(run: FlowRun) -> str:
    async with get_client() as client:
        lines = await client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id])), limit=200)
    return "\n".join(line.message for line in lines)


def test_each_batch_is_announced_and_the_last_one_wakes_the_next_stage(
    configured: Pipeline, deployments: Deployments, events: Told
) -> None:
    jobs(configured, 3)
    deployments.go(submit)
    assert events == [("submitted", "false"), ("submitted", "false"), ("submitted", "true")]


def test_every_move_is_announced(configured: Pipeline, deployments: Deployments, events: Told) -> None:
    (job,) = jobs(configured, 1)
    configured.services.processor.submit(f"{job}-0001")
    while statuses(configured, job) == ["PROCESSING"]:
        deployments.go(check)
    deployments.go(process)
    assert [event for event, _ in events] == ["pre_completed", "ready_for_review"]


def test_a_plain_python_call_announces_nothing(configured: Pipeline, events: Told) -> None:
    flows.generate("prompt", configured.prompts(1))
    assert events == []


def test_a_deployed_generate_submits_and_ends(configured: Pipeline, deployments: Deployments, events: Told) -> None:
    run = deployments.go(job_flow, data_type="prompt", source=configured.prompts(2), job="catalogue")
    assert (run.state_name, run.name) == ("Completed", "generate prompt catalogue")
    assert {"job:catalogue", "type:prompt"} <= set(run.tags)
    assert statuses(configured, "catalogue") == ["PROCESSING"]
    assert events == [("submitted", "true")]


def test_a_run_without_a_job_name_is_called_after_its_source(configured: Pipeline, deployments: Deployments) -> None:
    run = deployments.go(job_flow, data_type="prompt", source=configured.prompts(1, "wishes.jsonl"))
    assert run.name == "generate prompt wishes.jsonl"


@pytest.mark.parametrize(
    "wrong",
    [
        {"data_type": "poem"},
        {"source": ""},
        {"limit": 0},
        {"max_retries": -1},
        {"job": "a b"},
        {"endpoint": "embeddings"},
        {"options": "none"},
        {"source": None},
    ],
)
def test_a_form_that_cannot_be_right_starts_nothing(wrong: dict[str, Any], deployments: Deployments) -> None:
    right = {"data_type": "prompt", "source": "prompts.jsonl"}
    with pytest.raises(PrefectHTTPStatusError, match="Validation failed"):
        deployments.start(job_flow, **(right | wrong))
    assert deployments.runs(job_flow) == []


@pytest.mark.parametrize("wrong", [{"source": "nowhere.jsonl"}, {"model": "gpt-none"}, {"surprise": "yes"}])
def test_what_only_the_run_can_tell_ends_it_before_anything_is_recorded(
    wrong: dict[str, Any], configured: Pipeline, deployments: Deployments
) -> None:
    right = {"data_type": "prompt", "source": configured.prompts(1)}
    run = deployments.go(job_flow, **(right | wrong))
    assert run.state is not None
    assert run.state.is_failed()
    assert next(iter(wrong.values())) in (run.state.message or "") or next(iter(wrong)) in (run.state.message or "")
    assert sum(configured.services.ids.counts().values()) == 0


def test_a_service_that_is_away_for_one_batch_does_not_hold_up_the_others(
    configured: Pipeline, deployments: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchgen.openai_client.clients.MAX_RETRIES", 0)
    monkeypatch.setattr(submit_batch, "retries", 0)
    both = jobs(configured, 2)
    configured.simulator.control.fault("files.create", "error", status=503, times=1)
    assert deployments.go(submit).state_name == "Failed"
    assert sorted(statuses(configured, *both)) == ["PENDING", "PROCESSING"]
    assert deployments.go(submit).state_name == "Completed"
    assert statuses(configured, *both) == ["PROCESSING", "PROCESSING"]


def test_a_check_orders_the_next_one_while_a_batch_is_at_openai(configured: Pipeline, deployments: Deployments) -> None:
    configured.simulator.control.fault("batches.run", "hang", fraction=0.5)
    (job,) = jobs(configured, 1)
    configured.services.processor.submit(f"{job}-0001")
    deployments.go(check)
    deployments.go(check)
    assert sorted(run.state_name or "" for run in deployments.runs(check)) == ["Completed", "Completed", "Scheduled"]


def test_no_check_is_ordered_when_openai_has_nothing(configured: Pipeline, deployments: Deployments) -> None:
    del configured
    deployments.go(check)
    assert [run.state_name for run in deployments.runs(check)] == ["Completed"]


def test_progress_at_openai_is_one_artifact_a_job_that_moves(
    configured: Pipeline, deployments: Deployments, client: SyncPrefectClient
) -> None:
    configured.simulator.control.fault("batches.run", "hang", fraction=0.5)
    (job,) = jobs(configured, 1)
    configured.services.processor.submit(f"{job}-0001")
    key = artifact_key("progress", job)
    deployments.go(check)
    while artifact(client, key).data != 50.0:
        deployments.go(check)
    assert "1 of 2 requests answered" in str(artifact(client, key).description)
    stored = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    assert len(stored) == 1


def test_the_table_of_a_job_tells_how_it_stands(
    configured: Pipeline, deployments: Deployments, client: SyncPrefectClient
) -> None:
    deployments.go(job_flow, data_type="prompt", source=configured.prompts(2), job="catalogue")
    configured.services.advance("catalogue")
    flows.generate("prompt", configured.prompts(2), job="catalogue", review="approve")
    table = artifact(client, "job-catalogue")
    (row,) = orjson.loads(str(table.data))
    assert (row["status"], row["accepted"], row["decisions"]) == ("COMPLETED", 2, "approve by python")
    assert all(stored.url in str(table.description) for stored in configured.services.ids.get(row["batch"]).objects)


def test_the_log_of_a_run_holds_the_events_of_the_stages(configured: Pipeline, deployments: Deployments) -> None:
    (job,) = jobs(configured, 1)
    run = deployments.go(submit)
    wait_until(lambda: "event=batch_submitted" in asyncio.run(log_of(run)))
    assert f"batch_id={job}-0001" in asyncio.run(log_of(run))


def deployed() -> list[dict[str, Any]]:
    document = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document["deployments"]
    return found


def test_every_flow_is_deployed_under_its_name() -> None:
    for deployment in deployed():
        loaded: Flow[..., Any] = load_flow_from_entrypoint(str(ROOT / deployment["entrypoint"]))
        assert loaded.name == deployment["name"]
    names = {deployment["name"] for deployment in deployed()}
    assert names == {"generate", "analyze_csv", "submit", "check", "process", "review"}


def test_every_trigger_waits_for_an_event_that_there_is() -> None:
    awaited = {
        event for deployment in deployed() for each in deployment.get("triggers", ()) for event in each["expect"]
    }
    assert awaited <= {f"batchgen.batch.{kind}" for kind in KINDS.values()}
    assert {"batchgen.batch.submitted", "batchgen.batch.pre_completed", "batchgen.batch.pending"} <= awaited


def test_artifact_keys_are_what_prefect_takes_and_differ_for_each_name() -> None:
    keys = [artifact_key("job", name) for name in ("a-b", "a.b", "A-b", "a_b")]
    assert keys[0] == "job-a-b"
    assert len(set(keys)) == len(keys)
