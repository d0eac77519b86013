"""Code is found in whatever a model writes around it."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from odd_answers import ODD_ANSWERS

from batchgen.data_types.test_code.answer.extraction import drafts

TEST = "from shop import pay\n\ndef test_pay():\n    assert pay(1) == 2\n"
OTHER = "def test_none():\n    assert pay(0) == 0\n"


@pytest.mark.parametrize(
    "answer",
    [
        f"```python\n{TEST}```",
        f"Sure! Here it is:\n\n```python\n{TEST}```\n\nIt covers everything.",
        f"```\n{TEST}```",
        f"```py\n{TEST}\n\n```\n",
        f"```Python3\n{TEST}```",
        f"```{{.python}}\n{TEST}```",
        f"```tests/test_shop.py\n{TEST}```",
        f'```python title="test_shop.py"\n{TEST}```',
        f"~~~python\n{TEST}~~~",
        f"````python\n{TEST}````",
        f"Here you go: ```python\n{TEST}```",
        f"```python\n{TEST}",
        f"```bash\npip install pytest\n```\nthen\n```python\n{TEST}```\n```text\n1 passed\n```",
        f"1. The tests:\n\n   ```python\n{''.join(f'   {line}' for line in TEST.splitlines(keepends=True))}   ```",
        TEST,
        f"\ufeff{TEST}",
        TEST.replace("\n", "\r\n"),
        f"These are the tests:\n\n{TEST}\nI hope this helps!",
        f"{TEST}```\nThat is all.",
        "".join(f"    {line}" for line in TEST.splitlines(keepends=True)),
    ],
)
def test_the_code_is_found(answer: str) -> None:
    assert drafts(answer)[0].replace("\n\n\n", "\n\n") == TEST


@pytest.mark.parametrize(
    "answer",
    [
        '{"code": CODE}',
        '```json\n{"test_code": CODE, "explanation": "It tests the import of def and class."}\n```',
        '{"files": [{"path": "test_shop.py", "content": CODE}]}',
        "[CODE]",
        "CODE",
    ],
)
def test_the_code_is_found_in_json(answer: str) -> None:
    quoted = '"' + TEST.replace("\n", "\\n") + '"'
    assert drafts(answer.replace("CODE", quoted)) == [TEST]
    fenced = '"' + f"```python\n{TEST}```".replace("\n", "\\n") + '"'
    assert drafts(answer.replace("CODE", fenced))[0] == TEST


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   \n\n",
        "I cannot help with that.",
        "Sorry",
        '{"error": "no"}',
        "{",
        "```javascript\nimport React from 'react'\ntest('x', () => {})\n```",
        "```\nAll tests passed.\n```",
        "```python\n```",
        "```",
        "From here on the class is clear: import what you need.",
    ],
)
def test_an_answer_without_code_has_no_draft(answer: str) -> None:
    assert drafts(answer) == []


def test_blocks_that_continue_each_other_are_joined() -> None:
    assert drafts(f"First:\n```python\n{TEST}```\nthen:\n```python\n{OTHER}```")[0] == f"{TEST}\n\n{OTHER}"


def test_a_later_block_with_the_same_tests_replaces_the_earlier() -> None:
    better = TEST.replace("pay(1) == 2", "pay(2) == 4")
    assert drafts(f"```python\n{TEST}```\nBetter:\n```python\n{better}```")[0] == better


def test_a_block_that_was_cut_also_comes_without_the_definition_it_was_cut_in() -> None:
    cut = '@pytest.mark.parametrize("a", [1])\ndef test_cut(a):\n    assert pay(a'
    first, second = drafts(f"```python\n{TEST}\n{cut}")[:2]
    assert first == f"{TEST}\n{cut}\n"
    assert second == TEST


def test_code_keeps_what_stands_inside_its_strings() -> None:
    code = dedent('''\
        def test_text():
            text = """
        no indent   \t
            ```
            """
            assert text
        ''')
    assert code in drafts(f"````python\n{code}````")


@given(ODD_ANSWERS)
def test_extraction_never_crashes(answer: str) -> None:
    for draft in drafts(answer):
        assert draft.strip()
        assert draft.endswith("\n")
