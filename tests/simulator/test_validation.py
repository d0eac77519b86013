"""What OpenAI refuses, the simulator refuses: when a batch is made, when it is validated, and request by request."""

from typing import Any

import openai
import pytest

from .lab import CHAT, Lab, chat_line, chat_lines, request_line


def without(line: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != name}


GOOD = chat_line("good")
BAD_LINES: list[tuple[Any, str, str | None]] = [
    (b"{not json", "invalid_json_line", None),
    (b"[1]", "invalid_request", None),
    (without(GOOD, "custom_id"), "missing_required_parameter", "custom_id"),
    (without(GOOD, "body"), "missing_required_parameter", "body"),
    ({**GOOD, "body": "text"}, "missing_required_parameter", "body"),
    ({**GOOD, "custom_id": 7}, "invalid_custom_id", "custom_id"),
    ({**GOOD, "custom_id": ""}, "invalid_custom_id", "custom_id"),
    (GOOD, "duplicate_custom_id", "custom_id"),
    ({**GOOD, "custom_id": "x", "method": "GET"}, "invalid_method", "method"),
    ({**GOOD, "custom_id": "x", "url": "/v1/responses"}, "invalid_url", "url"),
    ({**GOOD, "custom_id": "x", "body": {"messages": []}}, "missing_required_parameter", "body.model"),
    (chat_line("x", model="gpt-imaginary"), "model_not_found", "body.model"),
    (chat_line("x", model="gpt-4o"), "mismatched_model", "body.model"),
]


@pytest.mark.parametrize(("bad", "code", "param"), BAD_LINES)
def test_one_invalid_line_fails_the_whole_batch_unbilled(lab: Lab, bad: Any, code: str, param: str | None) -> None:
    batch = lab.run([GOOD, chat_line("other"), bad, chat_line("last")])
    assert batch.status == "failed"
    assert batch.failed_at
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(error.code, error.line, error.param) for error in batch.errors.data] == [(code, 3, param)]
    assert batch.errors.data[0].message
    assert lab.control.billing()["requests"] == 0


def test_every_invalid_line_is_named_up_to_a_limit(lab: Lab) -> None:
    lab.control.config(max_errors=3)
    batch = lab.run([chat_line("same") for _ in range(9)])
    assert batch.errors is not None
    assert [error.line for error in batch.errors.data or []] == [2, 3, 4]


@pytest.mark.parametrize(("content", "code"), [(b"", "empty_file"), (b"\n\n", "empty_file")])
def test_an_empty_file_fails(lab: Lab, content: bytes, code: str) -> None:
    batch = lab.run([content])
    assert batch.errors is not None
    assert [error.code for error in batch.errors.data or []] == [code]


def test_blank_lines_are_harmless_only_at_the_end(lab: Lab) -> None:
    assert lab.run([GOOD, b"", b""]).status == "completed"
    batch = lab.run([GOOD, b"", chat_line("x"), chat_line("y")])
    assert batch.errors is not None
    assert [(error.code, error.line) for error in batch.errors.data or []] == [("invalid_json_line", 2)]


def test_too_many_requests_or_bytes_fail(lab: Lab) -> None:
    lab.control.config(max_requests=5)
    assert lab.run(chat_lines(5)).status == "completed"
    batch = lab.run(chat_lines(6))
    assert batch.errors is not None
    assert [error.code for error in batch.errors.data or []] == ["too_many_tasks"]
    lab.control.config(max_file_bytes=100)
    batch = lab.run(chat_lines(1))
    assert batch.errors is not None
    assert [error.code for error in batch.errors.data or []] == ["file_too_large"]


def test_the_known_models_can_be_set(lab: Lab) -> None:
    lab.control.config(models=["my-model"])
    assert lab.run([chat_line("a", model="my-model")]).status == "completed"
    assert lab.run([chat_line("a", model="gpt-4o-mini")]).status == "failed"


