"""Lines of output and error files as OpenAI and its likes write them: every one is an answer or a named failure."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.models import Endpoint
from batchgen.openai_client.answers import Answer, Failure, custom_id_of, read_line

CHAT, RESPONSES = Endpoint.CHAT, Endpoint.RESPONSES
CHAT_USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
RESPONSES_USAGE = {"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}}


def chat(message: Any, finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": CHAT_USAGE} | more


def responses(*parts: Any, **more: Any) -> dict[str, Any]:
    message = {"type": "message", "content": list(parts)}
    return {"output": [{"type": "reasoning"}, message], "usage": RESPONSES_USAGE} | more


def said(text: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": text}


def line(body: Any, status: Any = 200) -> bytes:
    return orjson.dumps({"custom_id": "b:1", "response": {"status_code": status, "body": body}, "error": None})


def failed(error: Any) -> bytes:
    return orjson.dumps({"custom_id": "b:1", "response": None, "error": error})


def answer(body: Any, endpoint: Endpoint, status: Any = 200) -> Answer:
    custom_id, found = read_line(line(body, status), endpoint)
    assert custom_id == "b:1"
    assert isinstance(found, Answer), found
    return found


def failure(content: bytes, endpoint: Endpoint = CHAT) -> Failure:
    _, found = read_line(content, endpoint)
    assert isinstance(found, Failure), found
    return found


@pytest.mark.parametrize(
    ("body", "endpoint"),
    [
        (chat({"content": "Hello"}), CHAT),
        (chat({"content": [{"type": "text", "text": "Hel"}, {"text": "lo"}, {"type": "image"}]}), CHAT),
        (chat({"content": "Hello", "refusal": None}, finish=None), CHAT),
        (orjson.dumps(chat({"content": "Hello"})).decode(), CHAT),
        (responses(said("Hello")), RESPONSES),
        (responses(said("Hel"), {"type": "other"}, said("lo")), RESPONSES),
        (responses(said("Hello"), incomplete_details=None), RESPONSES),
        (orjson.dumps(responses(said("Hello"))).decode(), RESPONSES),
    ],
)
def test_an_answer_is_read_in_all_its_forms(body: Any, endpoint: Endpoint) -> None:
    assert answer(body, endpoint) == Answer("Hello", None, "", 9, 4, 2, simulated=False)


@pytest.mark.parametrize(
    ("body", "endpoint", "problem"),
    [
        (chat({"content": None, "refusal": "I cannot."}), CHAT, "model_refusal"),
        (chat({"content": "Hel"}, "length"), CHAT, "truncated"),
        (chat({"content": "Hel"}, "content_filter"), CHAT, "content_filter"),
        (chat({"content": ""}), CHAT, "empty_answer"),
        (chat({}), CHAT, "empty_answer"),
        (chat({"content": {"a": 1}}), CHAT, "empty_answer"),
        (responses({"type": "refusal", "refusal": "I cannot."}), RESPONSES, "model_refusal"),
        (responses(said("H"), incomplete_details={"reason": "max_output_tokens"}), RESPONSES, "truncated"),
        (responses(said("H"), incomplete_details={"reason": "content_filter"}), RESPONSES, "content_filter"),
        (responses(), RESPONSES, "empty_answer"),
        ({"output": []}, RESPONSES, "empty_answer"),
    ],
)
def test_an_answer_that_cannot_be_judged_says_why(body: Any, endpoint: Endpoint, problem: str) -> None:
    found = answer(body, endpoint)
    assert found.problem == problem
    assert found.detail


def test_a_refusal_is_told_in_the_models_words() -> None:
    assert answer(chat({"refusal": "I cannot."}), CHAT).detail == "I cannot."
    assert answer(responses({"type": "refusal", "refusal": "I cannot."}), RESPONSES).detail == "I cannot."


@pytest.mark.parametrize(
    "usage",
    [None, {}, [], "many", {"prompt_tokens": None}, {"prompt_tokens": "9", "completion_tokens": -2}],
)
def test_missing_and_senseless_token_counts_are_none(usage: Any) -> None:
    found = answer(chat({"content": "Hello"}, usage=usage), CHAT)
    assert (found.input_tokens, found.cached_input_tokens, found.output_tokens) == (0, 0, 0)


@pytest.mark.parametrize("details", [None, {}, [], {"cached_tokens": None}, {"cached_tokens": 1.5}])
def test_missing_and_senseless_cached_counts_are_none(details: Any) -> None:
    found = answer(chat({"content": "x"}, usage={"prompt_tokens": 9, "prompt_tokens_details": details}), CHAT)
    assert (found.input_tokens, found.cached_input_tokens) == (9, 0)


@pytest.mark.parametrize(
    ("fingerprint", "simulated"), [("fp_simulator", True), ("fp_simulator_2", True), ("fp_1", False), (7, False)]
)
def test_simulated_answers_are_marked(fingerprint: Any, *, simulated: bool) -> None:
    assert answer(chat({"content": "x"}, system_fingerprint=fingerprint), CHAT).simulated is simulated


def test_a_missing_status_is_a_success() -> None:
    content = orjson.dumps({"custom_id": "b:1", "response": {"body": chat({"content": "Hello"})}})
    assert isinstance(read_line(content, CHAT)[1], Answer)


@pytest.mark.parametrize(
    ("content", "code", "own"),
    [
        (failed({"code": "batch_expired", "message": "late"}), "batch_expired", False),
        (failed({"code": "batch_cancelled", "message": "stopped"}), "batch_cancelled", False),
        (failed({"code": "request_timeout", "message": "slow"}), "request_timeout", False),
        (failed({"code": "server_error", "message": "oh"}), "server_error", True),
        (failed({"message": "oh"}), "request_failed", True),
        (failed({}), "request_failed", True),
        (failed(None), "no_response", True),
        (failed("oh"), "no_response", True),
        (line({"error": {"code": "invalid_value", "message": "bad"}}, 400), "invalid_value", True),
        (line({"error": {"message": "bad"}}, 400), "http_400", True),
        (line({"code": "invalid_value", "message": "bad"}, 400), "invalid_value", True),
        (line({}, 500), "http_500", True),
        (line({"error": {"code": "rate_limit_exceeded"}}, 429), "rate_limit_exceeded", False),
        (line("no JSON"), "unreadable_response", True),
        (line([1]), "unreadable_response", True),
        (line(None), "unreadable_response", True),
        (line({}), "unreadable_response", True),
        (line({"choices": []}), "unreadable_response", True),
        (line({"choices": [{"message": None}]}), "unreadable_response", True),
        (line({"choices": "none"}), "unreadable_response", True),
        (b"[1]", "unreadable_line", True),
        (b'{"custom_id": "b:1", "resp', "unreadable_line", True),
        (b"", "unreadable_line", True),
        (b'{"custom_id": "\xff"}', "unreadable_line", True),
        (b"[" * 100_000, "unreadable_line", True),
    ],
)
def test_a_failure_has_a_code_and_says_whether_it_counts_as_a_try(content: bytes, code: str, *, own: bool) -> None:
    found = failure(content)
    assert (found.code, found.own) == (code, own)


@pytest.mark.parametrize("body", [{}, {"output": None}, {"output": ["x"]}, {"output": [{"type": "message"}]}])
def test_a_responses_body_without_its_parts_is_unreadable(body: Any) -> None:
    assert failure(line(body), RESPONSES).code == "unreadable_response"


def test_a_failure_keeps_the_message() -> None:
    assert failure(failed({"code": "batch_expired", "message": "late"})).message == "late"
    assert failure(line({"error": {"message": "bad"}}, 400)).message == "bad"


@pytest.mark.parametrize(
    ("content", "custom_id"),
    [
        (line(chat({"content": "x"})), "b:1"),
        (b'{"custom_id" : "b:2"}', "b:2"),
        (b'{"response": {"custom_id": "inner"}, "custom_id": "b:3"}', "b:3"),
        (orjson.dumps({"custom_id": 'quoted "x"'}), 'quoted "x"'),
        (orjson.dumps({"custom_id": "b:4", "text": '"custom_id": "b:5"'}), "b:4"),
        (b'{"custom_id": 7}', None),
        (b"{}", None),
        (b"no JSON", None),
    ],
)
def test_the_id_of_a_line_is_found(content: bytes, custom_id: str | None) -> None:
    assert custom_id_of(content) == custom_id


KEYS = st.sampled_from(
    ["custom_id", "response", "error", "status_code", "body", "choices", "message", "content", "refusal", "usage",
     "finish_reason", "prompt_tokens", "prompt_tokens_details", "cached_tokens", "output", "type", "text", "code",
     "incomplete_details", "reason", "input_tokens", "system_fingerprint"]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-5, 600) | st.floats() | st.sampled_from(["message", "refusal", "x"])
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)


def check_line(content: bytes, endpoint: Endpoint) -> None:
    custom_id, found = read_line(content, endpoint)
    assert custom_id is None or isinstance(custom_id, str)
    if isinstance(found, Answer):
        assert isinstance(found.text, str)
        assert isinstance(found.detail, str)
        counts = (found.input_tokens, found.cached_input_tokens, found.output_tokens)
        assert all(type(count) is int and count >= 0 for count in counts)
    else:
        assert isinstance(found.code, str)
        assert isinstance(found.message, str)
    custom_id_of(content)


@given(JSON, st.sampled_from(Endpoint))
def test_no_json_line_is_too_odd(value: Any, endpoint: Endpoint) -> None:
    check_line(orjson.dumps(value), endpoint)


@given(JSON, JSON, JSON, st.sampled_from(Endpoint))
def test_no_body_is_too_odd(message: Any, usage: Any, finish: Any, endpoint: Endpoint) -> None:
    check_line(
        line(chat(message, usage=usage) | {"choices": [{"message": message, "finish_reason": finish}]}), endpoint
    )
    check_line(line(responses(message, usage=usage, incomplete_details=finish)), endpoint)


@given(st.binary(max_size=200), st.sampled_from(Endpoint))
def test_no_bytes_are_too_odd(content: bytes, endpoint: Endpoint) -> None:
    check_line(content, endpoint)
