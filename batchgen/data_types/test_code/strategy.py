"""Judges answers: accepted is the first draft in an answer of which a test climbs the whole ladder."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from structlog.stdlib import get_logger

from batchgen.data_types.contract import (
    Accepted,
    BatchFacts,
    Feedback,
    Outcome,
    Record,
    Refused,
    ReportPart,
    Result,
    ResultStrategy,
    Workplace,
)
from batchgen.data_types.test_code.answer.extraction import drafts
from batchgen.data_types.test_code.answer.ladder import SoundDraft, climb
from batchgen.data_types.test_code.answer.target_use import TargetName
from batchgen.data_types.test_code.delivery.files import write_patch, write_test_files
from batchgen.data_types.test_code.delivery.rejection import evidence_of, without_tests
from batchgen.data_types.test_code.delivery.report import write_report
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.data_types.test_code.running.bench import TestBench
from batchgen.data_types.test_code.running.verdict import ALL_RUNGS, Verified, is_hopeless
from batchgen.data_types.test_code.running.verdicts import VerdictCache, verdict_key
from batchgen.sandbox import probe

log = get_logger(__name__)

MAX_ANSWER = 100_000
"""Characters: several times what a model can write in one answer, and parsed in well under a second."""
_MOST_RUN = 2
"""Drafts of one answer that are run, where none before was good."""
_NO_MATERIAL = "the job was made without what is needed to run its tests"


class TestCodeResultStrategy(ResultStrategy[TestCodeOptions]):
    """Accepts answers that hold tests which are shown to test the target; where nothing can be run, says so."""

    __test__ = False

    def __init__(self, options: TestCodeOptions, workplace: Workplace | None = None) -> None:
        super().__init__(options, workplace)
        self._opening = threading.Lock()

    @property
    def parallel(self) -> int:
        """One answer for each core, where answers are run."""
        if self.workplace is None or self.workplace.material is None or not probe().works:
            return 1
        return len(os.sched_getaffinity(0))

    def judge(self, record: Record, text: str, former: Feedback | None = None) -> Accepted | Refused:
        """Accept an output as the documentation shows it, or refuse the answer with a code of `ALL_RUNGS`.

        Raises Unavailable, EnvironmentFailed or SandboxBroken where its tests cannot be run although they should be.
        """
        if len(text) > MAX_ANSWER:
            return Refused("too_long", f"The answer is longer than {MAX_ANSWER:,} characters.")
        before = former.evidence if former is not None else None
        if self._bench is None or self._verdicts is None:
            return _in_view_of(before, self._climb(record, text))
        key = verdict_key(self._bench.identity, self.options.time_limit_s, record.data, text, before)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = _in_view_of(before, self._climb(record, text))
            self._verdicts.put(key, verdict)
        return verdict

    def write_objects(self, outcomes: Callable[[], Iterator[Outcome]], facts: BatchFacts, folder: Path) -> ReportPart:
        """Write `tests/test_<module>.py` (more where answers clash), tests.patch and report.html."""
        results = (outcome for outcome in outcomes() if isinstance(outcome, Result))
        delivered = write_test_files(results, facts, folder)
        if delivered:
            write_patch(folder, folder / "tests.patch")
        return write_report(outcomes, delivered, facts, folder)

    def without(self, output: Any, parts: Collection[str], note: str) -> Any | None:
        """Return the output less these tests; the rest of its evidence stays."""
        return without_tests(output, parts, note)

    def evidence(self, output: Any) -> Any:
        """Return its refused tests and suspected bugs, which a later answer does not make untrue."""
        return evidence_of(output)

    def _climb(self, record: Record, text: str) -> Accepted | Refused:
        data = record.data
        target = TargetName(data["module"], data["qualname"], data.get("through"))
        best = Refused("no_code", "The answer holds no Python code. Answer with one fenced ```python block.")
        run = 0
        for draft in drafts(text):
            sound = climb(draft, target, is_run=self._bench is not None)
            if isinstance(sound, SoundDraft) and run < _MOST_RUN:
                run += 1
                verdict = self._run(record, sound)
                if isinstance(verdict, Accepted):
                    return verdict
                best = max(best, verdict, key=lambda refused: ALL_RUNGS.index(refused.reason))
            elif isinstance(sound, Refused):
                best = max(best, sound, key=lambda refused: ALL_RUNGS.index(refused.reason))
        return best

    def _run(self, record: Record, draft: SoundDraft) -> Accepted | Refused:
        data = record.data
        output: dict[str, Any] = {
            "code": draft.code,
            "tests": list(draft.tests),
            "target": f"{data['path']}:{data['qualname']}",
            "module": data["module"],
        }
        if self._bench is None:
            return Accepted(output | {"verified": False, "unverified_because": self._unverified_because})
        verdict = self._bench.verify(data, draft, self.options.time_limit_s)
        return Accepted(output | verdict.output()) if isinstance(verdict, Verified) else verdict

    @property
    def _bench(self) -> TestBench | None:
        with self._opening:  # several threads may be the first
            return self._opened[0]

    @property
    def _unverified_because(self) -> str:
        with self._opening:
            return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[TestBench | None, str]:
        """Where tests are run, or why none are."""
        if self.workplace is None or self.workplace.material is None:
            return None, _NO_MATERIAL
        opened = TestBench.open(self.workplace.material, self.workplace.cache)
        if isinstance(opened, TestBench):
            return opened, ""
        log.warning("tests_are_not_run", problem=opened.detail, remedy=opened.remedy)
        return None, opened.problem

    @cached_property
    def _verdicts(self) -> VerdictCache | None:
        """Where running makes a verdict dear."""
        if self.workplace is None or self._bench is None:
            return None
        return VerdictCache(self.workplace.cache / "verdicts.sqlite")


def _in_view_of(before: Any, now: Accepted | Refused) -> Accepted | Refused:
    """Keep the suspected bugs that an earlier answer showed, and say where another answer is not worth its price."""
    if not isinstance(before, dict):
        return now
    if isinstance(now, Accepted):
        if before.get("suspected_bugs"):
            now.output["suspected_bugs"] = _joined(before, now.output.get("suspected_bugs", []))
        return now
    evidence = now.evidence or {"refused_tests": [], "suspected_bugs": [], "reached": [], "signature": [], "log": ""}
    evidence = {**evidence, "suspected_bugs": _joined(before, evidence["suspected_bugs"])}
    return Refused(now.reason, now.detail, now.helps_next_try, evidence, final=is_hopeless(now, before))


def _joined(before: dict[str, Any], bugs: list[dict[str, str]]) -> list[dict[str, str]]:
    known = {(bug["test"], bug["error"]) for bug in bugs}
    return [*bugs, *(bug for bug in before.get("suspected_bugs", ()) if (bug["test"], bug["error"]) not in known)]
