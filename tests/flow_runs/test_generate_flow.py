"""`flows.generate` as a plain Python call, with Prefect's own test server."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from pipeline import Pipeline, StartPipeline
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey
from prefect.utilities.callables import parameter_schema

import flows
from batchgen.errors import MissingSetting
from batchgen.models import Batch
from batchgen.simulator import Answer
from flows.artifacts import artifact_key
from flows.job import job_flow
from flows.submit import submit_batch


def test_it_runs_to_completed_when_approved(configured: Pipeline) -> None:
    summary = flows.generate("prompt", configured.prompts(3), review="approve")
    assert (summary["status"], summary["accepted"]) == ("COMPLETED", 3)


def test_it_returns_with_the_review_open(configured: Pipeline) -> None:
    assert flows.generate("prompt", configured.prompts(3))["status"] == "READY_FOR_REVIEW"


def test_a_callback_may_send_back_and_then_approve(configured: Pipeline) -> None:
    seen: list[int] = []

    def reviewer(batch: Batch) -> flows.ReviewAnswer:
        seen.append(batch.iteration)
        return ("retry", "be brief") if batch.iteration == 1 else "approve"

    summary = flows.generate("prompt", configured.prompts(2), review=reviewer)
    assert seen == [1, 2]
    assert (summary["status"], summary["batches"][0]["iteration"]) == ("COMPLETED", 2)
    assert [decision["note"] for decision in summary["batches"][0]["decisions"]] == ["be brief", ""]


def test_a_callback_may_leave_it_open(configured: Pipeline) -> None:
    summary = flows.generate("prompt", configured.prompts(2), review=lambda _: None)
    assert summary["status"] == "READY_FOR_REVIEW"


def test_a_service_that_is_away_for_a_moment_is_tried_again(
    configured: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchgen.openai_client.clients.MAX_RETRIES", 0)
    monkeypatch.setattr(submit_batch, "retry_delay_seconds", 0)
    configured.simulator.control.fault("files.create", "error", status=503, times=2)
    assert flows.generate("prompt", configured.prompts(2))["accepted"] == 2
    assert configured.simulator.control.requests()["files.create"]["total"] == 3


def test_it_names_the_variable_that_is_missing() -> None:
    with pytest.raises(MissingSetting, match="REDIS_URL"):
        flows.generate("prompt", "prompts.jsonl")


def test_what_failed_is_sent_again(start_pipeline: StartPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = start_pipeline(lambda request: Answer("" if request.attempt == 1 else "fine"))
    for name, value in pipeline.environment.items():
        monkeypatch.setenv(name, value)
    summary = flows.generate("prompt", pipeline.prompts(2), review="approve")
    assert (summary["accepted"], summary["batches"][0]["iteration"]) == (2, 2)


def test_the_form_offers_the_declared_types_that_there_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shop_texts.yaml").write_text("half a decl", encoding="utf-8")
    (tmp_path / "Not a name.yaml").write_text("", encoding="utf-8")
    monkeypatch.setenv("BATCHGEN_TYPES_DIR", str(tmp_path))
    offered = parameter_schema(job_flow.fn).properties["data_type"]["enum"]
    assert offered == ["prompt", "product", "test_code", "csv_analysis", "shop_texts"]


def test_a_dry_run_sends_nothing_and_ends_with_the_figures(configured: Pipeline, client: SyncPrefectClient) -> None:
    told = flows.generate("prompt", configured.prompts(3), dry_run=True, max_output_tokens=100)
    assert (told["requests"], told["output_tokens_most"]) == (3, 300)
    assert configured.services.ids.jobs() == []
    assert configured.simulator.control.requests() == {}
    (shown,) = [each for each in client.read_artifacts() if (each.key or "").startswith("estimate-")]
    figures = {row["figure"]: row["value"] for row in orjson.loads(str(shown.data))}
    assert (figures["requests"], figures["most cost usd"]) == ("3", told["most_cost_usd"])


def test_a_job_shows_what_it_cost(configured: Pipeline, client: SyncPrefectClient) -> None:
    summary = flows.generate("prompt", configured.prompts(3), review="approve", max_output_tokens=100, max_cost=0.5)
    assert (summary["status"], summary["max_cost_usd"]) == ("COMPLETED", "0.5")
    key = ArtifactCollectionFilterKey(any_=[artifact_key("costs", summary["job_id"])])
    [shown] = client.read_latest_artifacts(artifact_filter=ArtifactCollectionFilter(key=key))
    [row] = orjson.loads(str(shown.data))
    assert (row["requests"], row["accepted"], row["reserved_usd"]) == (3, 3, "0")
    assert summary["cost_usd"] in row["cost_usd"]
    assert "% are saved" in (shown.description or "")
