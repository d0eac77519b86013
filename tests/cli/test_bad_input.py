"""Bad input: exit code 2, one clear line, nothing sent, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Outcome, Run
from pipeline import Pipeline


def refused(told: Outcome, code: str, *words: str) -> bool:
    """Exit code 2, the error's code in the document, and on stderr one line with these words."""
    [line] = [line for line in told.err.splitlines() if line.startswith("batchgen: ")]
    assert told.code == 2
    assert told.document["error"]["code"] == code
    return all(word in line for word in words)


@pytest.fixture(autouse=True)
def nothing_sent_or_left(configured: Pipeline) -> object:
    """Hold after each test: no job, no file at OpenAI, no object for a job, no working file."""
    yield
    sent = configured.simulator.control.requests()
    assert not sent.get("files.create")
    assert not sent.get("batches.create")
    assert configured.services.ids.jobs() == []
    work = configured.folder / "state" / "work"
    assert not work.exists() or not list(work.iterdir())


def generate(run: Run, source: object, *more: str, data_type: str = "prompt") -> Outcome:
    return run("generate", data_type, "--source", str(source), *more, "--json")


def test_a_source_that_does_not_exist(run: Run) -> None:
    assert refused(generate(run, "/nowhere/prompts.jsonl"), "source_not_found", "/nowhere/prompts.jsonl")


def test_an_empty_csv(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    assert refused(generate(run, tmp_path / "empty.csv"), "source_empty", "empty.csv")


def test_a_csv_with_a_header_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "header.csv").write_text("id,prompt\n")
    assert refused(generate(run, tmp_path / "header.csv"), "source_empty", "header.csv")


@pytest.mark.parametrize("encoding", ["utf-16-le", "latin-1"])
def test_a_csv_in_another_encoding(run: Run, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "other.csv").write_bytes("id,prompt\n1,Grüße\n".encode(encoding))
    assert refused(generate(run, tmp_path / "other.csv"), "source_unreadable", "UTF-8", "encoding=")


def test_a_broken_line_is_named_by_its_number(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.jsonl").write_text('{"prompt": "a"}\n{"prompt"\n')
    assert refused(generate(run, tmp_path / "broken.jsonl"), "bad_source_row", "line 2", "--skip-bad-rows")


def test_an_unknown_data_type(run: Run, configured: Pipeline) -> None:
    told = generate(run, configured.prompts(1), data_type="poem")
    assert refused(told, "unknown_data_type", "poem", "prompt", "product", "test_code")


def test_an_unknown_model(run: Run, configured: Pipeline) -> None:
    assert refused(generate(run, configured.prompts(1), "--model", "gpt-0"), "unknown_model", "gpt-0", "gpt-4o-mini")


def test_a_model_that_the_policy_does_not_allow(run: Run, configured: Pipeline) -> None:
    told = generate(run, configured.prompts(1), "--model", "o1")
    assert refused(
        told, "invalid_model", "Model o1 not allowed for service prompt; allowed: ", "gpt-4o-mini", "PREMIUM"
    )
    assert configured.simulator.control.requests() == {}


def test_a_file_of_policies_that_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BATCHGEN_MODEL_POLICIES", str(tmp_path / "nothing.yaml"))
    (tmp_path / "one.jsonl").write_text('{"prompt": "a"}\n')
    assert refused(generate(run, tmp_path / "one.jsonl"), "invalid_setting", "BATCHGEN_MODEL_POLICIES", "nothing.yaml")


def test_a_wrong_api_key(run: Run, configured: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-1234567890")
    told = generate(run, configured.prompts(1))
    assert refused(told, "access_denied", "OPENAI_API_KEY")
    assert "sk-wrong-1234567890" not in told.err + told.out


@pytest.mark.parametrize(
    ("variable", "address", "service"),
    [
        ("REDIS_URL", "redis://127.0.0.1:1/0", "Redis"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1", "S3"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1", "OpenAI"),
    ],
)
def test_a_server_that_cannot_be_reached(
    run: Run, configured: Pipeline, monkeypatch: pytest.MonkeyPatch, variable: str, address: str, service: str
) -> None:
    monkeypatch.setenv(variable, address)
    assert refused(generate(run, configured.prompts(1)), "unreachable", service, variable)


def test_a_bucket_that_does_not_exist(run: Run, configured: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHGEN_S3_BUCKET", "no-such-bucket")
    assert refused(generate(run, configured.prompts(1)), "bucket_missing", "no-such-bucket")


def test_wrong_s3_credentials(run: Run, configured: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert refused(generate(run, configured.prompts(1)), "access_denied", "AWS_SECRET_ACCESS_KEY")


def test_an_endpoint_without_a_bucket(run: Run, configured: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATCHGEN_S3_BUCKET")
    assert refused(generate(run, configured.prompts(1)), "missing_setting", "BATCHGEN_S3_BUCKET")


def test_a_base_url_without_a_key(run: Run, configured: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert refused(generate(run, configured.prompts(1)), "missing_setting", "OPENAI_API_KEY")


def test_an_option_of_the_command_line_that_does_not_exist(run: Run, configured: Pipeline) -> None:
    assert refused(generate(run, configured.prompts(1), "--colour"), "usage", "--colour", "--help")


def test_an_option_of_the_type_that_does_not_exist(run: Run, configured: Pipeline) -> None:
    assert refused(generate(run, configured.prompts(1), "--option", "tone=warm"), "invalid_option", "tone")


def test_a_setting_that_cannot_be(run: Run, configured: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCHGEN_POLL_INTERVAL_S", "often")
    assert refused(generate(run, configured.prompts(1)), "invalid_setting", "BATCHGEN_POLL_INTERVAL_S")


def test_an_unknown_batch(run: Run) -> None:
    assert refused(run("review", "nothing", "--approve", "--json"), "batch_not_found", "nothing")


def test_a_busy_server_is_waited_for(run: Run, configured: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchgen.openai_client.clients.MAX_RETRIES", 0)
    configured.simulator.control.fault("models", "error", status=503, times=2)
    told = generate(run, "/nowhere/prompts.jsonl")
    assert told.err.count("Waiting: ") == 2
    assert refused(told, "source_not_found")
