"""A data type that is declared in a file goes the whole way, without Python."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from command_line import Run
from pipeline import Pipeline, StartPipeline

from batchgen.data_types import with_declaration
from batchgen.data_types.declared.declaration import check_declaration, parse_declaration
from batchgen.data_types.declared.generator import PromptTemplate
from batchgen.data_types.tabular import RowProblem
from batchgen.errors import InvalidDeclaration, SourceUnreadable, UnknownDataType
from batchgen.lifecycle import BatchStatus
from batchgen.simulator import Answer, AnswerRequest

GOOD: dict[str, Any] = {
    "name": "tea",
    "columns": ["name", "grams"],
    "unchanged": ["grams"],
    "instructions": "You write about tea.",
    "prompt": "About {{ name | upper }}, {{ row['two words'] | default('nothing', true) }}.",
    "fields": [{"name": "text"}, {"name": "tags", "type": "list"}, {"name": "cups", "type": "integer"}],
    "rules": {"forbidden": ["cheap"]},
}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "Tea"}, "name"),
        ({"prompt": "{{ name "}, "no template"),
        ({"prompt": "{{ " + "(" * 5_000}, "nested too deeply"),
        ({"prompt": "{% for each in row %}" * 30 + "{% endfor %}" * 30}, "nested too deeply"),
        ({"prompt": "{{ colour }}"}, "uses 'colour'"),
        ({"fields": []}, "fields"),
        ({"fields": [{"name": "a"}, {"name": "a"}]}, "named twice"),
        ({"fields": [{"name": "a", "type": "color"}]}, "fields.0.type"),
        ({"fields": [{"name": "grams"}]}, "only one of them"),
        ({"rules": {"mentions": {"title": ["name"]}}}, "'title', which is not declared"),
        ({"rules": {"forbidden": ["/(/"]}}, "regular expression"),
        ({"colour": 1}, "colour"),
        ({"unchanged": ["record_id"]}, "record's own id"),
    ],
)
def test_a_declaration_that_cannot_be_used_says_why(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidDeclaration, match=told):
        check_declaration(GOOD | changes, "tea.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "- 1",
        "",
        "!!python/object/apply:os.system [ls]",
        "summary: 2024-13-45",
        f"max_retries: {'9' * 5_000}",
        "[" * 50_000,
        "rules: {forbidden: [a]}\nrules: {forbidden: [b]}",
    ],
)
def test_what_is_no_yaml_of_a_type_is_told(text: str) -> None:
    with pytest.raises(InvalidDeclaration, match=r"tea\.yaml"):
        parse_declaration(text, "tea.yaml")


def script(request: AnswerRequest) -> Answer:
    prompt = request.body["messages"][1]["content"]
    text = "cheap" if "GREEN" in prompt and len(request.body["messages"]) == 2 else f"Of {prompt} 🍵 차"
    grams = 100 if "GREEN" in prompt else None if "BLACK" in prompt else 7.5
    return Answer(orjson.dumps({"grams": grams, "text": text, "tags": ["a", "ü,\n"], "cups": 2}).decode())


def test_it_goes_the_whole_way_and_every_table_holds_the_same_rows(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(script)
    rows: list[dict[str, Any]] = [
        {"id": "g", "name": "green", "grams": 100, "two words": "hot"},
        {"id": "b", "name": "black", "grams": None},
        {"id": "w", "name": "white", "grams": 7.5},
    ]
    batch = pipeline.run(pipeline.source(rows), "tea", options={"declaration": GOOD})
    assert (batch.status, batch.accepted, batch.iteration) == (BatchStatus.READY_FOR_REVIEW, 3, 2)
    results = {line["record_id"]: line["output"] for line in pipeline.lines(batch)}
    assert results["g"] == {"grams": 100, "text": "Of About GREEN, hot. 🍵 차", "tags": ["a", "ü,\n"], "cups": 2}
    request = pipeline.requests_of(batch, 2)[0]["body"]
    assert "forbidden_word" in request["messages"][-1]["content"]
    assert request["response_format"]["json_schema"]["strict"] is True

    key = next(stored.key for stored in batch.objects if stored.key.endswith(".parquet"))
    path = pipeline.folder / "results.parquet"
    path.write_bytes(pipeline.services.uploads.read(key))
    assert {row.pop("record_id"): row for row in pq.read_table(path).to_pylist()} == results
    read = csv.DictReader(pipeline.text(batch, "results.csv").removeprefix("\ufeff").splitlines(keepends=True))
    table = {row["record_id"]: row for row in read}
    assert table["g"]["text"] == results["g"]["text"]
    assert (table["g"]["grams"], table["b"]["grams"], table["w"]["grams"]) == ("100", "", "7.5")
    assert pipeline.approve(batch).status is BatchStatus.COMPLETED


def test_a_source_without_a_column_or_with_a_row_that_cannot_be_asked_is_told(pipeline: Pipeline) -> None:
    with pytest.raises(SourceUnreadable, match="no column 'grams'"):
        pipeline.run(pipeline.source([{"name": "a"}]), "tea", options={"declaration": GOOD})


def test_a_name_is_found_in_the_folder_and_an_unknown_one_names_all(tmp_path: Path) -> None:
    (tmp_path / "tea.yaml").write_text(orjson.dumps(GOOD).decode(), encoding="utf-8")
    assert with_declaration("tea", {}, tmp_path)["declaration"]["name"] == "tea"
    with pytest.raises(UnknownDataType, match=r"product, prompt, tea, test_code"):
        with_declaration("coffee", {}, tmp_path)
    (tmp_path / "coffee.yaml").write_text(orjson.dumps(GOOD).decode(), encoding="utf-8")
    with pytest.raises(InvalidDeclaration, match="must be that of its file"):
        with_declaration("coffee", {}, tmp_path)


@pytest.mark.usefixtures("configured")
def test_a_new_type_is_written_listed_previewed_and_generated_without_python(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHGEN_TYPES_DIR", str(tmp_path / "types"))
    assert run("types", "new", "shop_texts", "--json").document["name"] == "shop_texts"
    assert "exists already" in run("types", "new", "shop_texts").err
    names = [each["name"] for each in run("types", "--json").document["types"]]
    assert names == ["prompt", "product", "test_code", "csv_analysis", "shop_texts"]
    source = tmp_path / "c.csv"
    source.write_text("name,category,price\nMug,Kitchen,2.5\nJug,Kitchen,10\nPot,Kitchen,12\n", encoding="utf-8")
    previewed = run("preview", "shop_texts", "--source", str(source), "-n", "2", "--json")
    assert previewed.code == 0
    assert [each["accepted"] for each in previewed.document["records"]] == [True, True]
    assert "Mug" in previewed.document["records"][0]["messages"][1]["content"]
    done = run("generate", "shop_texts", "--source", str(source), "--approve", "--json")
    assert (done.code, done.document["data_type"], done.document["accepted"]) == (0, "shop_texts", 3)


def test_values_stand_in_a_prompt_as_they_are_written() -> None:
    row = {"name": "Messer & Küche <groß>", "brand": "l'office 컵"}
    assert orjson.loads(prompt := PromptTemplate("{{ row | tojson }}").render(row)) == row
    assert prompt.index("Küche") < prompt.index("l'office")
    assert "&" in prompt


@pytest.mark.parametrize("prompt", ["{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ 'a' * 10**15 }}"])
def test_a_template_that_never_ends_makes_bad_rows(prompt: str) -> None:
    with pytest.raises(RowProblem, match="cannot be made"):
        PromptTemplate(prompt).render({})


@pytest.mark.usefixtures("configured")
def test_a_name_with_a_line_end_is_none(run: Run) -> None:
    assert "cannot be a name" in run("types", "new", "shop_texts\n").err
