from typing import Any

import orjson
import pytest
from prompts import body, options

from batchgen.data_types.contract import DataType, Feedback, Record
from batchgen.data_types.prompt import PROMPT

USER = {"role": "user", "content": "Hi"}
SYSTEM = {"role": "system", "content": "Be brief."}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
EMPTY = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


@pytest.mark.parametrize(
    ("data", "given", "messages"),
    [
        ({"prompt": "Hi"}, {}, [USER]),
        ({"messages": [USER, USER]}, {}, [USER, USER]),
        ({"prompt": "Hi", "system": "Be brief."}, {}, [SYSTEM, USER]),
        ({"messages": [USER], "system": "Be brief."}, {"system": "Be long."}, [SYSTEM, USER]),
        ({"prompt": "Hi"}, {"system": "Be brief."}, [SYSTEM, USER]),
    ],
)
def test_the_messages_are_the_rows(data: dict[str, Any], given: dict[str, Any], messages: list[Any]) -> None:
    assert body(Record("1", data), **given)["messages"] == messages


def test_a_plain_row_asks_for_nothing_else() -> None:
    assert body(Record("1", {"prompt": "Hi"})).keys() == {"model", "messages"}


def test_the_rows_own_schema_and_limit_come_before_the_options() -> None:
    row = Record("1", {"prompt": "Hi", "schema": SCHEMA, "max_output_tokens": 20})
    sent = body(row, schema=EMPTY, max_output_tokens=99)
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert sent["max_completion_tokens"] == 20


@pytest.mark.parametrize("schema", [SCHEMA, orjson.dumps(EMPTY).decode()])
def test_the_options_schema_and_limit_hold_for_every_other_row(schema: object) -> None:
    sent = body(Record("1", {"prompt": "Hi"}), schema=schema, max_output_tokens="99")
    assert sent["response_format"]["json_schema"]["schema"]["type"] == "object"
    assert sent["max_completion_tokens"] == 99


def test_feedback_is_one_more_message_of_bounded_length() -> None:
    row = Record("1", {"messages": [USER]})
    sent = body(row, Feedback("schema_violation", "x" * 10_000))["messages"]
    assert sent[0] == USER
    assert sent[1]["role"] == "user"
    assert "schema_violation" in sent[1]["content"]
    assert len(sent[1]["content"]) == DataType.FEEDBACK_LIMIT
    assert row.data == {"messages": [USER]}


def test_short_feedback_is_told_whole() -> None:
    sent = body(Record("1", {"prompt": "Hi"}), Feedback("rejected_by_reviewer", "Shorter, please."))["messages"]
    assert "Shorter, please." in sent[1]["content"]


def test_stored_options_are_the_same_options() -> None:
    given = options(schema=SCHEMA, system="Be brief.", delimiter="tab")
    stored = given.model_dump(mode="json")
    assert stored["schema"] == SCHEMA
    assert options(**stored) == given


def test_the_prompts_of_a_batch_share_nothing_that_feedback_could_change() -> None:
    generator = PROMPT.prompt_generator(options(system="Be brief."))
    row = Record("1", {"prompt": "Hi"})
    generator.prompt(row, Feedback("r", "d"))
    assert len(generator.prompt(row).messages) == 2
