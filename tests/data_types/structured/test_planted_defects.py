"""Each kind of defect planted into a valid answer is caught with its reason, and no valid answer is refused."""

from __future__ import annotations

from typing import Any

import orjson
from pipeline import StartPipeline

from batchgen.lifecycle import BatchStatus
from batchgen.simulator import Answer, AnswerRequest

DECLARATION: dict[str, Any] = {
    "name": "planted",
    "columns": ["name", "material", "note"],
    "unchanged": ["price"],
    "instructions": "You write for a shop.",
    "prompt": "{{ row.id }}|{{ name }}",
    "fields": [
        {"name": "title", "min_length": 4, "max_length": 90},
        {"name": "text", "language": "German"},
        {"name": "tags", "type": "list", "min_items": 2, "max_items": 4},
        {"name": "audience", "choices": ["children", "adults"]},
        {"name": "stars", "type": "integer", "required": False},
        {"name": "weight", "type": "number", "required": False},
        {"name": "details", "type": "attributes"},
    ],
    "rules": {
        "forbidden": ["best price", "/100\\s*%/"],
        "numbers_from_source": ["title"],
        "mentions": {"title": ["name"]},
        "not_copied": ["text"],
    },
    "duplicates": {"fields": ["title"], "action": "refuse"},
    "max_retries": 0,
}
NOTE = "Ein Satz aus dem Katalog, der lang genug ist, um abgeschrieben zu werden, und der dem Händler gehört."
TEXT = "Ein schönes Stück für jeden Tag, das man gern in die Hand nimmt und lange behält."
LOOKS = (
    "gestreift", "himmelblau", "handbemalt", "faltbar", "zweifarbig", "mattschwarz",
    "geflochten", "durchsichtig", "gepunktet", "vergoldet", "rau", "samtweich", "karminrot",
    "kantig", "federleicht", "lackiert", "naturbelassen", "gewebt", "gefrostet",
)  # fmt: skip
NAMES = (
    "Kanne", "Teller mit Rand", "Löffel", "파란 운동화", "靴下", "كوب أزرق", "Mug 🎉", 'Zoll 5"',
    "A'b", "Tür\nmatte", "=1+1", "Ærø", "Çay", "Ξένος", "Поднос", "नमक", "O'Neill", "50 Watt",
    "T-Shirt", "Æ", "Glas & Co", "<b>Fett</b>", "Naïve", "ﬁne", "Straße",
)  # fmt: skip


def good(name: str, price: Any, number: int) -> dict[str, Any]:
    """A valid answer, in the ways in which valid answers differ."""
    return {
        "price": price,
        "title": f"{name}: {WORDS[number % len(WORDS)]}, {LOOKS[number % len(LOOKS)]}",
        "text": TEXT,
        "tags": ["schlicht", f"Nr. {number}", "🎁"][: 2 + number % 2],
        "audience": ("children", "adults")[number % 2],
        "stars": None if number % 3 else number % 6,
        "weight": None if number % 4 else number / 8,
        "details": [] if number % 5 else [{"name": "Farbe", "value": "blau"}],
    }


