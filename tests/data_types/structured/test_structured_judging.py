"""Each kind of defect that is planted into a valid answer is refused for its reason, and no valid answer is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from batchgen.data_types.contract import Accepted, Refused
from batchgen.data_types.strict_schema import strict_problem
from batchgen.data_types.structured.answer import AnswerForm
from batchgen.data_types.structured.fields import FieldSpec, FieldType
from batchgen.data_types.structured.judging import REASONS, judge_structured
from batchgen.data_types.structured.language import is_in_language, language_code
from batchgen.data_types.structured.rules import Rules

ROW: dict[str, Any] = {
    "sku": "K-1",
    "price": 1250,
    "name": "Mug Morning",
    "note": "A heavy mug of stoneware, made by hand in a small village by the sea.",
}
SPECS = (
    FieldSpec(name="title", max_length=60),
    FieldSpec(name="description", min_length=40, max_length=300, language="German"),
    FieldSpec(name="tags", type=FieldType.LIST, min_items=2, max_items=4),
    FieldSpec(name="size", choices=("small", "large")),
    FieldSpec(name="weight", type=FieldType.NUMBER, required=False),
)
RULES = Rules(
    forbidden=("best price", "/gar+antiert/"),
    numbers_from_source=("description",),
    mentions={"title": ("name",)},
    not_copied=("description", "title"),
)
FORM = AnswerForm(("sku", "price"), SPECS)
GOOD: dict[str, Any] = {
    "sku": "K-1",
    "price": 1250.0,
    "title": "mug  morning, stoneware",
    "description": "Ein schwerer Becher aus Steinzeug, von Hand gemacht, für 1.250 Euro und ruhige Morgen am Meer.",
    "tags": ["Becher", "Steinzeug"],
    "size": "large",
    "weight": None,
}


def judge(answer: dict[str, Any] | str) -> Accepted | Refused:
    return judge_structured(FORM, answer if isinstance(answer, str) else orjson.dumps(answer).decode(), ROW, RULES)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"weight": 1.5},
        {"tags": ["a", "b", "c", "d"]},
        {"title": "MUG MORNING"},
        {"description": GOOD["description"].replace("1.250", "1250,00")},
        {"title": "Mug Morning at a best-priced shop"},
    ],
)
def test_a_valid_answer_is_accepted_with_the_sources_facts(changes: dict[str, Any]) -> None:
    verdict = judge(GOOD | changes)
    assert isinstance(verdict, Accepted), verdict
    assert verdict.output["price"] == 1250
    assert isinstance(verdict.output["price"], int)


ENGLISH = "A heavy mug made of stoneware by hand, for many quiet mornings by the sea and at home."
DEFECTS: dict[str, tuple[dict[str, Any] | str, str]] = {
    "no JSON": ("Here is the title: Mug", "invalid_json"),
    "cut": (orjson.dumps(GOOD).decode()[:-20], "invalid_json"),
    "a list": ("[]", "schema_violation"),
    "a field is missing": ({k: v for k, v in GOOD.items() if k != "title"}, "schema_violation"),
    "a field too many": (GOOD | {"colour": "red"}, "schema_violation"),
    "another type": (GOOD | {"tags": "Becher"}, "schema_violation"),
    "a text for a number": (GOOD | {"weight": "heavy"}, "schema_violation"),
    "null where text is asked": (GOOD | {"title": None}, "schema_violation"),
    "too long": (GOOD | {"title": "Mug Morning " * 6}, "schema_violation"),
    "too many items": (GOOD | {"tags": list("abcde")}, "schema_violation"),
    "none of the choices": (GOOD | {"size": "huge"}, "schema_violation"),
    "a changed fact": (GOOD | {"price": 1249}, "fact_changed"),
    "an invented fact": (GOOD | {"sku": "K-2"}, "fact_changed"),
    "an empty text": (GOOD | {"title": "  "}, "empty_field"),
    "an invisible text": (GOOD | {"title": "\u200b\ufeff"}, "empty_field"),
    "an invisible item": (GOOD | {"tags": ["Becher", "\u200b"]}, "empty_field"),
    "an empty item": (GOOD | {"tags": ["Becher", ""]}, "empty_field"),
    "too short": (GOOD | {"description": "Ein Becher."}, "too_short"),
    "too few items": (GOOD | {"tags": ["Becher"]}, "too_few_items"),
    "another language": (GOOD | {"description": ENGLISH}, "wrong_language"),
    "a forbidden phrase": (GOOD | {"title": "Mug Morning, Best  Price"}, "forbidden_word"),
    "a forbidden pattern": (GOOD | {"title": "Mug Morning, garrrantiert"}, "forbidden_word"),
    "an invented number": (GOOD | {"description": GOOD["description"] + " Nur 99 Stück."}, "unknown_number"),
    "no mention": (GOOD | {"title": "Steinzeug"}, "not_mentioned"),
    "a copy": (GOOD | {"title": "Mug Morning"} | {"description": ROW["note"]}, "wrong_language"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_refused_for_its_reason(name: str) -> None:
    answer, reason = DEFECTS[name]
    verdict = judge(answer)
    assert isinstance(verdict, Refused), verdict
    assert verdict.reason == reason
    assert verdict.reason in REASONS
    assert verdict.detail
    assert verdict.helps_next_try


def test_a_copied_text_is_refused() -> None:
    rules = Rules(not_copied=("description",))
    form = AnswerForm((), (FieldSpec(name="description"),))
    copied = orjson.dumps({"description": ROW["note"].upper()}).decode()
    verdict = judge_structured(form, copied, ROW, rules)
    assert isinstance(verdict, Refused)
    assert verdict.reason == "copied_input"


def test_all_that_is_wrong_is_told_at_once() -> None:
    verdict = judge(GOOD | {"price": 1, "title": "best price", "tags": ["a"]})
    assert isinstance(verdict, Refused)
    assert verdict.reason == "fact_changed"
    for told in ("price", "at least 2", "best price", "Mug Morning"):
        assert told in verdict.detail


@pytest.mark.parametrize(("kind", "number"), [("integer", 2**63), ("number", 2**53 + 1), ("number", 2**64 - 1)])
def test_a_number_that_no_table_can_hold_is_refused(kind: str, number: int) -> None:
    form = AnswerForm((), (FieldSpec(name="count", type=FieldType(kind)),))
    verdict = judge_structured(form, orjson.dumps({"count": number}).decode(), {}, Rules())
    assert isinstance(verdict, Refused)
    assert (verdict.reason, verdict.detail[:6]) == ("schema_violation", "count:")
    assert isinstance(judge_structured(form, orjson.dumps({"count": 2**53}).decode(), {}, Rules()), Accepted)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("안녕하세요 좋은 컵입니다", "Korean", True),
        ("Good mugs only", "Korean", False),
        ("Morning Mug 컵입니다 정말로 좋은 물건", "ko", True),
        ("とても良いカップです", "Japanese", True),
        ("很好的杯子", "Japanese", True),  # too little to tell from Chinese
        ("كوب جميل جدا", "Arabic", True),
        ("☕ 🎉 123", "Arabic", True),
        ("Ein schöner Becher aus Steinzeug für den Morgen am Meer", "de", True),
        ("A beautiful mug made of stoneware for the morning by the sea", "de", False),
        ("Un beau bol en grès pour le matin au bord de la mer", "French", True),
        ("Mug", "German", True),
        ("Samsung Galaxy Buds 무선 이어폰", "Korean", True),
        ("The best 이어폰 for you and your friends", "Korean", False),
        ("コーヒーメーカー XM", "Japanese", True),
        ("Samsung Galaxy S21 чехол", "Russian", True),
        ("ﾜｲﾔﾚｽ", "Japanese", True),
        ("무선 이어폰", "Japanese", False),
    ],
)
def test_languages_are_told_where_they_can_be(text: str, language: str, *, expected: bool) -> None:
    assert is_in_language(text, language_code(language)) is expected


@pytest.mark.parametrize(
    "values",
    [
        {"name": "a", "language": "Klingon"},
        {"name": "a", "min_length": 9, "max_length": 3},
        {"name": "a", "type": "number", "min_length": 3},
        {"name": "record_id"},
        {"name": " "},
        {"name": "a\0"},
    ],
)
def test_a_field_that_contradicts_itself_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FieldSpec(**values)


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "array"}, "at the top"),
        ({"type": "object", "properties": {}}, "additionalProperties"),
        ({"type": "object", "properties": {"a": {}}, "required": [], "additionalProperties": False}, "'a' does not"),
        (
            {
                "type": "object",
                "properties": {"a": {"oneOf": []}},
                "required": ["a"],
                "additionalProperties": False,
            },
            "at properties.a: oneOf",
        ),
    ],
)
def test_schemas_that_openai_would_refuse_are_told(schema: dict[str, Any], problem: str) -> None:
    assert problem in (strict_problem(schema) or "")
    assert strict_problem(FORM.schema) is None


def broken(rules: Rules, text: str, source: dict[str, Any]) -> list[str]:
    """The reasons for which a text is refused."""
    return [each.reason for each in rules.violations({"text": text}, source)]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("6 pieces of 250 ml", {"name": "Set 6 250 ml"}),
        ("12 500 ml cans", {"name": "500 ml", "count": 12}),
        ("1 500 W", {"power": 1500}),
        ("٣٠٠ مل", {"size": "300 ml"}),
        ("\u0661\u066b\u0665 كغ", {"weight": 1.5}),
        ("\uff13\uff10\uff10 ml", {"size": "300 ml"}),
        ("seit 21.11.2024", {"since": "2024-11-21"}),
        ("since 2024-11-21", {"since": "21.11.2024"}),
        ("1\u2019250 m", {"length": "1250"}),
        ("50 % in 3.5.1", {"note": "50% v3.5.1"}),
        ("36, 37 und 38", {"sizes": "36,37,38"}),
        ("100 x 200 x 300", {"sizes": "100,200,300"}),
        ("1,250,000.50 EUR, 2 500 000", {"price": 1250000.5, "other": "2,500,000"}),
    ],
)
def test_a_number_of_the_source_may_be_written_otherwise(text: str, source: dict[str, Any]) -> None:
    rules = Rules(numbers_from_source=True)
    assert broken(rules, text, source) == []
    assert broken(rules, f"{text}, 77", source) == ["unknown_number"]


@pytest.mark.parametrize(("text", "source"), [("12 250 ml", {"size": "250 ml"}), ("21.10.2024", {"at": "2024-11-21"})])
def test_a_number_is_unknown_where_a_part_of_it_is(text: str, source: dict[str, Any]) -> None:
    assert broken(Rules(numbers_from_source=True), text, source) == ["unknown_number"]


@pytest.mark.parametrize(
    ("word", "text", "is_found"),
    [
        ("최저가", "이 제품은 최저가입니다", True),
        ("最安値", "当店は最安値です", True),
        ("ถูกที่สุด", "สินค้าถูกที่สุดในไทย", True),
        ("Café", "Cafe\u0301 here", True),
        (" art ", "a party", False),
        ("art", "fine ART!", True),
        ("100%", "a 100% cotton", True),
    ],
)
def test_forbidden_words_are_found_in_every_script(word: str, text: str, *, is_found: bool) -> None:
    assert bool(broken(Rules(forbidden=(word,)), text, {})) is is_found


@pytest.mark.parametrize("word", ["", " ", "/x*/", "/|/"])
def test_a_forbidden_word_that_every_text_holds_is_refused(word: str) -> None:
    with pytest.raises(ValidationError):
        Rules(forbidden=(word,))


@pytest.mark.parametrize(
    ("text", "value", "is_mentioned"),
    [
        ("kostet 19,90 €", "19.90", True),
        ("kostet 19,90 €", 19.9, True),
        ("kostet 119,90 €", 19.9, False),
        ("fifty of 50", 5, False),
        ("red and blue", ["red", "blue"], True),
        ("red alone", ["red", "blue"], False),
    ],
)
def test_a_value_is_mentioned_however_it_is_written(text: str, value: Any, *, is_mentioned: bool) -> None:
    assert (broken(Rules(mentions={"text": ("it",)}), text, {"it": value}) == []) is is_mentioned
