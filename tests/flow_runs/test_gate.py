"""The gate: one suspended review for each batch that waits, and what its form does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pipeline import Pipeline
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled, Running
from run_in_process import Deployments

from batchgen.models import Batch
from batchgen.stages.decision import Action
from flows import gate
from flows.process import process
from flows.review import review


@pytest.fixture
def batch(configured: Pipeline) -> Batch:
    """A batch of three records that waits for its review."""
    return configured.run(configured.prompts(3))


@pytest.fixture
def waiting(batch: Batch, deployments: Deployments) -> FlowRun:  # noqa: ARG001 - the batch must wait
    """Its review, suspended."""
    deployments.go(process)
    (run,) = deployments.runs(review)
    return deployments.go(review, run)


def decided(configured: Pipeline, batch: Batch) -> Batch:
    return configured.services.ids.get(batch.batch_id)


def question(client: SyncPrefectClient, run: FlowRun) -> str:
    """What stands above the form."""
    assert run.state is not None
    keyset = run.state.state_details.run_input_keyset
    assert keyset is not None
    return str(client.read_flow_run_input(run.id, keyset["description"]))


def test_a_waiting_batch_gets_one_review_with_a_telling_name(batch: Batch, deployments: Deployments) -> None:
    deployments.go(process)
    deployments.go(process)
    (run,) = deployments.runs(review)
    assert run.name == f"prompt {batch.job_id}, batch 1: 3 of 3"
    assert {"review", "type:prompt", f"job:{batch.job_id}", f"batch:{batch.batch_id}"} <= set(run.tags)


def test_the_reviewer_sees_counts_links_and_samples(waiting: FlowRun, batch: Batch, client: SyncPrefectClient) -> None:
    above = question(client, waiting)
    assert "3 of 3 records accepted" in above
    assert all(stored.url in above for stored in batch.objects)
    of_the_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[waiting.id]))
    (report,) = client.read_artifacts(artifact_filter=of_the_run)
    assert "### p0" in str(report.data)
    assert "Say 0." in str(report.data)


def test_an_approval_completes_the_batch(
    waiting: FlowRun, batch: Batch, configured: Pipeline, deployments: Deployments
) -> None:
    assert waiting.state_name == "Suspended"
    assert deployments.answer(waiting, decision="approve", reviewer="Ada", note="fine") == "ACCEPT"
    assert deployments.go(review, waiting).state_name == "Completed"
    after = decided(configured, batch)
    assert after.status == "COMPLETED"
    assert [(each.reviewer, each.note) for each in after.decisions] == [("Ada", "fine")]


def test_a_form_that_is_not_right_decides_nothing(
    waiting: FlowRun, batch: Batch, configured: Pipeline, deployments: Deployments
) -> None:
    wrong: list[dict[str, Any]] = [
        {},
        {"reviewer": "Ada"},
        {"decision": "approve"},
        {"decision": "approve", "reviewer": " "},
        {"decision": "maybe", "reviewer": "Ada"},
        {"decision": "approve", "reviewer": "Ada", "unknown": 1},
        {"decision": "retry", "reviewer": "Ada", "records": "p1"},
    ]
    assert [deployments.answer(waiting, **form) for form in wrong] == ["REJECT"] * len(wrong)
    assert deployments.client.read_flow_run(waiting.id).state_name == "Suspended"
    assert decided(configured, batch).status == "READY_FOR_REVIEW"


def test_named_records_go_out_again_with_the_note_and_a_new_review_follows(
    waiting: FlowRun, batch: Batch, configured: Pipeline, deployments: Deployments
) -> None:
    deployments.answer(waiting, decision="retry", reviewer="Ada", note="Be brief.", records=["p0", "p2"])
    deployments.go(review, waiting)
    configured.services.advance(batch.job_id)
    sent = configured.requests_of(decided(configured, batch), 2)
    assert [len(sent), "Be brief." in str(sent[0]["body"])] == [2, True]
    deployments.go(process)
    names = {run.name: run.state_name for run in deployments.runs(review)}
    assert names == {
        f"prompt {batch.job_id}, batch 1: 3 of 3": "Completed",
        f"prompt {batch.job_id}, batch 1, iteration 2: 3 of 3": "Scheduled",
    }


def test_a_rule_names_the_records_that_are_rejected(
    waiting: FlowRun, batch: Batch, configured: Pipeline, deployments: Deployments
) -> None:
    deployments.answer(waiting, decision="reject", reviewer="Ada", where="record_id == 'p1'")
    assert deployments.go(review, waiting).state_name == "Completed"
    after = decided(configured, batch)
    assert (after.accepted, after.decisions[-1].where) == (2, "record_id == 'p1'")


def test_a_decision_that_cannot_be_carried_out_is_asked_again_with_the_reason(
    waiting: FlowRun, batch: Batch, configured: Pipeline, deployments: Deployments, client: SyncPrefectClient
) -> None:
    deployments.answer(waiting, decision="reject", reviewer="Ada", records=["p0", "nobody"])
    again = deployments.go(review, waiting)
    assert again.state_name == "Suspended"
    assert "it holds no records nobody" in question(client, again)
    assert decided(configured, batch).decisions == ()
    deployments.answer(again, decision="reject", reviewer="Ada", records=["p0"])
    assert deployments.go(review, again).state_name == "Completed"
    after = decided(configured, batch)
    assert (after.status, after.accepted, len(after.decisions)) == ("COMPLETED", 2, 1)


def test_an_answer_that_was_refused_once_is_not_carried_out_later(
    waiting: FlowRun, batch: Batch, configured: Pipeline, deployments: Deployments
) -> None:
    """The run starts from the top for its second question; the first answer must not count then."""
    deployments.answer(waiting, decision="retry", reviewer="Ada", records=["nobody"])
    again = deployments.go(review, waiting)
    deployments.answer(again, decision="approve", reviewer="Bob")
    deployments.go(review, again)
    assert [each.reviewer for each in decided(configured, batch).decisions] == ["Bob"]


def test_a_batch_decided_elsewhere_ends_its_review(
    waiting: FlowRun, batch: Batch, configured: Pipeline, deployments: Deployments
) -> None:
    configured.approve(batch)
    deployments.go(process)
    ended = deployments.client.read_flow_run(waiting.id)
    assert ended.state is not None
    assert (ended.state.name, ended.state.message) == ("Completed", "The batch was decided elsewhere.")


def test_an_answer_after_a_decision_elsewhere_changes_nothing(
    waiting: FlowRun, batch: Batch, configured: Pipeline, deployments: Deployments
) -> None:
    configured.approve(batch)
    assert deployments.answer(waiting, decision="reject", reviewer="Ada") == "ACCEPT"
    assert deployments.go(review, waiting).state_name == "Completed"
    after = decided(configured, batch)
    assert (after.status, [each.reviewer for each in after.decisions]) == ("COMPLETED", ["test"])


def test_an_answer_about_an_older_iteration_changes_nothing(
    waiting: FlowRun, batch: Batch, configured: Pipeline, deployments: Deployments
) -> None:
    configured.services.reviewer.decide(batch.batch_id, Action.RETRY, reviewer="test")
    configured.services.advance(batch.job_id)
    assert decided(configured, batch).iteration == 2
    deployments.answer(waiting, decision="approve", reviewer="Ada")
    deployments.go(review, waiting)
    assert decided(configured, batch).status == "READY_FOR_REVIEW"


def test_a_review_that_was_cancelled_is_opened_again(waiting: FlowRun, deployments: Deployments) -> None:
    deployments.client.set_flow_run_state(waiting.id, Cancelled(), force=True)
    deployments.go(process)
    assert sorted(run.state_name or "" for run in deployments.runs(review)) == ["Cancelled", "Scheduled"]


def test_a_review_whose_worker_was_lost_is_opened_again(
    waiting: FlowRun, deployments: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployments.client.set_flow_run_state(waiting.id, Running(), force=True)
    deployments.go(process)
    assert [run.state_name for run in deployments.runs(review)] == ["Running"]
    monkeypatch.setattr(gate, "_STUCK_AFTER", timedelta(0))
    deployments.go(process)
    assert sorted(run.state_name or "" for run in deployments.runs(review)) == ["Crashed", "Scheduled"]


def test_the_review_of_another_installation_is_left_alone(
    waiting: FlowRun, deployments: Deployments, configured: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    del configured
    monkeypatch.setenv("BATCHGEN_REDIS_PREFIX", "another")
    deployments.go(process)
    assert deployments.client.read_flow_run(waiting.id).state_name == "Suspended"


def test_reviews_that_keep_ending_are_not_opened_for_ever(
    batch: Batch, deployments: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    del batch
    monkeypatch.setattr(gate, "MOST_RUNS", 2)
    for _ in range(3):
        deployments.go(process)
        for run in deployments.runs(review):
            deployments.client.set_flow_run_state(run.id, Cancelled(), force=True)
    assert len(deployments.runs(review)) == 2
