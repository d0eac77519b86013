"""The request that a model gets."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from source_trees import record_of, records, write_tree

from batchgen.data_types.contract import DataType, Feedback, Record
from batchgen.data_types.test_code import TEST_CODE, TestCodePromptGenerator
from batchgen.data_types.test_code.generator import ranges
from batchgen.models import Endpoint
from batchgen.simulator.generated_tests import generated_test


def messages(record: Record, feedback: Feedback | None = None) -> list[dict[str, str]]:
    return TestCodePromptGenerator(TEST_CODE.options_type()).prompt(record, feedback).messages


def test_the_target_and_its_module_stand_on_lines_of_their_own() -> None:
    found = {record.record_id: record for record in records(Path(json.__file__).parent)}
    record = found["json/decoder.py:JSONDecoder.decode"]
    system, user = messages(record)
    lines = user["content"].split("\n")
    first, last = record.data["first"], record.data["last"]
    assert lines[:2] == [
        f"Target: json/decoder.py:JSONDecoder.decode lines {first}-{last}",
        "Module: json.decoder",
    ]
    assert "Target:" not in system["content"]
    assert "pytest" in system["content"]
    assert f"{first}|     def decode(self, s" in user["content"]
    assert "|         obj, end = self.raw_decode(" in user["content"]
    assert "class JSONDecoder(object):" in user["content"]


def test_the_same_record_gives_the_same_line(tmp_path: Path) -> None:
    record = record_of("def f(a):\n    return a\n", tmp_path)["f"]
    generator = TestCodePromptGenerator(TEST_CODE.options_type())
    lines = {generator.prompt(record).line("id", "m", endpoint) for endpoint in Endpoint for _ in range(2)}
    assert len(lines) == len(Endpoint)


def test_feedback_follows_as_a_message_of_its_own_and_is_trimmed(tmp_path: Path) -> None:
    record = record_of("def f(a):\n    return a\n", tmp_path)["f"]
    first = messages(record)
    again = messages(record, Feedback("syntax_error", "Line 3 " + "x" * 10_000))
    assert again[:2] == first
    assert again[2]["role"] == "user"
    assert "syntax_error" in again[2]["content"]
    assert "Line 3" in again[2]["content"]
    assert len(again[2]["content"]) <= DataType.FEEDBACK_LIMIT


def test_fences_inside_the_code_do_not_end_the_block(tmp_path: Path) -> None:
    code = 'def f(a):\n    """Example:\n\n    ````\n    f(1)\n    ````\n    """\n    return a\n'
    content = messages(record_of(code, tmp_path)["f"])[1]["content"]
    assert re.findall(r"^`{3,}\w*$", content, re.MULTILINE) == ["`````python", "`````"]


def test_imports_and_constants_that_the_target_uses_are_shown(tmp_path: Path) -> None:
    code = "import os\nimport re\nLIMIT = 3\nOTHER = 4\ndef f(a):\n    return os.sep * LIMIT\n"
    content = messages(record_of(code, tmp_path)["f"])[1]["content"]
    assert "```python\nimport os\n```" in content
    assert "```python\nLIMIT = 3\n```" in content
    assert "OTHER" not in content


def test_a_dispatched_function_is_said_to_be_called_through_its_dispatcher(tmp_path: Path) -> None:
    code = """
    import functools
    @functools.singledispatch
    def render(value):
        return str(value)
    @render.register(int)
    def _(value):
        return "n"
    """
    assert "called through `render`" in messages(record_of(code, tmp_path)["_"])[1]["content"]


def test_lines_are_numbered_and_aligned_and_blank_ones_have_no_blank_behind(tmp_path: Path) -> None:
    code = "#\n" * 7 + "def f(a):\n\n    return '''\n  x  \n'''\n"
    content = messages(record_of(code, tmp_path)["f"])[1]["content"]
    assert " 8| def f(a):\n 9|\n10|     return '''\n11|   x  \n12| '''\n```" in content


def test_what_was_cut_off_has_no_number(tmp_path: Path) -> None:
    code = "def f(a):\n" + "    a = a + 'some more of it'\n" * 1_000
    content = messages(record_of(code, tmp_path)["f"])[1]["content"]
    assert re.search(r"^ *\d+\|     a = a.*\n# … \d+ more lines\n```$", content, re.MULTILINE)


def test_lines_that_are_not_reached_are_asked_for(tmp_path: Path) -> None:
    record = record_of("def f(a):\n    return a\n", tmp_path)["f"]
    assert "do not execute" not in messages(record)[1]["content"]
    record.data["missing"] = [3, 4, 5, 9, 11, 12]
    assert "do not execute these of its lines: 3-5, 9, 11-12." in messages(record)[1]["content"]


def test_existing_tests_and_fixtures_are_shown_as_such(tmp_path: Path) -> None:
    tests = """
    import pytest
    from shop import f
    @pytest.fixture
    def three():
        return 3
    def test_f(three):
        assert f(three)
    """
    tree = write_tree(tmp_path, {"shop.py": "def f(a):\n    return a\n", "tests/test_shop.py": tests})
    content = messages(records(tree)[0])[1]["content"]
    examples, _, fixtures = content.partition("Existing tests (examples; do not repeat them):")[2].partition("Fixtures")
    assert "def test_f(three):" in examples
    assert "def three():" in fixtures


def test_a_record_of_an_older_version_still_gives_a_prompt(tmp_path: Path) -> None:
    record = record_of("def f(a):\n    return a\n", tmp_path)["f"]
    whole = messages(record)
    del record.data["tests"], record.data["fixtures"]
    assert messages(record) == whole


@given(st.sets(st.integers(1, 60)))
def test_ranges_say_the_same_lines(lines: set[int]) -> None:
    parts = [part.split("-") for part in ranges(sorted(lines)).split(", ") if part]
    assert sorted(lines) == [line for part in parts for line in range(int(part[0]), int(part[-1]) + 1)]


def test_the_simulator_finds_the_parameters_in_the_numbered_code() -> None:
    record = next(each for each in records(Path(textwrap.__file__)) if each.data["qualname"] == "indent")
    test = generated_test(messages(record)[1]["content"])
    assert test is not None
    assert 'indent("a", "a")' in test
