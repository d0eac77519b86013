from typing import Any

import pytest
from products import ANSWER, MUG, judge

from batchgen.data_types.contract import Accepted, Refused


def refusal(answer: dict[str, Any] | str, data: dict[str, Any] | None = None, **given: Any) -> Refused:
    refused = judge(answer, data, **given)
    assert isinstance(refused, Refused), refused
    return refused


def test_a_good_answer_is_accepted_as_an_object() -> None:
    assert judge(ANSWER) == Accepted(ANSWER)


@pytest.mark.parametrize("text", ["", "{", "```json\n{}\n```", '{"sku": NaN}', '{"sku": "\\ud800"}'])
def test_what_is_no_json_is_refused(text: str) -> None:
    assert refusal(text).reason == "invalid_json"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": 7}, "title"),
        ({"title": None}, "title"),
        ({"title": "x" * 151}, "title"),
        ({"bullet_points": "one"}, "bullet_points"),
        ({"bullet_points": ["x" * 301]}, "bullet_points.0"),
        ({"seo_keywords": ["x"] * 21}, "seo_keywords"),
        ({"attributes": [{"name": "color"}]}, "attributes.0.value"),
        ({"attributes": {"color": "sand"}}, "attributes"),
        ({"price": ["14.90"]}, "price"),
        ({"extra": "x"}, "extra"),
    ],
)
def test_what_breaks_the_schema_is_refused_by_the_fields_name(change: dict[str, Any], field: str) -> None:
    refused = refusal({**ANSWER, **change})
    assert refused.reason == "schema_violation"
    assert refused.detail.startswith(field)


@pytest.mark.parametrize("field", list(ANSWER))
def test_every_field_must_be_there(field: str) -> None:
    refused = refusal({name: value for name, value in ANSWER.items() if name != field})
    assert (refused.reason, refused.detail) == ("schema_violation", f"{field}: Field required")


def test_not_every_fault_of_a_hopeless_answer_is_told() -> None:
    assert refusal("{}").detail.endswith("and 4 more")


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("14.90", "14.9"),
        ("14.90", 14.9),
        (14.9, "14.90"),
        (20, 20.0),
        (1e22, "10000000000000000000000"),
        (" Hafen ", "Hafen"),
        ("Cafe\u0301", "Café"),
        (None, None),
        (None, ""),
        (True, True),
    ],
)
def test_a_fact_is_kept_as_it_stands_in_the_source(given: Any, answered: Any) -> None:
    accepted = judge({**ANSWER, "price": answered}, {**MUG, "price": given})
    assert isinstance(accepted, Accepted)
    assert accepted.output["price"] == given
    assert type(accepted.output["price"]) is type(given)


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("14.90", "14.99"),
        ("14.90", "14.90 EUR"),
        ("14.90", None),
        (None, "14.90"),
        ("007", 7),
        ("Hafen", "hafen"),
        ("1e3", "1000"),
        (1, True),
    ],
)
def test_a_changed_fact_is_refused(given: Any, answered: Any) -> None:
    refused = refusal({**ANSWER, "price": answered}, {**MUG, "price": given})
    assert refused.reason == "fact_changed"
    assert refused.detail.startswith("price: ")


def test_the_facts_can_be_chosen() -> None:
    accepted = judge({"name": MUG["name"], "title": "Mug"}, facts="name", fields="title")
    assert accepted == Accepted({"name": MUG["name"], "title": "Mug"})


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"description": " \n"},
        {"bullet_points": []},
        {"bullet_points": ["a", " "]},
        {"attributes": [{"name": "color", "value": ""}]},
    ],
)
def test_an_empty_text_is_refused(change: dict[str, Any]) -> None:
    refused = refusal({**ANSWER, **change})
    assert refused.reason == "empty_field"
    assert refused.detail.startswith(next(iter(change)))


def test_a_number_too_large_to_be_stored_is_refused() -> None:
    fields = [{"name": "stock", "type": "integer"}]
    assert refusal('{"stock": 100000000000000000000}', {"name": "x"}, fields=fields).reason == "schema_violation"


def test_a_product_may_have_no_attributes() -> None:
    assert isinstance(judge({**ANSWER, "attributes": []}), Accepted)


def test_what_is_not_required_may_be_empty() -> None:
    fields = [{"name": "season", "choices": ["summer", "winter"], "required": False}, {"name": "n", "type": "number"}]
    assert isinstance(judge({"season": None, "n": 0}, {"name": "x"}, fields=fields), Accepted)
    assert refusal({"season": "autumn", "n": 0}, {"name": "x"}, fields=fields).reason == "schema_violation"
