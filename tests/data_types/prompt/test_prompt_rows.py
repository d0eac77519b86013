from pathlib import Path
from typing import Any

import orjson
import pytest
from prompts import fetch, fetch_one, fetch_rows

from batchgen.data_types.contract import BadRow, Record

USER = {"role": "user", "content": "Hi"}
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def test_only_what_makes_the_request_is_kept(tmp_path: Path) -> None:
    assert fetch_one(tmp_path, {"id": "a", "prompt": "Hi", "note": "ignored"}) == Record("a", {"prompt": "Hi"})


def test_a_row_may_bring_messages_system_schema_and_a_limit(tmp_path: Path) -> None:
    row = {"messages": [USER], "system": "Be brief.", "schema": SCHEMA, "max_output_tokens": 20}
    assert fetch_one(tmp_path, row) == Record("1", row)


def test_a_csv_holds_messages_and_schema_as_json_text(tmp_path: Path) -> None:
    schema = orjson.dumps(SCHEMA).decode().replace('"', '""')
    content = (
        "Prompt,messages,schema,max_output_tokens\n"
        f',"[{{""role"": ""user"", ""content"": ""Hi""}}]","{schema}",20\n'
        '"Say ""ja"",\nplease 🐝",,,\n'
    )
    assert fetch(tmp_path, "prompts.csv", content) == [
        Record("1", {"messages": [USER], "schema": SCHEMA, "max_output_tokens": 20}),
        Record("2", {"prompt": 'Say "ja",\nplease 🐝'}),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({}, "it has neither prompt nor messages"),
        ({"prompt": " \n", "messages": None}, "it has neither prompt nor messages"),
        ({"prompt": 7}, "prompt: it is not text"),
        ({"prompt": "Hi", "messages": [USER]}, "it has both prompt and messages"),
        ({"messages": "[{]"}, "messages: it is not JSON"),
        ({"messages": []}, "messages: it is not a list of messages"),
        ({"messages": [USER, "Hi"]}, "messages: number 2 is not an object"),
        ({"messages": [{"role": "boss", "content": "Hi"}]}, "messages: number 1 has the role 'boss'"),
        ({"messages": [{"role": "user"}]}, "messages: number 1 has no content"),
        ({"prompt": "Hi", "system": ["x"]}, "system: it is not text"),
        ({"prompt": "Hi", "schema": "{"}, "schema: it is not JSON"),
        ({"prompt": "Hi", "schema": [1]}, "schema: it is not a JSON object"),
        ({"prompt": "Hi", "schema": {"type": "objekt"}}, "schema: it is not a JSON schema ($.type"),
        ({"prompt": "Hi", "schema": {"type": "object"}}, "schema: OpenAI refuses it in strict mode, at the top"),
        ({"prompt": "Hi", "schema": {"pattern": "("}}, "schema: it is not a JSON schema"),
        ({"prompt": "Hi", "schema": {"$ref": "https://example.com/x"}}, "schema: its $ref 'https://example.com/x'"),
        ({"prompt": "Hi", "schema": {"$ref": "#/$defs/none"}}, "points to nothing within it"),
        ({"prompt": "Hi", "max_output_tokens": 0}, "max_output_tokens: it is not a whole number above 0"),
        ({"prompt": "Hi", "max_output_tokens": "many"}, "max_output_tokens: it is not a whole number above 0"),
        ({"prompt": "Hi", "max_output_tokens": "inf"}, "max_output_tokens: it is not a whole number above 0"),
        ({"prompt": "Hi", "max_output_tokens": True}, "max_output_tokens: it is not a whole number above 0"),
    ],
)
def test_a_row_that_is_no_prompt_is_bad(row: dict[str, Any], problem: str, tmp_path: Path) -> None:
    good, bad = fetch_rows(tmp_path, {"id": "a", "prompt": "Hi"}, {"id": "b", **row})
    assert isinstance(good, Record)
    assert isinstance(bad, BadRow)
    assert (bad.record_id, bad.place) == ("b", "line 2")
    assert problem in bad.problem


def test_a_line_that_cannot_be_read_is_bad(tmp_path: Path) -> None:
    _, bad = fetch(tmp_path, "prompts.jsonl", '{"prompt": "Hi"}\n{"prompt"\n')
    assert isinstance(bad, BadRow)
    assert (bad.record_id, bad.place) == ("2", "line 2")


@pytest.mark.parametrize("limit", [200, "200", 200.0])
def test_a_limit_is_a_number_whatever_form_the_source_has_it_in(limit: object, tmp_path: Path) -> None:
    assert fetch_one(tmp_path, {"prompt": "Hi", "max_output_tokens": limit}).data["max_output_tokens"] == 200
