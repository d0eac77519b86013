"""Every fault that can be scripted, as a client meets it."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types import Batch

from batchgen.simulator.faults import KINDS

from .lab import CHAT, Lab, chat_line, chat_lines


def create(lab: Lab, client: OpenAI | None = None, **options: Any) -> Any:
    endpoint: Any = CHAT
    file_id = lab.upload(chat_lines(2))
    return (client or lab.client).batches.create(
        input_file_id=file_id, endpoint=endpoint, completion_window="24h", **options
    )


def test_a_lost_answer_to_create_leaves_the_batch(lab: Lab) -> None:
    lab.control.fault("batches.create", "drop_answer")
    with pytest.raises(openai.APIConnectionError):
        create(lab, metadata={"send": "1"})
    (batch,) = lab.client.batches.list().data
    assert batch.metadata == {"send": "1"}
    assert lab.ended(batch).status == "completed"
    assert lab.control.requests()["batches.create"] == {"total": 1, "dropped": 1}
    assert create(lab).id != batch.id


def test_an_answer_to_create_that_takes_too_long_leaves_the_batch(lab: Lab) -> None:
    lab.control.fault("batches.create", "drop_answer", seconds=0.5)
    with pytest.raises(openai.APITimeoutError):
        create(lab, lab.client.with_options(timeout=0.1))
    assert len(lab.client.batches.list().data) == 1


def test_a_lost_request_leaves_nothing(lab: Lab) -> None:
    lab.control.fault("batches.create", "drop_request")
    with pytest.raises(openai.APIConnectionError):
        create(lab)
    assert lab.client.batches.list().data == []


def test_a_lost_answer_to_an_upload_leaves_the_file(lab: Lab) -> None:
    lab.control.fault("files.create", "drop_answer")
    with pytest.raises(openai.APIConnectionError):
        lab.upload(chat_lines(1))
    assert len(lab.client.files.list().data) == 1


def test_a_batch_appears_in_the_list_with_delay(lab: Lab) -> None:
    lab.control.fault("batches.run", "hide", seconds=0.5)
    started = time.monotonic()
    hidden, shown = create(lab), create(lab)
    assert [item.id for item in lab.client.batches.list()] == [shown.id]
    assert lab.client.batches.retrieve(hidden.id).id == hidden.id
    while len(lab.client.batches.list().data) < 2:
        assert time.monotonic() < started + 10
    assert time.monotonic() >= started + 0.5


def test_all_new_batches_can_be_delayed_in_the_list(lab: Lab) -> None:
    lab.control.config(list_lag_seconds=60)
    create(lab)
    assert lab.client.batches.list().data == []


@pytest.mark.parametrize(("kind", "status"), [("expire", "expired"), ("cancel", "cancelled")])
def test_a_batch_ends_early_with_part_of_its_output(lab: Lab, kind: str, status: str) -> None:
    lab.control.fault("batches.run", kind, fraction=0.6)
    batch = lab.run(chat_lines(10))
    assert batch.status == status
    done, rest = lab.output(batch), lab.errors(batch)
    assert (len(done), len(rest)) == (6, 4)
    assert not {line["custom_id"] for line in done} & {line["custom_id"] for line in rest}
    assert {line["error"]["code"] for line in rest} == {f"batch_{status}"}
    assert lab.control.billing()["requests"] == 6


def test_a_batch_expires_before_it_answered_anything(lab: Lab) -> None:
    lab.control.fault("batches.run", "expire", fraction=0)
    batch = lab.run(chat_lines(4))
    assert (batch.status, batch.output_file_id, len(lab.errors(batch))) == ("expired", None, 4)


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing"])
def test_a_hanging_batch_stays_where_it_is(lab: Lab, status: str) -> None:
    lab.control.fault("batches.run", "hang", status=status)
    batch = lab.until(create(lab), lambda found: found.status == status)
    lab.run(chat_lines(50))
    assert lab.client.batches.retrieve(batch.id).status == status
    assert lab.client.batches.retrieve(batch.id).output_file_id is None


@pytest.mark.parametrize(("status", "answered"), [("validating", 0), ("in_progress", 1), ("finalizing", 2)])
def test_a_hanging_batch_can_be_cancelled(lab: Lab, status: str, answered: int) -> None:
    def hangs(found: Batch) -> bool:
        done = found.request_counts.completed if found.request_counts else 0
        return found.status == status and done == answered

    lab.control.fault("batches.run", "hang", status=status)
    batch = lab.until(create(lab), hangs)
    lab.client.batches.cancel(batch.id)
    batch = lab.ended(batch)
    assert batch.status == "cancelled"
    assert len(lab.output(batch)) == answered


def test_counts_can_be_wrong(lab: Lab) -> None:
    lab.control.fault("batches.run", "wrong_counts", completed=7, failed=1)
    batch = lab.run(chat_lines(3))
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 3, "completed": 7, "failed": 1}
    assert len(lab.output(batch)) == 3


def test_lines_can_be_duplicated_missing_and_unknown_at_once(lab: Lab) -> None:
    lab.control.fault("batches.run", "duplicate_lines", count=2)
    lab.control.fault("batches.run", "missing_lines", count=3)
    lab.control.fault("batches.run", "unknown_lines", count=1)
    batch = lab.run(chat_lines(10))
    ids = [line["custom_id"] for line in lab.output(batch)]
    known = [custom_id for custom_id in ids if custom_id.startswith("id-")]
    assert (len(known), len(set(known)), len(ids)) == (9, 7, 10)
    assert lab.control.billing()["requests"] == 10
    assert lab.control.billed_twice() == {}


def test_an_error_file_can_be_empty(lab: Lab) -> None:
    lab.control.fault("batches.run", "empty_error_file")
    lab.control.fault("requests", "answer", status=500, match={"custom_id": "^id-1$"})
    batch = lab.run(chat_lines(3))
    assert len(lab.output(batch)) == 2
    assert batch.error_file_id is not None
    assert lab.client.files.content(batch.error_file_id).read() == b""


def test_a_reset_download_breaks(lab: Lab) -> None:
    batch = lab.run(chat_lines(200))
    lab.control.fault("files.content", "truncate", fraction=0.5, ending="reset", match={"file": "output"})
    with pytest.raises(openai.APIConnectionError) as broken:
        lab.output(batch)
    assert isinstance(broken.value.__cause__, httpx2.ReadError)  # a reset, not merely an end
    assert len(lab.output(batch)) == 200


@pytest.mark.parametrize("at", ["line", "middle"])
def test_a_download_can_end_cleanly_but_short(lab: Lab, at: str) -> None:
    batch = lab.run(chat_lines(200))
    assert batch.output_file_id is not None
    lab.control.fault("files.content", "truncate", fraction=0.5, at=at, ending="clean")
    response = lab.client.files.with_raw_response.content(batch.output_file_id)
    assert "content-length" not in response.headers
    content = response.content
    whole = lab.client.files.content(batch.output_file_id).read()
    assert whole.startswith(content)
    assert 0.4 < len(content) / len(whole) <= 0.5
    assert content.endswith(b"\n") == (at == "line")


def test_a_download_can_be_empty(lab: Lab) -> None:
    batch = lab.run(chat_lines(2))
    lab.control.fault("files.content", "empty")
    assert lab.output(batch) == []
    assert len(lab.output(batch)) == 2


def test_a_429_says_when_to_come_back(lab: Lab) -> None:
    lab.control.fault("batches.retrieve", "error", status=429, retry_after=0.01, code="rate_limit_exceeded")
    batch = create(lab)
    with pytest.raises(openai.RateLimitError) as refused:
        lab.client.batches.retrieve(batch.id)
    assert refused.value.response.headers["retry-after"] == "0.01"
    assert refused.value.code == "rate_limit_exceeded"
    lab.control.fault("batches.retrieve", "error", status=429, retry_after=0.01)
    assert lab.client.with_options(max_retries=1).batches.retrieve(batch.id).id == batch.id


OPERATIONS: dict[str, Callable[[Lab, Any], Any]] = {
    "files.create": lambda lab, _: lab.upload([]),
    "files.list": lambda lab, _: lab.client.files.list(),
    "files.retrieve": lambda lab, batch: lab.client.files.retrieve(batch.input_file_id),
    "files.content": lambda lab, batch: lab.client.files.content(batch.input_file_id),
    "files.delete": lambda lab, batch: lab.client.files.delete(batch.input_file_id),
    "batches.create": lambda lab, _: create(lab),
    "batches.retrieve": lambda lab, batch: lab.client.batches.retrieve(batch.id),
    "batches.list": lambda lab, _: lab.client.batches.list(),
    "batches.cancel": lambda lab, batch: lab.client.batches.cancel(batch.id),
    "chat.completions": lambda lab, _: lab.client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "x"}]
    ),
    "responses": lambda lab, _: lab.client.responses.create(model="gpt-4o", input="x"),
    "embeddings": lambda lab, _: lab.client.embeddings.create(model="text-embedding-3-small", input="x"),
    "models": lambda lab, _: lab.client.models.list(),
}


def test_every_operation_can_fail() -> None:
    assert set(OPERATIONS) == set(KINDS["error"].operations)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_fails_once_and_works_again(lab: Lab, operation: str) -> None:
    lab.control.fault("batches.run", "hang")
    batch = create(lab)
    lab.control.fault(operation, "error", status=503)
    with pytest.raises(openai.InternalServerError):
        OPERATIONS[operation](lab, batch)
    OPERATIONS[operation](lab, batch)


def test_an_answer_can_be_slow(lab: Lab) -> None:
    lab.control.fault("models", "delay", seconds=0.3)
    started = time.monotonic()
    assert lab.client.models.list().data
    assert time.monotonic() - started >= 0.3


def test_a_scripted_validation_failure_names_its_line(lab: Lab) -> None:
    lab.control.fault("batches.run", "fail", code="invalid_json_line", message="broken", line=2, param="body")
    batch = lab.run(chat_lines(3))
    assert batch.status == "failed"
    assert batch.errors is not None
    (error,) = batch.errors.data or []
    assert (error.code, error.message, error.line, error.param) == ("invalid_json_line", "broken", 2, "body")


def test_a_model_over_its_token_limit_fails_at_validation(lab: Lab) -> None:
    lab.control.fault("batches.run", "hang")
    lab.control.config(enqueued_tokens={"gpt-4o-mini": 100}, validating_seconds=0.2)
    first = create(lab)
    batch = lab.run(chat_lines(2))
    assert batch.status == "failed"
    assert batch.errors is not None
    (error,) = batch.errors.data or []
    assert error.code == "token_limit_exceeded"
    assert "Limit: 100 enqueued tokens" in (error.message or "")
    lab.client.batches.cancel(first.id)
    lab.ended(first)
    assert lab.run(chat_lines(2)).status == "completed"


def test_a_model_over_its_token_limit_can_be_refused_at_once(lab: Lab) -> None:
    lab.control.fault("batches.run", "hang")
    lab.control.config(enqueued_tokens={"gpt-4o-mini": 100}, over_limit="429")
    create(lab)
    with pytest.raises(openai.RateLimitError) as refused:
        create(lab)
    assert refused.value.code == "token_limit_exceeded"
    assert len(lab.client.batches.list().data) == 1


def test_requests_are_matched_by_their_custom_id(lab: Lab) -> None:
    lab.control.fault("requests", "answer", text="chosen", match={"custom_id": "-[24]$"}, times="always")
    answers = lab.answers(lab.run(chat_lines(5)))
    assert {name for name, text in answers.items() if text == "chosen"} == {"id-2", "id-4"}


def test_faults_are_matched_by_model_and_metadata(lab: Lab) -> None:
    lab.control.fault("batches.create", "error", match={"model": "gpt-4o"})
    lab.control.fault("batches.create", "error", match={"metadata": {"batch": "b"}})
    create(lab, metadata={"batch": "a", "more": "x"})
    with pytest.raises(openai.InternalServerError):
        create(lab, metadata={"batch": "b", "more": "x"})
    with pytest.raises(openai.InternalServerError):
        lab.start([chat_line("x", model="gpt-4o")])


def test_skip_lets_the_first_ones_pass_and_times_ends_it(lab: Lab) -> None:
    lab.control.fault("models", "error", skip=1, times=2)
    failed = []
    for _ in range(5):
        try:
            lab.client.models.list()
            failed.append(False)
        except openai.InternalServerError:
            failed.append(True)
    assert failed == [False, True, True, False, False]
    (fault,) = lab.control.faults()
    assert fault["fired"] == 2
    lab.control.clear_faults()
    assert lab.control.faults() == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"operation": "models", "kind": "explode"}, "Unknown kind 'explode'; known are error"),
        ({"operation": "batches.run", "kind": "error"}, "needs an operation out of files.create"),
        ({"operation": "models", "kind": "error", "speed": 1}, "no option 'speed'; it has status"),
        ({"operation": "models", "kind": "error", "status": "bad"}, "cannot be 'bad'"),
        ({"operation": "models", "kind": "error", "match": {"color": 1}}, "keys out of model"),
        ({"operation": "models", "kind": "error", "match": {"custom_id": "("}}, "no regular expression"),
        ({"operation": "models", "kind": "error", "times": 0}, "'times'"),
        ({"operation": "models", "kind": "error", "skip": -1}, "'skip'"),
        ({"operation": "files.content", "kind": "truncate", "at": "nowhere"}, "'at' cannot be"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(lab: Lab, fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        lab.control.fault(**fault)
    assert lab.control.faults() == []