BAD_CREATES: list[tuple[dict[str, Any], str]] = [
    ({"completion_window": "1h"}, "24h"),
    ({"endpoint": "/v1/images"}, "endpoint|Supported values"),
    ({"input_file_id": "file-none"}, "No such File"),
    ({"metadata": {str(number): "x" for number in range(17)}}, "16"),
    ({"metadata": {"k" * 65: "x"}}, "64"),
    ({"metadata": {"k": "x" * 513}}, "512"),
    ({"metadata": {"k": 1}}, "string"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_CREATES)
def test_a_batch_that_cannot_be_made_is_refused_at_once(lab: Lab, changes: dict[str, Any], message: str) -> None:
    params: dict[str, Any] = {"input_file_id": lab.upload([GOOD]), "endpoint": CHAT, "completion_window": "24h"}
    with pytest.raises(openai.BadRequestError, match=message):
        lab.client.batches.create(**{**params, **changes})
    assert lab.client.batches.list().data == []


def test_metadata_at_its_limits_is_kept(lab: Lab) -> None:
    metadata = {f"{number:02}".ljust(64, "k"): "v" * 512 for number in range(16)}
    assert lab.run([GOOD], metadata=metadata).metadata == metadata


def test_only_files_for_batches_make_batches(lab: Lab) -> None:
    stored = lab.client.files.create(file=("a", b"x"), purpose="user_data")
    with pytest.raises(openai.BadRequestError, match="purpose"):
        lab.client.batches.create(input_file_id=stored.id, endpoint="/v1/embeddings", completion_window="24h")


def schema_format(schema: dict[str, Any], **changes: Any) -> dict[str, Any]:
    held = {"name": "answer", "strict": True, "schema": schema, **changes}
    return {"type": "json_schema", "json_schema": held}


TEXT = {"type": "string"}
CLOSED = {"type": "object", "properties": {"a": TEXT}, "required": ["a"], "additionalProperties": False}
BAD_BODIES: list[tuple[dict[str, Any], str, str]] = [
    ({"messages": None}, "messages", "Missing required parameter: 'messages'"),
    ({"messages": []}, "messages", "empty array"),
    ({"messages": ["hello"]}, "messages[0]", "expected an object"),
    ({"messages": [{"content": "x"}]}, "messages[0].role", "Missing"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "Supported values"),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "null"),
    ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type", "Missing"),
    ({"max_tokens": 0}, "max_tokens", "minimum"),
    ({"stream": True}, "stream", "Streaming is not supported"),
    ({"response_format": {"type": "xml"}}, "response_format.type", "Supported values"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "Missing"),
    ({"response_format": schema_format(CLOSED, name="two words")}, "response_format.json_schema.name", "pattern"),
    ({"response_format": schema_format({**CLOSED, "additionalProperties": True})}, "response_format", "to be false"),
    ({"response_format": schema_format({**CLOSED, "required": []})}, "response_format", "Missing 'a'"),
    ({"response_format": schema_format({"type": "array", "items": TEXT})}, "response_format", "got 'type: \"array\"'"),
    ({"response_format": schema_format({**CLOSED, "allOf": []})}, "response_format", "'allOf' is not permitted"),
    (
        {"response_format": schema_format({**CLOSED, "$defs": {"b": {"type": "object", "properties": {}}}})},
        "response_format",
        "('$defs', 'b')",
    ),
]


@pytest.mark.parametrize(("changes", "param", "message"), BAD_BODIES)
def test_a_bad_body_fails_alone_with_http_400(lab: Lab, changes: dict[str, Any], param: str, message: str) -> None:
    bad = chat_line("bad")
    bad["body"] |= changes
    batch = lab.run([GOOD, bad])
    assert batch.status == "completed"
    assert list(lab.answers(batch)) == ["good"]
    (failed,) = lab.errors(batch)
    assert failed["custom_id"] == "bad"
    assert failed["error"] is None
    assert failed["response"]["status_code"] == 400
    error = failed["response"]["body"]["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert message in error["message"]


def test_a_schema_that_is_not_strict_may_be_open(lab: Lab) -> None:
    line = chat_line("a", response_format=schema_format({"type": "object", "properties": {"a": TEXT}}, strict=False))
    assert list(lab.answers(lab.run([line]))) == ["a"]


BAD_RESPONSES: list[tuple[dict[str, Any], str | None]] = [
    ({"input": []}, "input"),
    ({"input": None}, "input"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"max_output_tokens": -1}, "max_output_tokens"),
    ({"text": {"format": {"type": "json_schema", "name": "a", "strict": True}}}, "text.format.schema"),
    ({"text": {"format": {"type": "json_schema", "name": "a", "strict": True, "schema": {}}}}, "text.format"),
]


@pytest.mark.parametrize(("changes", "param"), BAD_RESPONSES)
def test_a_bad_body_for_responses_fails_alone(lab: Lab, changes: dict[str, Any], param: str | None) -> None:
    body = {"model": "gpt-4.1", "input": "hello", **changes}
    batch = lab.run([request_line("a", "/v1/responses", **body)], endpoint="/v1/responses")
    assert batch.output_file_id is None
    (failed,) = lab.errors(batch)
    assert failed["response"]["body"]["error"]["param"] == param


def test_the_answer_outside_a_batch_is_refused_in_the_same_way(lab: Lab) -> None:
    with pytest.raises(openai.BadRequestError, match="empty array"):
        lab.client.chat.completions.create(model="gpt-4o-mini", messages=[])
    with pytest.raises(openai.BadRequestError, match="Streaming is not supported"):
        lab.client.responses.create(model="gpt-4o-mini", input="x", stream=True)
    with pytest.raises(openai.NotFoundError, match="does not exist") as refused:
        lab.client.responses.create(model="gpt-imaginary", input="x")
    assert refused.value.code == "model_not_found"
