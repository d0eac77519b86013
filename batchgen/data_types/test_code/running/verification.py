"""The rungs that run a draft, in the sandbox: what its tests do, whether they stay green, what they notice.

Every seed and order is fixed, so that the same draft gets the same verdict on every machine and after every crash.
"""

from __future__ import annotations

import ast
import hashlib
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from batchgen.data_types.contract import Refused
from batchgen.data_types.test_code.answer.collection import collect
from batchgen.data_types.test_code.answer.ladder import RefusedTest, SoundDraft
from batchgen.data_types.test_code.answer.pruning import only
from batchgen.data_types.test_code.answer.target_use import mentions
from batchgen.data_types.test_code.code.edits import apply
from batchgen.data_types.test_code.code.parsing import NotPython, parse
from batchgen.data_types.test_code.code.segment import runtime_lines, sabotage
from batchgen.data_types.test_code.running.canary import with_failing_tests
from batchgen.data_types.test_code.running.mutation import Mutant, mutants
from batchgen.data_types.test_code.running.verdict import Evidence, SuspectedBug, Verified, refusal
from batchgen.sandbox import Run, RunReport, Sandbox, Session, TestRun

_BUDGET = 12
"""Time limits that all runs of one answer may take together."""
_TOO_LONG = f"The answer's tests take over {_BUDGET} times the limit of one run."
_ORDERS: tuple[tuple[Literal["reversed", "shuffled"], int], ...] = (
    ("reversed", 11),
    ("shuffled", 12),
    ("shuffled", 13),
)
_MORE_ORDERS = (21, 22, 23, 24, 25, 26)
"""For tests that may depend on chance: what they use, or what they execute, says so."""
_MOST_ROUNDS = 3
_FAILS = frozenset({"assertion_failed", "raised_error", "fixture_error"})
_NOT_IMPORTED = frozenset({"import_error", "collection_error"})
_CHANCE = frozenset({"random", "time", "datetime", "uuid", "secrets", "threading", "asyncio", "concurrent", "tempfile"})
_NOT_A_TEST_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class Segment:
    """The lines under test: where they are, the text of their module, and which lines are wanted."""

    path: str
    source: str
    first: int
    last: int
    missing: Collection[int] | None = None
    """Lines that nothing executes yet; None: all of them are asked for."""


@dataclass(slots=True)
class _Outcome:
    """One test in one round of runs: no reason where it passed."""

    reason: str
    detail: str
    lines: frozenset[int] = frozenset()

    @property
    def passed(self) -> bool:
        return not self.reason


