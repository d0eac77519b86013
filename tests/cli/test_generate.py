"""`batchgen generate` against servers named by the environment."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from command_line import Run
from pipeline import Pipeline

SUMMARY = {"job_id", "data_type", "status", "records", "accepted", "refused", "failed", "pending", "usage"} | {
    "cost_usd", "simulated", "batches",
}  # fmt: skip
BATCH = {"batch_id", "status", "iteration", "retry_count", "max_retries", "openai_batch_ids"} | {
    "records", "accepted", "refused", "failed", "objects",
}  # fmt: skip


def test_a_job_is_generated_approved_and_told_as_documented(configured: Pipeline, run: Run) -> None:
    told = run("generate", "prompt", "--source", configured.prompts(50), "--approve", "--json")
    assert told.code == 0
    document = told.document
    assert document.keys() >= SUMMARY
    assert document["batches"][0].keys() >= BATCH
    assert (document["status"], document["accepted"], document["pending"]) == ("COMPLETED", 50, 0)
    assert document["usage"].keys() >= {"input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"}
    assert document["simulated"] is True


def test_without_approval_it_ends_at_the_review_with_exit_code_1(configured: Pipeline, run: Run) -> None:
    told = run("generate", "prompt", "--source", configured.prompts(2), "--json")
    assert (told.code, told.document["status"]) == (1, "READY_FOR_REVIEW")


def test_no_wait_sends_and_advance_goes_on(configured: Pipeline, run: Run) -> None:
    sent = run("generate", "prompt", "--source", configured.prompts(2), "--job", "mine", "--no-wait", "--json")
    assert (sent.code, sent.document["status"]) == (1, "PROCESSING")
    assert run("advance", "--json").code == 0
    assert run("status", "mine", "--json").document["status"] == "READY_FOR_REVIEW"


def test_the_same_name_again_goes_on_and_pays_nothing(configured: Pipeline, run: Run) -> None:
    arguments = ("generate", "prompt", "--source", configured.prompts(2), "--job", "mine", "--approve", "--json")
    assert run(*arguments).code == 0
    assert run(*arguments).document["batches"][0]["iteration"] == 1
    assert len(configured.simulator.control.billing()["batches"]) == 1


def test_the_same_name_with_another_source_is_refused(configured: Pipeline, run: Run) -> None:
    run("generate", "prompt", "--source", configured.prompts(2), "--job", "mine", "--json")
    told = run("generate", "prompt", "--source", configured.prompts(3, "more.jsonl"), "--job", "mine", "--json")
    assert (told.code, told.document["error"]["code"]) == (2, "job_conflict")


def test_review_sends_named_records_back(configured: Pipeline, run: Run, tmp_path: Path) -> None:
    run("generate", "prompt", "--source", configured.prompts(3), "--job", "mine", "--json")
    (tmp_path / "items").write_text("p1\n")
    told = run("review", "mine-0001", "--retry", "--note", "shorter", "--items", str(tmp_path / "items"), "--json")
    assert (told.code, told.document["status"], told.document["pending"]) == (1, "PENDING", 1)
    run("advance", "--json")
    approved = run("review", "mine-0001", "--approve")
    assert (approved.code, "Decided: approve, 3 records." in approved.err) == (0, True)


def test_a_review_without_a_decision_decides_nothing(configured: Pipeline, run: Run) -> None:
    run("generate", "prompt", "--source", configured.prompts(1), "--job", "mine", "--json")
    assert run("review", "mine-0001", "--json").code == 2
    assert run("status", "mine", "--json").document["status"] == "READY_FOR_REVIEW"


def test_auto_takes_the_cheapest_model_that_can(configured: Pipeline, run: Run) -> None:
    told = run("generate", "prompt", "--source", configured.prompts(1), "--model", "auto", "--approve", "--json")
    assert (told.code, told.document["model"]) == (0, "gpt-6-luna")
    assert told.document["model_reason"].startswith("auto: the cheapest of")


def test_a_status_says_which_model_and_why(configured: Pipeline, run: Run) -> None:
    run("generate", "prompt", "--source", configured.prompts(1), "--job", "mine", "--json")
    told = run("status", "mine", "--json")
    assert (told.document["model"], told.document["model_reason"]) == ("gpt-4o-mini", "it is the default of prompt")
    assert "Model gpt-4o-mini: it is the default of prompt." in run("status", "mine").out


@pytest.mark.parametrize("arguments", [("estimate",), ("generate", "--dry-run")])
def test_an_estimate_counts_and_sends_nothing(configured: Pipeline, run: Run, arguments: tuple[str, ...]) -> None:
    command, *more = arguments
    told = run(command, "prompt", "--source", configured.prompts(10), *more, "--json")
    assert told.code == 0
    assert (told.document["records"], told.document["requests"], told.document["batches"]) == (10, 10, 1)
    assert told.document["input_tokens"] > 100
    assert configured.simulator.control.requests() == {}


def test_people_get_a_table_and_addresses(configured: Pipeline, run: Run) -> None:
    told = run("generate", "prompt", "--source", configured.prompts(2), "--job", "mine", "--approve")
    assert told.code == 0
    assert "COMPLETED" in told.out
    assert "/batch/prompt/mine-0001/results.jsonl" in told.out


def test_status_lists_batches_by_status(configured: Pipeline, run: Run) -> None:
    run("generate", "prompt", "--source", configured.prompts(1), "--job", "one", "--approve", "--json")
    run("generate", "prompt", "--source", configured.prompts(1), "--job", "two", "--json")
    told = run("status", "--status", "COMPLETED", "--json").document
    assert [batch["batch_id"] for batch in told["batches"]] == ["one-0001"]
    assert (told["counts"]["COMPLETED"], told["counts"]["READY_FOR_REVIEW"]) == (1, 1)


@pytest.mark.usefixtures("configured")
def test_doctor_tells_what_answers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("doctor", "--json").document["ok"] is True
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    told = run("doctor", "--json")
    assert told.code == 1
    assert [check["what"] for check in told.document["checks"] if not check["ok"]] == ["redis"]


def test_secrets_are_not_told(configured: Pipeline, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHGEN_LOG_LEVEL", "debug")
    told = run("generate", "prompt", "--source", configured.prompts(2), "--approve", "--json")
    secrets = [configured.environment[name] for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY")]
    password = configured.environment["REDIS_URL"].split("@")[0].rsplit(":", 1)[1]
    for secret in [*secrets, password]:
        assert secret not in told.out + told.err
    document = orjson.loads(told.out)
    manifest = configured.services.uploads.read(f"state/{document['batches'][0]['batch_id']}/manifest.json").decode()
    assert not [secret for secret in secrets if secret in manifest]
