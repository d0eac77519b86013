from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from products import MUG, body, options, schema

from batchgen.data_types import parse_options
from batchgen.data_types.contract import Feedback
from batchgen.data_types.product import PRODUCT
from batchgen.data_types.product.fields import KNOWN_FIELDS
from batchgen.errors import InvalidOption

OWN_FIELDS = [
    "title",
    {"name": "care", "type": "list", "max_items": 3, "max_length": 40, "description": "How to clean it."},
    {"name": "season", "choices": ["summer", "winter"], "required": False},
    {"name": "Weight (g)", "type": "number", "required": False},
    {"name": "_model", "type": "integer"},
    {"name": "schema", "type": "boolean"},
]


CLOSED = {"properties", "required", "additionalProperties"}


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema and every schema in it."""
    yield node
    for below in [*node.get("properties", {}).values(), *node.get("anyOf", []), *filter(None, [node.get("items")])]:
        yield from nodes(below)


def test_the_product_is_sent_as_a_json_object() -> None:
    data = {**MUG, "price": None, "note": "컵 ☕\n\"x\", 'y'"}
    sent = body(data)["messages"][1]
    assert sent["role"] == "user"
    assert orjson.loads(sent["content"]) == data
    assert "컵 ☕" in sent["content"]


def test_the_facts_the_source_has_come_first_in_the_schema() -> None:
    found = schema({"name": "Mug", "Price": "1", "sku": None})
    assert list(found["properties"])[:3] == ["Price", "sku", "title"]


def test_a_field_of_the_name_of_a_fact_is_the_fact() -> None:
    assert list(schema(MUG, facts="title", fields="title,category")["properties"]) == ["title", "category"]


@pytest.mark.parametrize("given", [{}, {"fields": OWN_FIELDS}, {"fields": list(KNOWN_FIELDS), "facts": []}])
def test_the_schema_is_strict_and_plain(given: dict[str, Any]) -> None:
    found = schema(MUG, **given)
    for node in nodes(found):
        assert node.keys() <= {"type", "anyOf", "items", "enum", "description", *CLOSED}
        if node.get("type") == "object":
            assert node["required"] == list(node["properties"])
            assert node["additionalProperties"] is False


def test_limits_are_told_in_words() -> None:
    care = schema(MUG, fields=OWN_FIELDS)["properties"]["care"]
    assert care["description"] == "How to clean it. (at most 3 items, at most 40 characters each)"


def test_language_tone_and_instructions_reach_the_model() -> None:
    system = body(MUG, language="Korean", tone="sober", instructions="No emoji.")["messages"][0]
    assert system["role"] == "system"
    assert all(words in system["content"] for words in ("Korean", "sober", "No emoji.", "sku, price, brand"))


def test_feedback_is_one_more_message() -> None:
    [*first, feedback] = body(MUG, Feedback("fact_changed", "price: it is 1"))["messages"]
    assert first == body(MUG)["messages"]
    assert "price: it is 1" in feedback["content"]


def test_stored_options_are_the_same_options() -> None:
    given = options(fields=OWN_FIELDS, facts="sku", language="Deutsch")
    assert options(**orjson.loads(orjson.dumps(given.model_dump(mode="json")))) == given


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("titel", "there is no field 'titel'; known: title"),
        ("title,title", "the field 'title' is named twice"),
        ("", "at least 1 item"),
        ([{"type": "text"}], "name"),
        ([{"name": "x", "type": "blob"}], "type"),
        ([{"name": "x", "max_lenght": 3}], "max_lenght"),
        ([{"name": "x", "type": "number", "max_length": 3}], "max_length has no meaning for the type number"),
        ('["title"', "it is not JSON"),
    ],
)
def test_fields_that_cannot_be_used_are_named(fields: object, problem: str) -> None:
    with pytest.raises(InvalidOption, match="fields") as raised:
        parse_options(PRODUCT, {"fields": fields})
    assert problem in raised.value.problem


def test_fields_can_be_written_as_json_on_a_command_line() -> None:
    assert [field.name for field in options(fields='["title", {"name": "care"}]').fields] == ["title", "care"]