class Verification:
    """One draft on its way through the runs."""

    def __init__(self, sandbox: Sandbox, segment: Segment, draft: SoundDraft, time_limit_s: float) -> None:
        self._sandbox = sandbox
        self._segment = segment
        self._draft = draft
        self._refused = list(draft.refused)
        self._suspected: list[SuspectedBug] = []
        self._runtime = runtime_lines(segment.source, segment.first, segment.last)
        self._reached: set[int] = set()
        self._time_limit_s = time_limit_s
        self._word = hashlib.sha256(f"{segment.source}{draft.code}".encode()).hexdigest()[:12]
        """What controls raise: the same for the same draft, and known to no test."""
        self._ends_at = time.monotonic() + _BUDGET * time_limit_s
        self._log = ""
        self._quick_s = time_limit_s
        """What a run may take in which nothing new is expected, going by the first one."""

    def verdict(self) -> Verified | Refused:
        """Run it all; raises SandboxBroken where no sandbox can be started."""
        with self._sandbox.session(hash_seed=1) as session:
            first, suspects = self._first_run(session)
            kept = [test for test, outcome in first.items() if outcome.passed]
            kept = self._without_the_deaf(session, kept)
            dead, untold = self._without_the_lifeless(session, kept)
            kept = [test for test in kept if test in dead or test in untold]
            evidence = {test: Evidence(sorted(first[test].lines)) for test in kept}
            tried = self._note_kills(session, kept, evidence) if kept else []
            for test in untold:
                if not evidence[test].kills:
                    why = "Without the target it cannot be imported, and it notices no change."
                    self._refuse(test, "survives_sabotage", why)
                    kept.remove(test)
        if kept or suspects:
            with self._sandbox.session(hash_seed=2) as session:
                kept = self._without_the_dependent(session, kept)
                kept = self._without_the_unstable(session, kept, first)
                self._note_suspects(session, suspects, first)
        if not kept:
            return refusal(self._refused, self._suspected, missing=self._asked(), reached=self._reached, log=self._log)
        return Verified(
            code=self._only(kept),
            evidence={test: evidence[test] for test in kept},
            refused=tuple(self._refused),
            suspected=tuple(self._suspected),
            asked_lines=self._asked(),
            mutants=[{"id": each.id, "line": each.line, "change": each.change} for each in tried],
        )

    def _asked(self) -> list[int]:
        missing = self._segment.missing
        return sorted(self._runtime if missing is None else self._runtime.intersection(missing))

    def _refuse(self, test: str, reason: str, detail: str) -> None:
        self._refused.append(RefusedTest(test, reason, detail))

    # The rungs

    def _first_run(self, session: Session) -> tuple[dict[str, _Outcome], list[str]]:
        """Run the draft as it is; returns what each test did, and those that fail by an assertion about the target."""
        run = Run(self._time_limit_s, code=self._draft.code, measure=[self._segment.path])
        outcomes = self._outcomes(session, run, self._draft.tests)
        self._look_alone(session, run, outcomes)
        suspects = []
        for test, outcome in outcomes.items():
            self._reached |= outcome.lines
            reaches = bool(outcome.lines) or not self._runtime
            if outcome.reason == "assertion_failed" and reaches:
                suspects.append(test)
            elif outcome.passed and not reaches:
                outcome.reason = "target_not_reached"
                outcome.detail = "It executes no line of the target."
            if outcome.reason and test not in suspects:
                self._refuse(test, outcome.reason, outcome.detail)
        return outcomes, suspects

    def _look_alone(self, session: Session, run: Run, outcomes: dict[str, _Outcome]) -> None:
        """Run tests that reached nothing each alone: what a module's fixture executes counts for its first user."""
        for test, outcome in outcomes.items():
            if outcome.passed and not outcome.lines and self._runtime:
                alone = self._outcomes(session, replace(run, select=[test]), [test])[test]
                outcome.lines = alone.lines if alone.passed else frozenset()

    def _without_the_deaf(self, session: Session, kept: list[str]) -> list[str]:
        """Leave out the tests that are not seen to fail when they raise AssertionError at once."""
        if not kept:
            return []
        code = with_failing_tests(self._only(kept), self._word)
        outcomes = self._outcomes(session, Run(self._time_limit_s, code=code), kept)
        for test in kept:
            if outcomes[test].reason != "assertion_failed":
                self._refuse(test, "cannot_fail", "It is not seen to fail where its first line fails.")
        return [test for test in kept if outcomes[test].reason == "assertion_failed"]

    def _without_the_lifeless(self, session: Session, kept: list[str]) -> tuple[list[str], list[str]]:
        """Leave out the tests that do not fail by themselves although the target's body only raises.

        Returns those that do, and those of which that cannot be told: the target is needed to import them.
        """
        if not kept:
            return [], []
        edits = sabotage(self._segment.source, self._segment.first, self._segment.last, self._word)
        variant = (self._segment.path, apply(self._segment.source, edits))
        outcomes = self._outcomes(session, Run(self._time_limit_s, code=self._only(kept), variant=variant), kept)
        untold = [test for test in kept if outcomes[test].reason in _NOT_IMPORTED]
        dead = [test for test in kept if outcomes[test].reason in _FAILS]
        for test, outcome in outcomes.items():
            if test not in untold and test not in dead:
                how = "It passes" if outcome.passed else f"It is not seen to fail ({outcome.reason})"
                self._refuse(test, "survives_sabotage", f"{how} although the target's body is replaced by `raise`.")
        return dead, untold

    def _note_kills(self, session: Session, kept: list[str], evidence: dict[str, Evidence]) -> list[Mutant]:
        """Run the tests on a handful of mutants of the segment, and note which test notices which."""
        segment = self._segment
        covered = {line for test in kept for line in evidence[test].lines}
        tried = mutants(segment.source, segment.first, segment.last, wanted=covered)
        code = self._only(kept)
        for mutant in tried:
            if self._left_s() <= 0:
                break
            variant = (segment.path, apply(segment.source, mutant.edits))
            report = session.run(Run(self._quick_s, code=code, variant=variant))
            for test in kept:
                if _is_killed_by(report, test):
                    evidence[test].kills.append(mutant.id)
        return tried

    def _without_the_dependent(self, session: Session, kept: list[str]) -> list[str]:
        """Leave out the tests that do not pass alone: of those that are kept, files hold and users run any few."""
        if len(kept) < 2:  # noqa: PLR2004 - one is alone already
            return kept
        code = self._only(kept)
        fallen = set()
        for test in kept:
            alone = self._outcomes(session, Run(self._time_limit_s, code=code, select=[test]), [test])[test]
            if not alone.passed:
                fallen.add(test)
                self._refuse(test, "unstable", f"It passes after others, and alone not: {alone.detail or alone.reason}")
        return [test for test in kept if test not in fallen]

    def _without_the_unstable(self, session: Session, kept: list[str], first: dict[str, _Outcome]) -> list[str]:
        """Run what would be kept in other orders, with other seeds, until all of it stays green together."""
        for _ in range(_MOST_ROUNDS):
            if not kept:
                return []
            fallen = self._fallen(session, kept, first)
            if not fallen:
                return kept
            for test, detail in fallen.items():
                self._refuse(test, "unstable", f"It passed, and with another order or seed it did not: {detail}")
            kept = [test for test in kept if test not in fallen]
        for test in kept:
            self._refuse(test, "unstable", "Together with the others it does not stay green.")
        return []

    def _fallen(self, session: Session, kept: list[str], first: dict[str, _Outcome]) -> dict[str, str]:
        code = self._only(kept)
        shaky = _depending_on_chance(code, kept)
        fallen: dict[str, str] = {}
        for order, seed in _ORDERS:
            run = Run(self._time_limit_s, code=code, seed=seed, order=order, measure=[self._segment.path])
            for test, outcome in self._outcomes(session, run, kept).items():
                if not outcome.passed:
                    fallen.setdefault(test, outcome.detail or outcome.reason)
                elif outcome.lines != first[test].lines:
                    shaky.add(test)
        shaky -= fallen.keys()
        for seed in _MORE_ORDERS if shaky else ():
            run = Run(self._time_limit_s, code=code, seed=seed, order="shuffled", select=sorted(shaky))
            for test, outcome in self._outcomes(session, run, sorted(shaky)).items():
                if not outcome.passed:
                    fallen.setdefault(test, outcome.detail or outcome.reason)
        return fallen

    def _note_suspects(self, session: Session, suspects: list[str], first: dict[str, _Outcome]) -> None:
        """A failing assertion that fails each time may be a bug of the code: the reviewer has to see."""
        if not suspects:
            return
        code = self._only(suspects)
        stable = set(suspects)
        for order, seed in _ORDERS:
            again = self._outcomes(session, Run(self._time_limit_s, code=code, seed=seed, order=order), suspects)
            stable &= {test for test, outcome in again.items() if outcome.reason == "assertion_failed"}
        for test in suspects:
            if test in stable:
                self._suspected.append(SuspectedBug(test, first[test].detail, _text_of(code, test)))
            else:
                self._refuse(test, "unstable", f"Its assertion fails, but not each time: {first[test].detail}")

    # Runs

    def _left_s(self) -> float:
        return self._ends_at - time.monotonic()

    def _only(self, tests: Collection[str]) -> str:
        """The draft's code with no tests but these."""
        return only(self._draft.code, tests) or self._draft.code  # whose other tests are then told of as unexpected

    def _outcomes(self, session: Session, run: Run, tests: Iterable[str]) -> dict[str, _Outcome]:
        """What each test does; one that ends or overruns the run is left out, and the others run again without it."""
        left = list(tests)
        found: dict[str, _Outcome] = {}
        alone = False
        while left:
            if self._left_s() <= 0:
                found |= {test: _Outcome("time_limit", _TOO_LONG) for test in left}
                break
            chosen = left[:1] if alone else left
            report = session.run(replace(run, select=chosen if found or alone or run.select else None))
            self._log = report.output or self._log
            if report.outcome == "finished" and self._quick_s == self._time_limit_s:
                self._quick_s = min(self._time_limit_s, 2 + 4 * report.seconds)
            problem = _of_the_whole(report, set(tests))
            if problem is not None:
                found |= dict.fromkeys(left, problem)
                break
            if report.outcome == "finished" and report.running is None:
                found |= self._finished(report, chosen)
            elif report.running in chosen and report.outcome != "left_processes":
                found[report.running] = _broken(report)  # the others run again: what they did was not told
            elif len(chosen) == 1:
                found |= dict.fromkeys(chosen, _broken(report))
            else:
                alone = True
            left = [test for test in left if test not in found]
        return {test: found[test] for test in tests}

    def _finished(self, report: RunReport, chosen: Iterable[str]) -> dict[str, _Outcome]:
        found = {}
        for test in chosen:
            ran = report.tests.get(test, TestRun())
            lines = frozenset(ran.lines.get(self._segment.path, ())) & self._runtime
            found[test] = _Outcome(*_reason(ran), lines)
        return found


