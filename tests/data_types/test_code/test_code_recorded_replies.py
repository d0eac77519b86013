"""Recorded answers of a real model, where somebody has them: TEST_CODE_REPLIES names the file.

One JSON object a line with `package`, `path`, `lines` and `reply`. The packages' sources are not needed: the rungs that
need no target are climbed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from batchgen.data_types.test_code.answer.assertions import asserting
from batchgen.data_types.test_code.answer.collection import collect
from batchgen.data_types.test_code.answer.extraction import drafts
from batchgen.data_types.test_code.code.parsing import NotPython, parse

REPLIES = os.environ.get("TEST_CODE_REPLIES", "")


def holds_tests(reply: str) -> bool:
    for draft in drafts(reply):
        tree = parse(draft, compiled=True)
        if not isinstance(tree, NotPython) and asserting(tree, collect(tree)):
            return True
    return False


@pytest.mark.skipif(not REPLIES, reason="TEST_CODE_REPLIES is not set")
def test_nearly_every_recorded_reply_holds_tests() -> None:
    replies = [json.loads(line)["reply"] for line in Path(REPLIES).read_text(encoding="utf-8").splitlines()]
    sound = sum(map(holds_tests, replies))
    assert sound >= 0.98 * len(replies)
