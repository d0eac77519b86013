"""What running an answer's tests showed, test by test, and how it is told: to the reviewer, and to the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from batchgen.data_types.contract import Refused
from batchgen.data_types.test_code.answer.ladder import RUNGS, RefusedTest

RUN_RUNGS = (
    "import_error",
    "collection_error",
    "report_differs",
    "not_reported",
    "forged_report",
    "skipped",
    "expected_failure",
    "exited_early",
    "time_limit",
    "memory_limit",
    "process_limit",
    "output_limit",
    "left_processes",
    "fixture_error",
    "raised_error",
    "assertion_failed",
    "target_not_reached",
    "unstable",
    "cannot_fail",
    "survives_sabotage",
    "suspected_bug",
)
"""Reason codes of the rungs that run the tests, in their order; the last one is for the reviewer, before all others."""
ALL_RUNGS = (*RUNGS, *RUN_RUNGS)

_TOLD_TESTS = 4
_TOLD_CHARACTERS = 420
_LOG_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class SuspectedBug:
    """A test whose assertion fails, the same way each time: the test may be wrong, or the code."""

    test: str
    error: str
    code: str


@dataclass(slots=True)
class Evidence:
    """What a kept test is shown to do: lines of the segment that it executes, mutants that it kills."""

    lines: list[int] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verified:
    """The tests of an answer that are kept, and what is known of each and of the others."""

    code: str
    evidence: dict[str, Evidence]
    refused: tuple[RefusedTest, ...]
    suspected: tuple[SuspectedBug, ...]
    asked_lines: list[int]
    mutants: list[dict[str, Any]]

    def output(self) -> dict[str, Any]:
        """The part of an accepted output that running it adds."""
        executed = {line for each in self.evidence.values() for line in each.lines}
        return {
            "code": self.code,
            "tests": list(self.evidence),
            "verified": True,
            "asked_lines": self.asked_lines,
            "gained_lines": [line for line in self.asked_lines if line in executed],
            "mutants": self.mutants,
            "evidence": {test: {"lines": each.lines, "kills": each.kills} for test, each in self.evidence.items()},
            "refused_tests": refused_tests(self.refused),
            "suspected_bugs": suspected_bugs(self.suspected),
        }


def refused_tests(tests: Iterable[RefusedTest]) -> list[dict[str, str]]:
    """Refused tests as they stand in results and evidence."""
    return [{"test": each.test, "reason": each.reason, "detail": each.detail} for each in tests]


def suspected_bugs(bugs: Iterable[SuspectedBug]) -> list[dict[str, str]]:
    """Suspected bugs, likewise."""
    return [{"test": each.test, "error": each.error, "code": each.code} for each in bugs]


def refusal(
    refused: Iterable[RefusedTest],
    suspected: Iterable[SuspectedBug],
    *,
    missing: Iterable[int] = (),
    reached: Iterable[int] = (),
    log: str = "",
) -> Refused:
    """Refuse an answer of which no test is kept: by the rung that came farthest, with all problems in one message."""
    tests, bugs = list(refused), list(suspected)
    problems = [*tests, *(RefusedTest(bug.test, "suspected_bug", bug.error) for bug in bugs)]
    worst = max(problems, key=lambda each: ALL_RUNGS.index(each.reason))
    told = sorted(problems, key=lambda each: -ALL_RUNGS.index(each.reason))[:_TOLD_TESTS]
    lines = list(dict.fromkeys(_told(each) for each in told))
    if len(problems) > len(told):
        lines.append(f"{len(problems) - len(told)} more tests were not kept.")
    if worst.reason == "target_not_reached":
        lines.append(f"No test executes the target's lines {spans(missing)}.")
    evidence = {
        "refused_tests": refused_tests(tests),
        "suspected_bugs": suspected_bugs(bugs),
        "reached": sorted(reached),
        "signature": sorted({f"{each.reason}: {_last_line(each.detail)}" for each in problems}),
        "log": log[-_LOG_CHARACTERS:],
    }
    return Refused(worst.reason, "\n".join(lines), evidence=evidence)


def is_hopeless(now: Refused, former: Any) -> bool:
    """Tell whether another try is not worth it: the same errors as before, or no line more was reached."""
    if not isinstance(now.evidence, dict) or not isinstance(former, dict):
        return False
    if now.evidence["signature"] == former.get("signature"):
        return True
    if now.reason != "target_not_reached" or "reached" not in former:  # a reviewer's refusal tells nothing of it
        return False
    return set(now.evidence["reached"]) <= set(former["reached"])


def spans(lines: Iterable[int]) -> str:
    """`3, 5-7` for 3, 5, 6, 7."""
    parts: list[list[int]] = []
    for line in sorted(lines):
        if parts and line == parts[-1][-1] + 1:
            parts[-1][-1] = line
        else:
            parts.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def _told(each: RefusedTest) -> str:
    detail = each.detail.strip()
    if len(detail) > _TOLD_CHARACTERS:
        detail = "…" + detail[-_TOLD_CHARACTERS:]
    return f"{each.test}: {_WORDS.get(each.reason, each.reason)}: {detail}"


_WORDS = {
    "suspected_bug": "its assertion fails; assert what the shown code really does",
    "assertion_failed": "its assertion fails",
    "raised_error": "it raises",
}


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else ""