def _of_the_whole(report: RunReport, tests: set[str]) -> _Outcome | None:
    """What is wrong with the file as a whole, if something is."""
    if report.outcome == "forged_report":
        return _Outcome("forged_report", "It wrote into the channel that results come through.")
    if report.not_collected:
        kind = (
            "import_error" if "ImportError" in report.not_collected or "ModuleNotFound" in report.not_collected else ""
        )
        return _Outcome(kind or "collection_error", _trimmed(report.not_collected))
    others = [test for test in report.collected if test not in tests]
    if others:
        return _Outcome("report_differs", f"pytest reports tests that the file does not show: {', '.join(others[:3])}")
    return None


def _broken(report: RunReport) -> _Outcome:
    """Why a run ended before its tests did."""
    match report.outcome:
        case "time_limit":
            return _Outcome("time_limit", "It does not end within the time limit.")
        case "memory_limit" | "process_limit" | "output_limit":
            return _Outcome(report.outcome, f"It passes the sandbox's limit on {report.outcome.partition('_')[0]}.")
        case "left_processes":
            return _Outcome("left_processes", "It leaves processes behind.")
        case _:
            return _Outcome("exited_early", _trimmed(f"It ends the test process ({report.outcome}). {report.output}"))


_REASONS = {"skipped": "skipped", "xfailed": "expected_failure", "xpassed": "expected_failure"}


