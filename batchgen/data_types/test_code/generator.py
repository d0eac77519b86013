"""Record to prompt: the target first, then everything about it that a tool call would have asked for."""

from __future__ import annotations

import re
from typing import Any

from batchgen.data_types.contract import Feedback, PromptGenerator, Record
from batchgen.data_types.feedback import feedback_message
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.models import Prompt

SYSTEM = """\
You are an expert Python engineer who writes tests with pytest. The user shows one target: a function, a class or a \
method, with its surroundings. Answer with one complete test file in a single fenced ```python block.

- Import the target from the module that is named, and call it itself. Never copy, redefine or patch the target.
- Each test is a function `test_…` that checks one behaviour by real assertions on results, state or calls, or by \
`pytest.raises`. An assertion that cannot fail is worth nothing.
- Cover the usual case, the edge cases, every branch and every error that the shown code raises. Assert what this code \
does, worked out from its lines, not what it might be meant to do.
- Tests are deterministic and independent of each other and of their order: no network, no subprocess, no sleep, no \
clock or randomness that is not fixed, no files outside `tmp_path`. What is changed is restored: use `monkeypatch`.
- Import only the package under test, pytest and the standard library. Replace by `unittest.mock` or `monkeypatch` \
only what the target itself reaches outside its process.
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
        f"Write pytest tests for {name}. Its code:",
        _fenced(data["source"]),
    ]
    if data["owner"]:
        parts += ["The class it belongs to, without the other methods' bodies:", _fenced(data["owner"])]
    if data["imports"]:
        parts += ["Imports of its module that it uses:", _fenced("\n".join(data["imports"]))]
    if data["uses"]:
        parts += ["What it uses from its own module:", _fenced("\n\n".join(data["uses"]))]
    return "\n\n".join(parts)


def _fenced(code: str) -> str:
    """Return the code in a fence that is longer than any inside it."""
    longest = max((len(found) for found in _BACKTICKS.findall(code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}python\n{code}\n{fence}"
