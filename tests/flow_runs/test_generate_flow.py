"""`flows.generate` as a plain Python call, with Prefect's own test server."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline import Pipeline, StartPipeline
from prefect.utilities.callables import parameter_schema

import flows
from batchgen.errors import MissingSetting
from batchgen.models import Batch
from batchgen.simulator import Answer
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