def _reason(ran: TestRun) -> tuple[str, str]:
    """The reason code of one test's outcome, and its error; both empty for one that passed."""
    if ran.outcome == "passed":
        return "", ""
    if ran.failure is None:
        reason = _REASONS.get(ran.outcome, "not_reported")
        return reason, f"pytest reports it as {ran.outcome}, which shows nothing."
    failure = ran.failure
    if failure.kind == "MemoryError":
        return "memory_limit", _trimmed(failure.text)
    if failure.phase == "call" and failure.is_assertion:
        return "assertion_failed", _trimmed(failure.text)
    return ("fixture_error" if failure.phase == "setup" else "raised_error"), _trimmed(failure.text)


def _trimmed(text: str) -> str:
    """The end of an error, where it says what happened."""
    return text if len(text) <= _NOT_A_TEST_ERROR else "…" + text[-_NOT_A_TEST_ERROR:]


def _is_killed_by(report: RunReport, test: str) -> bool:
    """Tell whether a test itself failed, or ran when the time was over; what keeps the file from running is no kill."""
    ran = report.tests.get(test)
    if report.outcome == "time_limit":
        return report.running == test or (ran is not None and ran.outcome == "failed")
    return report.outcome == "finished" and ran is not None and ran.outcome == "failed"


def _text_of(code: str, test: str) -> str:
    tree = parse(code)
    if isinstance(tree, NotPython):
        return ""
    found = (each.node for each in collect(tree) if each.test_id == test)
    return next((ast.get_source_segment(code, node) or "" for node in found), "")


def _depending_on_chance(code: str, tests: Collection[str]) -> set[str]:
    """The tests, if the file uses what chance or the clock decides, whatever it imports of it."""
    tree = parse(code)
    if isinstance(tree, NotPython):
        return set()
    found = mentions(tree)
    imported = {dotted for meanings in found.bound.values() for dotted in meanings} | found.stars
    modules = {dotted.partition(".")[0] for dotted in imported}
    return set() if modules.isdisjoint(_CHANCE) and "os.urandom" not in found.loaded else set(tests)
