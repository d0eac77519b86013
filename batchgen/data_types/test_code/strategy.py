"""Judges answers: accepted is the first draft in an answer that climbs the whole ladder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from batchgen.data_types.contract import Accepted, Record, Refused, Result, ResultStrategy
from batchgen.data_types.test_code.extraction import drafts
from batchgen.data_types.test_code.ladder import RUNGS, climb
from batchgen.data_types.test_code.objects import write_test_files
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.data_types.test_code.target_use import TargetName

MAX_ANSWER = 100_000
"""Characters: several times what a model can write in one answer, and parsed in well under a second."""


class TestCodeResultStrategy(ResultStrategy[TestCodeOptions]):
    """Accepts answers that hold tests of the target, as far as reading can tell; nobody has run them."""

    __test__ = False

    def judge(self, record: Record, text: str) -> Accepted | Refused:
        """Accept `{"code", "tests", "target", "module", "verified"}`, or refuse with a code of `RUNGS`."""
        if len(text) > MAX_ANSWER:
            return Refused("too_long", f"The answer is longer than {MAX_ANSWER:,} characters.")
        data = record.data
        target = TargetName(data["module"], data["qualname"], data.get("through"))
        best = Refused("no_code", "The answer holds no Python code. Answer with one fenced ```python block.")
        for draft in drafts(text):
            verdict = climb(draft, target)
            if not isinstance(verdict, Refused):
                output = {
                    "code": verdict.code,
                    "tests": list(verdict.tests),
                    "target": f"{data['path']}:{data['qualname']}",
                    "module": data["module"],
                    "verified": False,
                }
                return Accepted(output)
            best = max(best, verdict, key=lambda refused: RUNGS.index(refused.reason))
        return best

    def write_objects(self, results: Iterable[Result], folder: Path) -> None:
        """Write `tests/test_<module>.py`, one for each module under test, or more where answers clash."""
        write_test_files(results, folder)
