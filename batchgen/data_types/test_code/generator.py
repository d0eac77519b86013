"""Record to prompt: the target first, then everything about it that a tool call would have asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from batchgen.data_types.contract import Feedback, PromptGenerator, Record
from batchgen.data_types.feedback import feedback_message
from batchgen.data_types.test_code.context.budget import CUT
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.models import Prompt

SYSTEM = """\
You are an expert Python engineer who writes tests with pytest. The user shows one target: a function, a class or a \
method, with its surroundings. Answer with one complete test file in a single fenced ```python block.

- Import the target from the module that is named, and call it itself: each test must execute lines of the target, and \
fail if these lines were broken. Never copy, redefine or patch the target.
- Each test is a function `test_…` that checks one behaviour by real assertions on results, state or calls, or by \
`pytest.raises` with the exact exception. An assertion that cannot fail is worth nothing: no `assert True`, no \
`try`/`except` around what is checked, no skip, no xfail.
- Cover the usual case, the edge cases, every branch and every error that the shown code raises. Assert what this code \
does, worked out from its lines, not what it might be meant to do. Where you are not sure of an exact value, assert \
what you are sure of.
- Tests are deterministic and independent of each other and of their order: no network, no subprocess, no sleep, no \
threads left running, no clock or randomness that is not fixed, no files outside `tmp_path`. What is changed is \
restored: use `monkeypatch`.
- The file stands alone: it imports or defines every name it uses, fixtures included. Import only the package under \
test, pytest and the standard library. Make real objects where you can, by the constructors that are shown; replace by \
`unittest.mock` or `monkeypatch` only what the target itself reaches outside its process.
- Call coroutines by `asyncio.run(...)` in an ordinary test function. Test an abstract class through a small subclass.
"""

_BACKTICKS = re.compile(r"`{3,}")


class TestCodePromptGenerator(PromptGenerator[TestCodeOptions]):
    """Asks for pytest tests of one target."""

    __test__ = False

    def prompt(self, record: Record, feedback: Feedback | None = None) -> Prompt:
        """Return the prompt; feedback on the last answer follows as a message of its own."""
        messages = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": _request(record.data)},
        ]
        if feedback is not None:
            messages.append(feedback_message(feedback))
        return Prompt(messages)


def _request(data: dict[str, Any]) -> str:
    name = f"the {data['kind']} `{data['qualname']}`"
    if "through" in data:
        name += f", which is called through `{data['through']}`"
    parts = [
        f"Target: {data['path']}:{data['qualname']} lines {data['first']}-{data['last']}\nModule: {data['module']}",
        f"Write pytest tests for {name}. Its code; `{data['first']}| ` and so on are line numbers and not part of it:",
        _fenced(numbered(data["source"], data["first"])),
    ]
    if data.get("missing"):
        lines = f"The project's own tests do not execute these of its lines: {ranges(data['missing'])}."
        parts.append(f"{lines} Write tests that do; what the other lines do is tested already.")
    if data["owner"]:
        parts += ["The class it belongs to, without the other methods' bodies:", _fenced(data["owner"])]
    if data["imports"]:
        parts += ["Imports of its module that it uses:", _fenced("\n".join(data["imports"]))]
    if data["uses"]:
        parts += ["What it uses of its own package, without bodies:", _fenced("\n\n".join(data["uses"]))]
    if data.get("tests"):
        parts += ["Existing tests (examples; do not repeat them):", _fenced("\n\n".join(data["tests"]))]
    if data.get("fixtures"):
        what = "Fixtures that they use (copy what you need: your file cannot see them):"
        parts += [what, _fenced("\n\n".join(data["fixtures"]))]
    return "\n\n".join(parts)


def numbered(code: str, first: int) -> str:
    """Return code with the number of each line before it; a comment that says what was cut off has none."""
    lines = code.split("\n")
    width = len(str(first + len(lines) - 1))
    return "\n".join(
        line if line.startswith(CUT) else f"{number:>{width}}|{line and f' {line}'}"
        for number, line in enumerate(lines, start=first)
    )


def ranges(lines: Sequence[int]) -> str:
    """Return sorted line numbers as people write them: 3-5, 9."""
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(str(start) if start == end else f"{start}-{end}" for start, end in found)


def _fenced(code: str) -> str:
    """Return the code in a fence that is longer than any inside it."""
    longest = max((len(found) for found in _BACKTICKS.findall(code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}python\n{code}\n{fence}"
