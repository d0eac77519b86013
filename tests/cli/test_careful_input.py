"""What people type by mistake decides, shows and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Run
from pipeline import Pipeline

from batchgen.lifecycle import BatchStatus


def test_two_decisions_at_once_are_none(configured: Pipeline, run: Run) -> None:
    batch = configured.run(configured.prompts(1))
    told = run("review", batch.batch_id, "--approve", "--reject", "--json")
    assert (told.code, told.document["error"]["code"]) == (2, "usage")
    assert configured.services.ids.get(batch.batch_id).status is BatchStatus.READY_FOR_REVIEW


def test_a_job_that_could_not_be_sent_is_told_as_recorded(configured: Pipeline, run: Run) -> None:
    configured.simulator.control.fault("batches.create", "error", status=401, message="no", times="always")
    told = run("generate", "prompt", "--source", configured.prompts(1), "--job", "mine", "--no-wait", "--json")
    assert (told.code, told.document["job_id"], told.document["status"]) == (1, "mine", "PENDING")
    assert "mine-0001 stays PENDING" in told.err


@pytest.mark.parametrize("end", ["\r", "\n", " "])
def test_a_key_with_a_line_end_works(configured: Pipeline, run: Run, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test" + end)
    assert run("generate", "prompt", "--source", configured.prompts(1), "--approve", "--json").code == 0


@pytest.mark.usefixtures("configured")
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-geh\u00e4im")
    told = run("status", "--json")
    assert (told.code, told.document["error"]["code"]) == (2, "invalid_setting")
    assert "sk-geh" not in told.out + told.err


def test_record_ids_are_read_as_they_are(configured: Pipeline, run: Run, tmp_path: Path) -> None:
    rows = [{"id": name, "prompt": "Say it."} for name in ("a b", " c", "d\u2028e")]
    batch = configured.run(configured.source(rows))
    (tmp_path / "items").write_bytes(b"\xef\xbb\xbfa b\r\n c\n" + "d\u2028e\n\n".encode())
    told = run("review", batch.batch_id, "--reject", "--items", str(tmp_path / "items"), "--json")
    assert (told.document["refused"], told.document["accepted"]) == (3, 0)


def test_an_argument_that_is_not_text_is_refused(run: Run) -> None:
    told = run("estimate", "prompt", "--source", "/tmp/\udcff.jsonl", "--json")  # noqa: S108 - never opened
    assert (told.code, told.document["error"]["code"]) == (2, "usage")


def test_data_nested_too_deeply_is_a_bad_row(configured: Pipeline, run: Run) -> None:
    path = configured.folder / "deep.jsonl"
    line = '{"id": "deep", "messages": [{"role": "user", "content": ' + "[" * 300 + "]" * 300 + "}]}"
    path.write_text(line + '\n{"id": "flat", "prompt": "Say it."}\n')
    told = run("generate", "prompt", "--source", str(path), "--json")
    assert (told.code, told.document["error"]["code"]) == (2, "bad_source_row")
