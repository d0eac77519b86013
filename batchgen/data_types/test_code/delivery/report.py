"""What a reviewer is told: totals, suspected bugs, the tests that show least, and every target with its evidence."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import orjson

from batchgen.data_types.contract import BatchFacts, Outcome, ReportPart, Result
from batchgen.data_types.report_page import render_page
from batchgen.data_types.test_code.delivery.delivered import Delivered
from batchgen.data_types.test_code.delivery.wording import some
from batchgen.data_types.test_code.running.verdict import spans

_MOST_RISKY = 20
_MOST_SUSPECTED = 200
_SHOWN_RISKY = 4
_SHOWN_SUSPECTED = 4


@dataclass(slots=True)
class Totals:
    """Sums over a batch."""

    verified: int = 0
    unverified: int = 0
    unverified_because: str = ""
    kept: int = 0
    """Tests of accepted targets, whether somebody ran them or not."""
    passed: int = 0
    """Those of them that were run."""
    refused: int = 0
    delivered: int = 0
    suspected: int = 0
    asked_lines: int = 0
    gained_lines: int = 0
    mutants: int = 0
    killed: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    risky: list[tuple[tuple[int, int], str, dict[str, Any]]] = field(default_factory=list)
    bugs: list[dict[str, Any]] = field(default_factory=list)

    def add(self, target: dict[str, Any]) -> None:
        """Count a target."""
        self.kept += len(target["tests"])
        self.refused += len(target["refused_tests"])
        self.delivered += len(target["delivered"])
        self.suspected += len(target["suspected_bugs"])
        self.by_reason.update(each["reason"] for each in target["refused_tests"])
        room = _MOST_SUSPECTED - len(self.bugs)
        self.bugs += [{"record_id": target["record_id"], **bug} for bug in target["suspected_bugs"][:room]]
        if target["state"] != "accepted":
            return
        if not target["verified"]:
            self.unverified += 1
            self.unverified_because = target["unverified_because"]
            return
        self.verified += 1
        self.passed += len(target["tests"])
        self.asked_lines += len(target["asked_lines"])
        self.gained_lines += len(target["gained_lines"])
        self.mutants += len(target["mutants"])
        self.killed += len({kill for each in target["tests"] for kill in each["kills"]})
        for test in target["tests"]:
            self._weigh(target, test)

    def _weigh(self, target: dict[str, Any], test: dict[str, Any]) -> None:
        """Keep the tests that show least: they notice no mutant, then they execute few lines."""
        name = f"{target['record_id']}::{test['test']}"
        asked = len(target["asked_lines"])
        if target["mutants"] and not test["kills"]:
            why = f"it notices none of {len(target['mutants'])} changes to its target"
        elif asked and len(test["lines"]) * 2 < asked:
            why = f"it executes {len(test['lines'])} of {asked} lines"
        else:
            return
        weight = (-len(test["kills"]), -len(test["lines"]))
        item = {"id": name, "why": why, "lines": len(test["lines"]), "kills": len(test["kills"])}
        heapq.heappush(self.risky, (weight, name, item))
        if len(self.risky) > _MOST_RISKY:
            heapq.heappop(self.risky)

    def riskiest(self) -> list[dict[str, Any]]:
        """The riskiest first."""
        return [
            item for _, _, item in sorted(self.risky, key=lambda each: (each[0][0], each[0][1], each[1]), reverse=True)
        ]

    def highlights(self) -> list[str]:
        """What a reviewer should read first, a line each."""
        lines = []
        if self.unverified:
            lines.append(
                f"Unverified: nobody has run the tests of {some(self.unverified, 'target')}. {self.unverified_because}"
            )
        if self.verified:
            lines.append(
                f"{some(self.passed, 'test')} of {some(self.verified, 'target')} passed in the sandbox: "
                f"{self.gained_lines:,} of {self.asked_lines:,} lines, {self.killed:,} of {self.mutants:,} mutants."
            )
        if self.kept:
            lines.append(f"The files hold {self.delivered:,} of {some(self.kept, 'accepted test')}.")
        if self.suspected:
            bugs = some(self.suspected, "suspected bug")
            lines.append(f"{bugs}: an assertion fails each time it is run; the test or the code is wrong.")
        lines += [f"Suspected bug: {bug['record_id']}::{bug['test']}" for bug in self.bugs[:_SHOWN_SUSPECTED]]
        lines += [f"Look at {each['id']}: {each['why']}." for each in self.riskiest()[:_SHOWN_RISKY]]
        return lines

    def fields(self) -> dict[str, Any]:
        """The part of report.json."""
        return {
            "highlights": self.highlights(),
            "tests": {
                "verified": self.verified,
                "unverified": self.unverified,
                "kept": self.kept,
                "passed": self.passed,
                "delivered": self.delivered,
                "refused": self.refused,
                "by_reason": dict(sorted(self.by_reason.items())),
                "suspected_bugs": self.suspected,
                "asked_lines": self.asked_lines,
                "gained_lines": self.gained_lines,
                "mutants": self.mutants,
                "killed": self.killed,
            },
            "riskiest": self.riskiest(),
            "suspected_bugs": self.bugs,
        }


def write_report(
    outcomes: Callable[[], Iterator[Outcome]], delivered: Delivered, facts: BatchFacts, folder: Path
) -> ReportPart:
    """Write report.html into `folder`; returns the part of report.json, whose targets lie there too."""
    totals = Totals()
    targets = folder / ".targets.jsonl"
    with targets.open("wb") as file:
        for outcome in outcomes():
            target = _target(outcome, delivered)
            totals.add(target)
            file.write(orjson.dumps(target, option=orjson.OPT_APPEND_NEWLINE))
    template = resources.files("batchgen.data_types.test_code.delivery").joinpath("report.html.j2")
    render_page(
        template.read_text(encoding="utf-8"),
        folder / "report.html",
        filters={"spans": lambda lines: spans(lines) or "none", "some": some},
        facts=facts,
        totals=totals,
        targets=_read(targets),
    )
    return ReportPart(totals.fields(), targets)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _target(outcome: Outcome, delivered: Delivered) -> dict[str, Any]:
    data = outcome.record.data
    target: dict[str, Any] = {
        "record_id": outcome.record.record_id,
        "path": data.get("path", ""),
        "lines": [data.get("first", 0), data.get("last", 0)],
        "state": "accepted" if isinstance(outcome, Result) else "refused",
        "verified": False,
        "unverified_because": "",
        "asked_lines": [],
        "gained_lines": [],
        "mutants": [],
        "tests": [],
        "delivered": [],
        "refused_tests": [],
        "suspected_bugs": [],
        "reason": "",
        "detail": "",
        "log": "",
        "code": "",
    }
    if isinstance(outcome, Result):
        output = outcome.output
        shown = (
            "verified",
            "unverified_because",
            "asked_lines",
            "gained_lines",
            "mutants",
            "refused_tests",
            "suspected_bugs",
        )
        target |= {name: output[name] for name in shown if name in output}
        evidence = output.get("evidence", {})
        nothing: dict[str, list[Any]] = {"lines": [], "kills": []}
        target["tests"] = [{"test": test, **evidence.get(test, nothing)} for test in output["tests"]]
        target["delivered"] = [test for test in output["tests"] if (outcome.record.record_id, test) in delivered]
        target["code"] = output["code"]
    else:
        evidence = outcome.evidence if isinstance(outcome.evidence, dict) else {}
        target |= {"reason": outcome.reason, "detail": outcome.detail}
        target |= {name: evidence[name] for name in ("refused_tests", "suspected_bugs", "log") if name in evidence}
        answer = outcome.output
        if isinstance(answer, dict):  # it was accepted before a reviewer refused it
            answer = answer.get("code")
        target["code"] = answer if isinstance(answer, str) else ""
    return target
