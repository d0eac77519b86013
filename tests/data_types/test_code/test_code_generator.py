"""The request that a model gets."""

from __future__ import annotations

import json
import re
from pathlib import Path

from source_trees import record_of, records

from batchgen.data_types.contract import DataType, Feedback, Record
from batchgen.data_types.test_code import TEST_CODE, TestCodePromptGenerator
from batchgen.models import Endpoint


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
    assert "obj, end = self.raw_decode(" in user["content"]
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