WORDS = (
    "Frühstück", "Wanderung", "Garten", "Bibliothek", "Regenwetter", "Sommerfest", "Werkstatt",
    "Kinderzimmer", "Reise", "Küche", "Abendbrot", "Turnhalle", "Ferienhaus", "Balkon",
    "Schreibtisch", "Picknick", "Winterabend", "Hochzeit", "Umzug", "Schulhof",
)  # fmt: skip
PLANTED: dict[str, tuple[Any, str]] = {
    "prose before it": (lambda good: f"Here you are: {orjson.dumps(good).decode()}", "invalid_json"),
    "half of it": (lambda good: orjson.dumps(good).decode()[:-20], "invalid_json"),
    "NaN": (lambda good: orjson.dumps(good | {"weight": 1.5}).decode().replace("1.5", "NaN"), "invalid_json"),
    "a field is missing": (
        lambda good: {name: value for name, value in good.items() if name != "tags"},
        "schema_violation",
    ),
    "a field more": (lambda good: good | {"colour": "red"}, "schema_violation"),
    "a text for a number": (lambda good: good | {"stars": "five"}, "schema_violation"),
    "no choice": (lambda good: good | {"audience": "everybody"}, "schema_violation"),
    "too long": (lambda good: good | {"title": good["title"] + " x" * 90}, "schema_violation"),
    "too many items": (lambda good: good | {"tags": list("abcde")}, "schema_violation"),
    "a list": (lambda good: [good], "schema_violation"),
    "another price": (lambda good: good | {"price": 15.9}, "fact_changed"),
    "no price": (lambda good: good | {"price": None}, "fact_changed"),
    "blank": (lambda good: good | {"text": " "}, "empty_field"),
    "a blank item": (lambda good: good | {"tags": ["a", ""]}, "empty_field"),
    "an attribute without a value": (lambda good: good | {"details": [{"name": "Farbe", "value": ""}]}, "empty_field"),
    "too short": (lambda good: good | {"title": "abc"}, "too_short"),
    "too few items": (lambda good: good | {"tags": ["a"]}, "too_few_items"),
    "English": (lambda good: good | {"text": "A lovely thing for every day that you like to hold."}, "wrong_language"),
    "a forbidden word": (lambda good: good | {"tags": ["Best  Price", "b"]}, "forbidden_word"),
    "a forbidden pattern": (lambda good: good | {"text": f"{TEXT} Zu 100 % gut."}, "forbidden_word"),
    "an invented number": (lambda good: good | {"title": good["title"] + " 42"}, "unknown_number"),
    "no name": (lambda good: good | {"title": "Ein Stück"}, "not_mentioned"),
    "copied": (lambda good: good | {"text": NOTE}, "copied_input"),
    "the same again": (
        lambda good: good | {"title": f"{good['title'].split(':')[0]}: Das erste Stück des Hauses"},
        "near_duplicate",
    ),
    "refused": (lambda _: Answer(refusal="No."), "model_refusal"),
    "cut": (lambda _: Answer("{", finish_reason="length"), "truncated"),
    "filtered": (lambda _: Answer("x", finish_reason="content_filter"), "content_filter"),
    "nothing": (lambda _: Answer(""), "empty_answer"),
    "not answered": (lambda _: Answer(status=500, error_code="server_error"), "server_error"),
}
PRICES = (14.9, 3, None, "07,50 €", 1e6)


def answered(request: AnswerRequest) -> Answer:
    """What the model says of a record, whose id and name stand in the prompt."""
    record_id, name = request.body["messages"][1]["content"].split("|", 1)
    if record_id.startswith("clean"):
        number = int(record_id.removeprefix("clean"))
        return Answer(orjson.dumps(good(name, PRICES[number % len(PRICES)], number)).decode())
    valid = good(name, 14.9, 0)
    if record_id == "first":
        return Answer(orjson.dumps(valid | {"title": f"{name}: Das erste Stück des Hauses"}).decode())
    planted = PLANTED[record_id][0](valid)
    if isinstance(planted, Answer):
        return planted
    return Answer(planted if isinstance(planted, str) else orjson.dumps(planted).decode())


def test_each_defect_is_caught_with_its_reason(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(answered)
    rows = [{"id": "first", "name": "Gleiche Vase", "material": "Glas", "note": NOTE, "price": 14.9}]
    for at, kind in enumerate(PLANTED):
        name = "Gleiche Vase" if kind == "the same again" else NAMES[at % 3]
        rows.append({"id": kind, "name": name, "material": f"Ton {at}", "note": NOTE, "price": 14.9})
    batch = pipeline.run(pipeline.source(rows), "planted", options={"declaration": DECLARATION}, max_retries=0)
    found = {line["record_id"]: line["reason"] for line in pipeline.lines(batch, "rejected.jsonl")}
    assert found == {kind: reason for kind, (_, reason) in PLANTED.items()}
    assert [line["record_id"] for line in pipeline.lines(batch)] == ["first"]
    assert len(set(found.values())) >= 15


def test_no_valid_answer_is_refused(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(answered)
    rows = [
        {
            "id": f"clean{at}",
            "name": f"{NAMES[at % len(NAMES)]}",
            "material": f"Ton {at}",
            "note": NOTE,
            "price": PRICES[at % 5],
        }
        for at in range(75)
    ]
    batch = pipeline.run(pipeline.source(rows), "planted", options={"declaration": DECLARATION}, max_retries=0)
    assert (batch.status, batch.accepted, batch.reasons) == (BatchStatus.READY_FOR_REVIEW, 75, {})
