"""The nouns: what a prompt sends, what a batch adds up to, and that both outlive a trip through JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from batch_examples import example_batch, example_iteration, example_job
from pydantic import ValidationError

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch, Decision, Endpoint, Job, ProcessedBatchData, Prompt, StoredObject, Usage

MESSAGES = [{"role": "user", "content": "Zeile 1\nZeile 2 \u2028 ü"}]
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
RESULT = StoredObject(key="batch/p/b/r.jsonl", url="https://x/r", size=1, sha256="0", content_type="text/plain")


def request_of(prompt: Prompt, endpoint: Endpoint) -> dict[str, Any]:
    line = prompt.line("job-0001:0", "gpt-4o-mini", endpoint)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    request: dict[str, Any] = orjson.loads(line)
    assert (request["custom_id"], request["method"], request["url"]) == ("job-0001:0", "POST", endpoint.value)
    assert request["body"].pop("model") == "gpt-4o-mini"
    body: dict[str, Any] = request["body"]
    return body


def test_a_chat_request_holds_the_messages_alone() -> None:
    assert request_of(Prompt(MESSAGES), Endpoint.CHAT) == {"messages": MESSAGES}


def test_a_responses_request_holds_the_messages_alone() -> None:
    assert request_of(Prompt(MESSAGES), Endpoint.RESPONSES) == {"input": MESSAGES}


def test_a_chat_request_with_a_schema_asks_for_strict_output() -> None:
    body = request_of(Prompt(MESSAGES, schema=SCHEMA, schema_name="facts", max_output_tokens=9), Endpoint.CHAT)
    form = {"type": "json_schema", "json_schema": {"name": "facts", "strict": True, "schema": SCHEMA}}
    assert body == {"messages": MESSAGES, "response_format": form, "max_completion_tokens": 9}


def test_a_responses_request_with_a_schema_asks_for_strict_output() -> None:
    body = request_of(Prompt(MESSAGES, schema=SCHEMA, schema_name="facts", max_output_tokens=9), Endpoint.RESPONSES)
    form = {"type": "json_schema", "name": "facts", "strict": True, "schema": SCHEMA}
    assert body == {"input": MESSAGES, "text": {"format": form}, "max_output_tokens": 9}


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_a_schema_that_is_json_already_makes_the_same_line(endpoint: Endpoint) -> None:
    ready = orjson.Fragment(orjson.dumps(SCHEMA))
    assert Prompt(MESSAGES, schema=ready).line("a:0", "m", endpoint) == Prompt(MESSAGES, schema=SCHEMA).line(
        "a:0", "m", endpoint
    )


def test_a_batch_adds_up_its_iterations() -> None:
    usage = Usage(input_tokens=10, cached_input_tokens=4, output_tokens=2)
    paid = [example_iteration(number, usage=usage, cost_usd=Decimal("0.1")) for number in (1, 2, 3)]
    batch = example_batch(iterations=tuple(paid))
    assert batch.usage == Usage(input_tokens=30, cached_input_tokens=12, output_tokens=6)
    assert batch.cost_usd == Decimal("0.3")


def test_records_are_pending_until_they_are_accepted_refused_or_failed() -> None:
    assert example_batch(records=10, accepted=4, refused=2, failed=1).pending == 3


def test_a_batch_names_every_openai_batch_oldest_first() -> None:
    first = example_iteration(1, former_openai_batch_ids=("batch_a", "batch_b"), openai_batch_id="batch_c")
    batch = example_batch(iterations=(first, example_iteration(2), example_iteration(3, openai_batch_id="batch_d")))
    assert batch.openai_batch_ids == ("batch_a", "batch_b", "batch_c", "batch_d")


def test_changing_the_current_iteration_leaves_the_others() -> None:
    batch = example_batch(iterations=(example_iteration(1), example_iteration(2)))
    changed = batch.with_current(send=1)
    assert [each.send for each in changed.iterations] == [0, 1]
    assert batch.current.send == 0


@pytest.mark.parametrize(
    ("status", "failures", "waits"),
    [
        ("PENDING", 0, False),
        ("PROCESSING", 0, False),
        ("PRE_COMPLETED", 0, False),
        ("FAILED", 3, False),
        ("FAILED", 4, True),
        ("READY_FOR_REVIEW", 0, True),
        ("EXHAUSTED", 0, True),
        ("COMPLETED", 0, True),
    ],
)
def test_which_batches_no_stage_moves_any_more(status: BatchStatus, failures: int, *, waits: bool) -> None:
    assert example_batch(status=BatchStatus(status), processing_failures=failures).needs_a_person is waits


def test_a_batch_tells_where_its_results_are() -> None:
    info = example_batch(objects=(RESULT,)).info()
    assert (info.batch_id, info.urls) == ("job-0001", ("https://x/r",))


def test_a_batch_comes_back_from_json_as_it_was() -> None:
    decided = Decision(
        action="approve", iteration=1, reviewer="ü", records=2, decided_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    )
    batch = example_batch(
        status=BatchStatus.COMPLETED,
        options={"columns": ["a", "b"], "deep": {"n": 1.5}},
        iterations=(example_iteration(cost_usd=Decimal("0.123456789012"), sent_at=decided.decided_at),),
        objects=(RESULT,),
        decisions=(decided,),
    )
    assert Batch.model_validate_json(batch.model_dump_json()) == batch


def test_a_job_comes_back_from_json_as_it_was() -> None:
    job = example_job([example_batch()])
    assert Job.model_validate_json(job.model_dump_json()) == job


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="unknown"):
        Batch.model_validate(example_batch().model_dump() | {"unknown": 1})


def test_the_processed_results_count_each_record_once() -> None:
    data = ProcessedBatchData(
        batch_id="b",
        ledger="1/processed",
        results_path=Path("r"),
        results_sha256="0",
        ledger_path=Path("l"),
        accepted=1,
        refused=2,
        failed=3,
        unresolved=4,
        most_tries=1,
        accepted_in={1: 5},
        reasons={},
        proof=None,
    )
    assert data.records == 10
