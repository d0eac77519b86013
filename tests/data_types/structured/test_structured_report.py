"""What a reviewer is shown of structured answers: figures that are right, and a page that holds them all."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from batch_facts import batch_facts
from hypothesis import given
from hypothesis import strategies as st

from batchgen.data_types.contract import Outcome, Record, Rejected, ReportPart, Result
from batchgen.data_types.structured.fields import FieldSpec, FieldType
from batchgen.data_types.structured.report.page import write_report
from batchgen.data_types.structured.report.plots import field_plot, histogram
from batchgen.data_types.structured.report.statistics import FieldStatistics, collect_statistics

TEXT = FieldSpec(name="title")
NUMBER = FieldSpec(name="price", type=FieldType.NUMBER)


def results(name: str, values: Sequence[Any]) -> Iterator[Result]:
    for at, value in enumerate(values):
        yield Result(Record(f"r{at}", {"n": at}), {name: value}, 1)


def of(spec: FieldSpec, values: Sequence[Any]) -> FieldStatistics:
    [found] = collect_statistics(results(spec.name, values), [spec])
    return found


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40))
def test_numbers_are_summed_up_as_by_hand(values: list[float]) -> None:
    said = of(NUMBER, [*values, None]).fields()
    assert (said["present"], said["missing"]) == (len(values), 1)
    value = said["value"]
    assert (value["min"], value["max"]) == (min(values), max(values))
    assert value["median"] == pytest.approx(statistics.median(values))
    assert value["mean"] == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert value["sd"] == pytest.approx(statistics.pstdev(values), abs=1e-3)


@given(st.lists(st.text(st.sampled_from("ab é日🎉"), max_size=6), max_size=40))
def test_texts_are_counted_by_characters_and_by_value(values: list[str]) -> None:
    written = [value for value in values if value.strip()]
    trimmed = [value.strip() for value in written]
    found = of(TEXT, values)
    assert (found.present, found.missing) == (len(written), len(values) - len(written))
    assert found.distinct == len(set(trimmed))
    assert list(found.values) == [len(value) for value in written]
    for value, times in found.top:
        assert trimmed.count(value) == times


@pytest.mark.parametrize(
    ("kind", "values", "measured"),
    [
        (FieldType.LIST, [["a", "b"], [], ["c"]], {"items": (1.0, 2.0)}),
        (FieldType.ATTRIBUTES, [[{"name": "Farbe", "value": "blau"}], []], {"items": (1.0, 1.0)}),
        (FieldType.INTEGER, [3, 10**400, None], {"value": (3.0, 3.0)}),
        (FieldType.BOOLEAN, [True, False, True], {}),
    ],
)
def test_each_type_has_its_measure(
    kind: FieldType, values: list[Any], measured: dict[str, tuple[float, float]]
) -> None:
    said = of(FieldSpec(name="x", type=kind), values).fields()
    found = {name: (said[name]["min"], said[name]["max"]) for name in ("items", "value", "characters") if name in said}
    assert found == measured


def test_values_far_from_the_others_are_named_the_farthest_first() -> None:
    values = [float(at % 10) for at in range(100)]
    values[17], values[60] = 900.0, -5_000.0
    found = of(NUMBER, values)
    assert [each.record_id for each in found.outliers] == ["r60", "r17"]
    assert found.fields()["outliers"]["examples"][0] == {"record_id": "r60", "value": -5_000.0}
    assert not of(NUMBER, [1.0] * 99 + [500.0]).outliers  # where most values are the same, all others would be far


def test_a_field_with_too_many_values_to_count_says_so() -> None:
    said = of(TEXT, [f"text {at}" for at in range(3_000)]).fields()
    assert (said["distinct"], said["top"]) == (None, [])


OUTCOMES: list[Outcome] = [
    *(
        Result(Record(f"a{at}", {"name": f"<script>{at}"}), {"title": f"Mug & {at}", "price": 2.0 + at}, 1)
        for at in range(30)
    ),
    Result(Record("far", {"name": "파란 컵"}), {"title": "كوب 🎉", "price": 9_999.0}, 2),
    Rejected(Record("no", {"name": "Jug"}), "forbidden_word", "title: it says 'cheap'", '{"title": "cheap </td>"}'),
    Rejected(Record("lost", {"name": "Pot"}), "batch_expired", "", None),
]


@pytest.fixture
def page(tmp_path: Path) -> str:
    facts = batch_facts(records=33, accepted=31, refused=1, failed=1, simulated=True)
    example = {"record_id": "a2", "of": "a1", "score": 0.97, "same_source": False}
    duplicates = {"groups": 1, "records": 1, "examples": [example]}
    part = write_report(
        lambda: iter(OUTCOMES), facts, [TEXT, NUMBER], tmp_path, others=ReportPart({"duplicates": duplicates})
    )
    assert part.fields["duplicates"] == duplicates
    assert part.fields["highlights"] == ["price: 1 of 31 values lie far from the others (first: record far)"]
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_shows_what_decides(page: str) -> None:
    assert "31 / 33" in page
    assert "Simulated." in page
    for shown in (
        "forbidden_word",
        "batch_expired",
        "title: it says &#39;cheap&#39;",
        "파란 컵",
        "كوب 🎉",
        "price: 9,999",
    ):
        assert shown in page
    assert re.search(r"a2</code></td><td><code>a1</code></td><td class=\"n\">0\.97", page)


def test_the_page_is_whole_by_itself_and_runs_nothing(page: str) -> None:
    assert "<script" not in page
    assert "cheap &lt;/td&gt;" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:image/svg\+xml;base64,)", page)
    assert page.count("data:image/svg+xml;base64,") == 3  # outcomes, and a plot for each field


def test_a_batch_without_accepted_records_has_a_page_too(tmp_path: Path) -> None:
    part = write_report(lambda: iter(OUTCOMES[-1:]), batch_facts(records=1, accepted=0, failed=1), [TEXT], tmp_path)
    assert part.fields["statistics"]["title"]["present"] == 0
    assert "batch_expired" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "odd", ["a\0b", "a\x01b", "a\u2028b", "a\u2029", "\ufffe", "</script>", "\\", "\"'`", "👩‍👩‍👧", "\u202ea"]
)
def test_whatever_characters_a_value_has_it_can_be_drawn(odd: str) -> None:
    assert field_plot(of(TEXT, [odd, odd, "x", "x"])).startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("number", [1e300] * 30),
        ("number", [4006381333931e5] * 30),
        ("number", [1.0, 1.0000000000000002] * 15),
        ("number", [1e308, -1e308, 0.0] * 15),
        ("integer", [2**63 - 1] * 30),
        ("integer", [2**63 - 1, -(2**63), 0] * 15),
    ],
)
def test_whatever_numbers_a_field_has_there_is_a_page(tmp_path: Path, kind: str, values: list[float]) -> None:
    spec = FieldSpec(name="count", type=FieldType(kind))
    facts = batch_facts(records=len(values), accepted=len(values), refused=0, failed=0, simulated=True)
    part = write_report(lambda: results("count", values), facts, [spec], tmp_path)
    assert part.fields["statistics"]["count"]["value"]["max"] == float(max(values))
    assert "count" in (tmp_path / "report.html").read_text(encoding="utf-8")
    histogram(of(spec, values))
