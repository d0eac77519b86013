"""Batches from creation to their files, without faults."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from batchgen.simulator import Answer, AnswerRequest

from .lab import CHAT, Lab, chat_line, chat_lines, request_line, running


def test_every_request_is_answered_once_with_its_own_text(lab: Lab) -> None:
    batch = lab.run(chat_lines(300), metadata={"job": "a"})
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 300, "completed": 300, "failed": 0}
    answers = lab.answers(batch)
    assert set(answers) == {f"id-{number}" for number in range(300)}
    assert len(lab.output(batch)) == 300
    assert "Record 7" in answers["id-7"]
    assert len(set(answers.values())) == 300


def test_a_finished_batch_shows_its_history(lab: Lab) -> None:
    batch = lab.run(chat_lines(1), metadata={"job": "a"})
    assert (batch.endpoint, batch.completion_window, batch.metadata) == (CHAT, "24h", {"job": "a"})
    stamps = [batch.created_at, batch.in_progress_at, batch.finalizing_at, batch.completed_at]
    assert all(stamps)
    assert stamps == sorted(stamps, key=lambda stamp: stamp or 0)
    assert batch.expires_at == batch.created_at + 86_400
    assert batch.failed_at is batch.expired_at is batch.cancelled_at is None
    assert batch.error_file_id is None
    assert batch.usage is not None
    assert batch.usage.total_tokens == batch.usage.input_tokens + batch.usage.output_tokens > 0


def test_an_output_line_has_the_shape_of_the_batch_api(lab: Lab) -> None:
    (line,) = lab.output(lab.run([chat_line("a")]))
    assert set(line) == {"id", "custom_id", "response", "error"}
    assert line["id"].startswith("batch_req_")
    assert line["error"] is None
    assert line["response"]["status_code"] == 200
    assert line["response"]["request_id"]
    body = line["response"]["body"]
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["system_fingerprint"].startswith("fp_simulator")
    assert body["usage"]["prompt_tokens"] == len("Say something.") // 4 + 1


def test_ids_are_unique_over_lines_and_batches(lab: Lab) -> None:
    lines = [line for _ in range(2) for line in lab.output(lab.run(chat_lines(50)))]
    assert len({line["id"] for line in lines}) == 100
    assert len({line["response"]["body"]["id"] for line in lines}) == 100


def test_output_lines_come_in_another_order_than_the_input(lab: Lab) -> None:
    asked = [f"id-{number}" for number in range(100)]
    shuffled = [line["custom_id"] for line in lab.output(lab.run(chat_lines(100)))]
    assert sorted(shuffled) == sorted(asked) != shuffled
    lab.control.config(shuffle=False)
    assert [line["custom_id"] for line in lab.output(lab.run(chat_lines(100)))] == asked


def test_the_order_depends_on_the_seed_alone(lab: Lab) -> None:
    orders = []
    for seed in (1, 1, 2):
        lab.control.reset()
        lab.control.config(seed=seed)
        orders.append([line["custom_id"] for line in lab.output(lab.run(chat_lines(100)))])
    assert orders[0] == orders[1] != orders[2]


def test_progress_shows_while_a_batch_runs(lab: Lab) -> None:
    lab.control.config(batch_seconds=1.0)
    batch = lab.start(chat_lines(200))
    halfway = lab.until(batch, lambda found: found.request_counts is not None and found.request_counts.completed > 0)
    assert halfway.status == "in_progress"
    assert halfway.request_counts is not None
    assert 0 < halfway.request_counts.completed < halfway.request_counts.total == 200
    assert halfway.output_file_id is None
    assert lab.ended(batch).status == "completed"


def test_the_input_file_may_be_deleted_while_the_batch_runs(lab: Lab) -> None:
    lab.control.config(validating_seconds=0.3)
    batch = lab.start(chat_lines(20))
    lab.client.files.delete(batch.input_file_id)
    assert len(lab.output(lab.ended(batch))) == 20


def test_two_batches_run_side_by_side(lab: Lab) -> None:
    lab.control.fault("batches.run", "slow", seconds=60)
    slow = lab.start(chat_lines(10))
    assert lab.run(chat_lines(10)).status == "completed"
    assert lab.client.batches.retrieve(slow.id).status == "in_progress"


def test_the_list_goes_from_new_to_old_in_pages(lab: Lab) -> None:
    made = [lab.run([chat_line("a")]).id for _ in range(5)]
    first = lab.client.batches.list(limit=2)
    assert [batch.id for batch in first.data] == made[:2:-1]
    assert first.has_more
    assert [batch.id for batch in first] == made[::-1]
    last = lab.client.batches.list(limit=2, after=made[1])
    assert [batch.id for batch in last.data] == made[:1]
    assert not last.has_more


def test_a_cancelled_batch_keeps_what_it_has(lab: Lab) -> None:
    lab.control.fault("batches.run", "hang", fraction=0.3)
    batch = lab.start(chat_lines(10))
    lab.until(batch, lambda found: found.request_counts is not None and found.request_counts.completed == 3)
    assert lab.client.batches.cancel(batch.id).status == "cancelling"
    batch = lab.ended(batch)
    assert batch.status == "cancelled"
    assert batch.cancelling_at
    assert batch.cancelled_at
    done, rest = lab.output(batch), lab.errors(batch)
    assert (len(done), len(rest)) == (3, 7)
    assert {line["custom_id"] for line in done + rest} == {f"id-{number}" for number in range(10)}
    assert all(line["response"] is None and line["error"]["code"] == "batch_cancelled" for line in rest)


def test_a_batch_cancelled_while_it_is_validated_has_no_files(lab: Lab) -> None:
    lab.control.config(validating_seconds=60)
    batch = lab.start(chat_lines(2))
    assert batch.status == "validating"
    lab.client.batches.cancel(batch.id)
    batch = lab.ended(batch)
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("cancelled", None, None)


def test_an_ended_batch_cannot_be_cancelled(lab: Lab) -> None:
    batch = lab.run(chat_lines(1))
    with pytest.raises(openai.ConflictError, match="Cannot cancel a batch with status 'completed'"):
        lab.client.batches.cancel(batch.id)


def test_a_batch_that_outlives_its_window_expires(lab: Lab) -> None:
    lab.control.config(window_seconds=0.3)
    lab.control.fault("batches.run", "hang", fraction=0.5)
    batch = lab.run(chat_lines(4))
    assert (batch.status, len(lab.output(batch)), len(lab.errors(batch))) == ("expired", 2, 2)
    assert batch.expired_at


@pytest.mark.parametrize(
    ("endpoint", "body", "kind"),
    [
        ("/v1/responses", {"model": "gpt-5-mini", "input": "hello"}, "response"),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "hello"}, "list"),
    ],
)
def test_other_endpoints_work_in_a_batch(lab: Lab, endpoint: str, body: dict[str, Any], kind: str) -> None:
    (line,) = lab.output(lab.run([request_line("a", endpoint, **body)], endpoint=endpoint))
    assert line["response"]["body"]["object"] == kind
    assert line["response"]["body"]["system_fingerprint"].startswith("fp_simulator")


def test_a_restart_goes_on_with_unfinished_batches(tmp_path: Path) -> None:
    with running(data_dir=tmp_path) as lab:
        finished = lab.run([chat_line("earlier")])
        lab.control.config(batch_seconds=30)
        batch = lab.start(chat_lines(500))
        lab.until(batch, lambda found: found.request_counts is not None and found.request_counts.completed > 0)
    with running(data_dir=tmp_path) as lab:
        assert lab.client.batches.retrieve(finished.id) == finished
        batch = lab.ended(batch)
        assert batch.status == "completed"
        assert sorted(lab.answers(batch)) == sorted(f"id-{number}" for number in range(500))
        assert lab.control.billed_twice() == {}
        assert lab.control.billing()["requests"] == 501
        assert [item.id for item in lab.client.batches.list()] == [batch.id, finished.id]


def test_a_restart_while_cancelling_keeps_what_was_answered(tmp_path: Path) -> None:
    with running(data_dir=tmp_path, config={"finalizing_seconds": 60}) as lab:
        lab.control.fault("batches.run", "hang", fraction=0.4)
        batch = lab.start(chat_lines(10))
        lab.until(batch, lambda found: found.request_counts is not None and found.request_counts.completed == 4)
        lab.client.batches.cancel(batch.id)
    with running(data_dir=tmp_path) as lab:
        batch = lab.ended(batch)
        assert (batch.status, len(lab.output(batch)), len(lab.errors(batch))) == ("cancelled", 4, 6)


def test_a_script_decides_every_answer() -> None:
    answers = {
        "plain": Answer("hello"),
        "refusal": Answer(refusal="I cannot help with that."),
        "length": Answer("cut", finish_reason="length"),
        "filter": Answer("", finish_reason="content_filter"),
        "http": Answer(status=429, error_code="rate_limit_exceeded", error_message="slow down"),
        "broken": Answer(error_code="request_timeout"),
        "string": Answer("inside", body_as_string=True),
        "own": Answer(body={"anything": 1}),
        "twice": Answer("again", duplicates=1),
        "gone": Answer("never seen", missing=True),
    }

    def script(request: AnswerRequest) -> Answer:
        assert request.custom_id is not None
        return answers[request.custom_id]

    with running(script=script) as lab:
        batch = lab.run([chat_line(name) for name in answers])
        found: dict[str, list[Any]] = {}
        for line in lab.output(batch):
            found.setdefault(line["custom_id"], []).append(line["response"]["body"])
        failed = {line["custom_id"]: line for line in lab.errors(batch)}
        billed = lab.control.billing()["batches"][0]
    assert found["plain"][0]["choices"][0]["message"]["content"] == "hello"
    assert found["refusal"][0]["choices"][0]["message"]["refusal"] == "I cannot help with that."
    assert found["refusal"][0]["choices"][0]["message"]["content"] is None
    assert found["length"][0]["choices"][0]["finish_reason"] == "length"
    assert found["filter"][0]["choices"][0]["finish_reason"] == "content_filter"
    assert json.loads(found["string"][0])["choices"][0]["message"]["content"] == "inside"
    assert found["own"] == [{"anything": 1}]
    assert len(found["twice"]) == 2
    assert "gone" not in found
    assert failed["http"]["error"] is None
    assert failed["http"]["response"]["status_code"] == 429
    assert failed["http"]["response"]["body"]["error"]["code"] == "rate_limit_exceeded"
    assert failed["broken"]["response"] is None
    assert failed["broken"]["error"]["code"] == "request_timeout"
    assert (billed["requests"], billed["failed"]) == (8, 2)


def test_a_script_knows_how_often_it_was_asked_even_after_a_restart(tmp_path: Path) -> None:
    def script(request: AnswerRequest) -> Answer:
        return Answer(f"attempt {request.attempt}") if request.attempt > 1 else Answer(status=500)

    with running(script=script, data_dir=tmp_path) as lab:
        first = lab.run([chat_line("a")])
        assert (first.status, first.output_file_id) == ("completed", None)
        assert len(lab.errors(first)) == 1
        assert lab.answers(lab.run([chat_line("a")])) == {"a": "attempt 2"}
    with running(script=script, data_dir=tmp_path) as lab:
        assert lab.answers(lab.run([chat_line("a")])) == {"a": "attempt 3"}


def test_a_broken_script_fails_its_request_alone() -> None:
    def script(request: AnswerRequest) -> Answer:
        if request.custom_id == "bad":
            raise RuntimeError("no idea")
        return Answer("fine")

    with running(script=script) as lab:
        batch = lab.run([chat_line("good"), chat_line("bad")])
        assert lab.answers(batch) == {"good": "fine"}
        (failed,) = lab.errors(batch)
    assert failed["response"]["status_code"] == 500
    assert "no idea" in failed["response"]["body"]["error"]["message"]
