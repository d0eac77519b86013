from typing import Any

import pytest
from prompts import options

from batchgen.data_types import parse_options
from batchgen.data_types.contract import Accepted, Record, Refused
from batchgen.data_types.prompt import PROMPT
from batchgen.errors import InvalidOption

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
OTHER = {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"], "additionalProperties": False}


def judge(text: str, own: dict[str, Any] | None = None, **given: Any) -> Accepted | Refused:
    data: dict[str, Any] = {"prompt": "Hi"} if own is None else {"prompt": "Hi", "schema": own}
    return PROMPT.result_strategy(options(**given)).judge(Record("1", data), text)


@pytest.mark.parametrize("text", ["Yes.", "{not json", " 한국어\n", '{"a": 1}'])
def test_without_a_schema_any_text_is_kept_as_it_came(text: str) -> None:
    assert judge(text) == Accepted(text)


@pytest.mark.parametrize("where", [{"own": SCHEMA}, {"schema": SCHEMA}])
def test_an_answer_that_holds_is_kept_as_text(where: dict[str, Any]) -> None:
    assert judge('{ "a": "x" }', **where) == Accepted('{ "a": "x" }')


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ('{"a": "x"', "invalid_json", "not JSON"),
        ("```json\n{}\n```", "invalid_json", "not JSON"),
        ('{"a": NaN}', "invalid_json", "not JSON"),
        ('{"a": 1}', "schema_violation", "$.a: 1 is not of type 'string'"),
        ("{}", "schema_violation", "$: 'a' is a required property"),
        ('{"a": "x", "b": 1}', "schema_violation", "'b' was unexpected"),
    ],
)
def test_an_answer_that_does_not_hold_is_refused(text: str, reason: str, detail: str) -> None:
    refused = judge(text, SCHEMA)
    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert detail in refused.detail


def test_the_rows_own_schema_comes_before_the_option() -> None:
    assert isinstance(judge('{"a": "x"}', SCHEMA, schema=OTHER), Accepted)


def test_a_long_answer_is_not_quoted_whole() -> None:
    refused = judge('{"a": ["' + "x" * 50_000 + '"]}', SCHEMA)
    assert isinstance(refused, Refused)
    assert len(refused.detail) < 500


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"$ref": "https://127.0.0.1:9/schema"}])
def test_a_schema_that_cannot_be_followed_refuses_and_asks_no_server(schema: dict[str, Any]) -> None:
    refused = judge("{}", schema)
    assert isinstance(refused, Refused)
    assert "cannot be followed" in refused.detail


@pytest.mark.parametrize("schema", ["{", "[]", {"type": "objekt"}, {"type": "object"}, {**SCHEMA, "required": []}])
def test_a_schema_that_is_none_is_no_option(schema: object) -> None:
    with pytest.raises(InvalidOption, match=r"schema: .*Known options: .*schema"):
        parse_options(PROMPT, {"schema": schema})
