"""Which texts are called nearly the same, and which are variants, in several scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from batchgen.data_types.contract import Record, Result
from batchgen.data_types.structured.duplicates.entry import Entry, entry_of
from batchgen.data_types.structured.duplicates.groups import summarize_duplicates
from batchgen.data_types.structured.duplicates.refusal import DuplicateRefusal
from batchgen.data_types.structured.duplicates.search import DuplicateSearch, NearDuplicate
from batchgen.data_types.structured.duplicates.similarity import likeness
from batchgen.data_types.structured.duplicates.spec import DuplicateAction, DuplicateSpec
from batchgen.data_types.structured.duplicates.wording import plain

MUG = "A sturdy mug of stoneware that keeps your coffee warm and goes into the dishwasher after every long breakfast."
KOREAN = "따뜻한 커피를 오래 즐길 수 있는 튼튼한 도자기 머그잔으로 매일 아침 식사에 잘 어울립니다."
JAPANESE = "朝のコーヒーを温かく保つ丈夫な陶器のマグカップで、食器洗い機でも安心してお使いいただけます。"
ARABIC = "كوب متين من الخزف يحافظ على دفء قهوتك كل صباح ويمكن غسله في غسالة الصحون بأمان تام."
TEXT = DuplicateSpec(fields=("text",))


def result(record_id: str, text: Any = "", data: dict[str, Any] | None = None, **more: Any) -> Result:
    return Result(
        Record(record_id, {"sku": record_id, "name": f"Thing {record_id}"} | (data or {})), {"text": text} | more, 1
    )


def found(spec: DuplicateSpec, *results: Result, **given: Any) -> list[NearDuplicate]:
    with DuplicateSearch(spec, **given) as search:
        return [near for each in results if (near := search.find_or_know(each)) is not None]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MUG, MUG),
        (MUG, MUG.upper() + "!!!"),
        (MUG, MUG.replace("sturdy", "solid")),
        (MUG, "After every long breakfast, " + MUG.replace(" after every long breakfast", "")),
        ("Mug Morning, sand", "Mug “Morning” — sand"),
        ("Tasse groß, blau", "TASSE GROSS, BLAU"),
        (f"{MUG} Holds 0,3 l.", f"{MUG} Holds 0.3 l."),
        (f"{MUG} Holds 300 ml.", f"{MUG} Holds 300ml."),
        (f"{MUG} Weighs 1,250 g.", f"{MUG} Weighs 1250 g."),
        (KOREAN, KOREAN.replace("튼튼한", "단단한")),
        (KOREAN, KOREAN.replace("도자기 머그", "도자기머그")),
        (JAPANESE, JAPANESE.replace("丈夫な", "頑丈な")),
        ("容量は５００ｍｌです。" + JAPANESE, "容量は500mlです。" + JAPANESE),
        (ARABIC, ARABIC.replace("متين", "قوي")),
        ("كُوبٌ مَتِينٌ مِنَ الخَزَف", "كوب متين من الخزف"),
        (f"{ARABIC} السعة ٣٠٠", f"{ARABIC} السعة 300"),
        (f"{MUG} ☕🎁", f"{MUG} ☕️"),
        ("🐱🎁☕", "🐱 🎁 ☕"),
    ],
)
def test_nearly_the_same(one: str, other: str) -> None:
    assert [(each.record_id, each.of) for each in found(TEXT, result("a", one), result("b", other))] == [("b", "a")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{MUG} Holds 300 ml.", f"{MUG} Holds 350 ml."),
        (f"{MUG} Holds 300 ml.", f"{MUG} Holds 300 cl."),
        (MUG, f"{MUG} Set of 6."),
        (f"{MUG} Fits the WH-1000XM4.", f"{MUG} Fits the WH-1000XM5."),
        (f"{MUG} Model A4.", f"{MUG} Model B4."),
        (f"{MUG} Size M.", f"{MUG} Size XL."),
        (f"{MUG} It is blue.", f"{MUG} It is red."),
        (f"{MUG} Farbe: grün", f"{MUG} Farbe: weiß"),
        (f"파란색 {KOREAN}", f"빨간색 {KOREAN}"),
        (f"{KOREAN} 용량 300ml", f"{KOREAN} 용량 500ml"),
        (f"青い{JAPANESE}", f"赤い{JAPANESE}"),
        (f"{JAPANESE}２個入り", f"{JAPANESE}６個入り"),
        (f"{ARABIC} لونه أزرق", f"{ARABIC} لونه أحمر"),
        (f"{ARABIC} ٣٢ مل", f"{ARABIC} ٤٢ مل"),
        ("🐱🎁☕", "🐶🎈🍵"),
        (MUG, "A light bottle of steel that keeps your tea cold and fits every backpack on a long hike in summer."),
        (MUG, ""),
    ],
)
def test_variants_and_others_are_none(one: str, other: str) -> None:
    assert found(TEXT, result("a", one), result("b", other)) == []


def test_without_variants_numbers_are_words_like_others() -> None:
    spec = TEXT.model_copy(update={"variants": False})
    assert found(spec, result("a", f"{MUG} Holds 300 ml."), result("b", f"{MUG} Holds 350 ml."))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"colour": "blue"}, {"colour": "Blue"}, True),
        ({"colour": "blue"}, {"colour": "red"}, False),
        ({"colour": "blue"}, {}, True),
        (
            {"attributes": [{"name": "Colour", "value": "blue"}]},
            {"attributes": [{"name": "colour", "value": "x"}]},
            False,
        ),
        ({"attributes": [{"name": "colour", "value": "blue"}]}, {"attributes": [{"name": "size", "value": "L"}]}, True),
        ({"attributes": []}, {"attributes": [{"name": "size", "value": "L"}]}, True),
    ],
)
def test_guards_part_what_differs_in_them(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    spec = DuplicateSpec(fields=("text",), guards=("colour", "attributes"))
    assert bool(found(spec, result("a", MUG, **one), result("b", MUG, **other))) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"name": "Mug Morning"}, {"name": "mug  morning."}, True),
        ({"name": "Mug", "price": "14.90"}, {"name": "Mug", "price": 12}, True),
        ({"name": "Mug", "ean": "4006381333931"}, {"name": "Mug", "ean": "4006381333948"}, True),
        ({"name": "Mug", "litres": "0.3"}, {"name": "Mug", "litres": "0.5"}, False),
        ({"name": "Mug"}, {"name": "Jug"}, False),
    ],
)
def test_the_same_thing_twice_in_the_source_is_no_fault_of_the_answer(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    results = [result("a", MUG, one), result("b", MUG, other)]
    assert [each.same_source for each in found(TEXT, *results, facts=("Price",))] == [same]
    with DuplicateSearch(TEXT, facts=("Price",)) as search:
        comparison = DuplicateRefusal(TEXT, search)
        assert comparison.judge(results[0]) is None
        refused = comparison.judge(results[1])
    if same:
        assert refused is None
    else:
        assert refused is not None
        assert (refused.reason, refused.evidence) == ("near_duplicate", {"of": "a", "score": 1.0})
        assert "record a" in refused.detail


def test_what_differs_in_the_source_is_preferred_to_what_does_not() -> None:
    twin = {"name": "Mug"}
    with DuplicateSearch(TEXT) as search:
        for each in (result("twin", MUG, twin), result("other", MUG.replace("sturdy", "solid"), {"name": "Jug"})):
            search.know(each)
        near = search.find(result("b", MUG, twin))
    assert near is not None
    assert (near.of, near.same_source) == ("other", False)


def test_several_fields_count_by_weight_and_a_missing_one_says_nothing() -> None:
    texts = ("title", "text")
    one = result("a", MUG, title="Mug Morning")
    other = result("b", MUG, title="Cup for the evening")
    assert found(DuplicateSpec(fields=texts), one, other) == []
    assert found(DuplicateSpec(fields=texts, weights={"text": 20}), one, other)
    assert found(DuplicateSpec(fields=texts), one, result("c", MUG, title=""))


def test_only_the_first_of_a_group_is_named_and_the_summary_counts_groups(tmp_path: Path) -> None:
    texts = [MUG, KOREAN, MUG.replace("sturdy", "solid"), KOREAN + "!", MUG + "?", JAPANESE]
    results = [result(str(number), text) for number, text in enumerate(texts)]
    summary = summarize_duplicates(results, TEXT, tmp_path)
    assert (summary.groups, summary.records, summary.same_source) == (2, 3, 0)
    assert [(each.record_id, each.of) for each in summary.examples] == [("2", "0"), ("3", "1"), ("4", "0")]
    elsewhere = [result("x", JAPANESE)]
    assert summarize_duplicates(results, TEXT, tmp_path, elsewhere=elsewhere).groups == 3
    assert list(tmp_path.iterdir()) == []


def test_beyond_its_room_it_compares_and_says_what_it_did_not_keep(tmp_path: Path) -> None:
    results = [result("a", MUG), result("b", KOREAN), result("c", KOREAN), result("d", MUG)]
    with DuplicateSearch(TEXT, tmp_path, most=1) as search:
        near = [search.find_or_know(each) for each in results]
        assert [each.of if each else None for each in near] == [None, None, None, "a"]
        assert search.unkept == 2


def test_thousands_of_variants_of_one_text_hide_no_repetition_and_take_little_memory() -> None:
    with DuplicateSearch(TEXT) as search:
        for number in range(1_500):
            assert search.find_or_know(result(f"v{number}", f"{MUG} Number {number} of the series.")) is None
        near = search.find(result("again", f"{MUG} Number 7 of the series!"))
        assert near is not None
        assert near.of == "v7"
        assert search.table_bytes / 1_500 < 2 * 1_400  # texts of this length have two sketches


WORDS = st.lists(st.sampled_from([*MUG.split(), *KOREAN.split(), "青い", "كوب", "🎁", "300", "l"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=8))
def test_the_same_order_gives_the_same_findings_and_every_text_is_found_again(lines: list[list[str]]) -> None:
    results = [result(str(number), " ".join(words)) for number, words in enumerate(lines)]
    assert found(TEXT, *results) == found(TEXT, *results)
    with DuplicateSearch(TEXT) as search:
        for each in results:
            search.know(each)
        for each in results:
            near = search.find(each)
            assert (near is not None) is bool(plain(each.output["text"]))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.floats(0.5, 1))
def test_any_text_can_be_compared(one: str, other: str, least: float) -> None:
    entries = [entry_of(result("a", text), TEXT) for text in (one, other)]
    again = [Entry.unpacked(entry.packed()) for entry in entries]
    assert entries[0].is_variant_of(entries[1]) is again[0].is_variant_of(again[1])
    assert not entries[0].is_variant_of(again[0])
    assert plain(plain(one)) == plain(one)
    forth, back = (likeness(x.texts, y.texts, [1.0], least) for x, y in (entries, entries[::-1]))
    assert forth == pytest.approx(back)
    assert forth == 0 or least - 1e-6 <= forth <= 1


@pytest.mark.parametrize(
    "given",
    [
        {"threshold": 0.2},
        {"action": "drop"},
        {"fields": ["a"], "weights": {"b": 2}},
        {"fields": ["a"], "weights": {"a": 0}},
        {"colour": 1},
        "drop",
        "{",
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        DuplicateSpec.model_validate(given)


@pytest.mark.parametrize("written", ["refuse", '{"action": "refuse"}', {"action": "refuse"}])
def test_the_action_may_stand_alone(written: Any) -> None:
    assert DuplicateSpec.model_validate(written) == DuplicateSpec(action=DuplicateAction.REFUSE)
