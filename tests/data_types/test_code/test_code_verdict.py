"""When another try is not worth its price."""

from __future__ import annotations

from typing import Any

import pytest

from batchgen.data_types.contract import Refused
from batchgen.data_types.test_code.running.verdict import is_hopeless

ERROR = ["raised_error: TypeError"]
REVIEWED: dict[str, Any] = {"refused_tests": [], "suspected_bugs": []}
"""What a record has that a reviewer sent back: no try of its own failed."""


@pytest.mark.parametrize(
    ("reason", "signature", "reached", "former", "hopeless"),
    [
        ("raised_error", ERROR, [], {"signature": ERROR, "reached": []}, True),
        ("raised_error", ERROR, [], {"signature": ["raised_error: KeyError"], "reached": []}, False),
        ("target_not_reached", ["a"], [2], {"signature": ["b"], "reached": [2, 3]}, True),
        ("target_not_reached", ["a"], [2, 4], {"signature": ["b"], "reached": [2, 3]}, False),
        ("target_not_reached", ["a"], [], REVIEWED, False),
        ("raised_error", ERROR, [], None, False),
    ],
)
def test_the_same_errors_or_no_line_more_end_the_tries(
    reason: str, signature: list[str], reached: list[int], former: Any, *, hopeless: bool
) -> None:
    now = Refused(reason, "", evidence={"signature": signature, "reached": reached})
    assert is_hopeless(now, former) is hopeless
