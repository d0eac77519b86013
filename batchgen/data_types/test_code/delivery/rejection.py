"""What is left of an accepted output when a reviewer rejects some of its tests, or all of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from batchgen.data_types.contract import InseparablePart, UnknownPart
from batchgen.data_types.test_code.answer.pruning import only

REJECTED = "rejected_by_reviewer"


def without_tests(output: dict[str, Any], tests: Collection[str], note: str) -> dict[str, Any] | None:
    """Return the output less these tests, or None where no test is left.

    Raises UnknownPart for one that it has not, InseparablePart where the rest cannot stand without it.
    """
    unknown = [test for test in tests if test not in output["tests"]]
    if unknown:
        raise UnknownPart(unknown[0])
    kept = [test for test in output["tests"] if test not in tests]
    if not kept:
        return None
    refused = [{"test": test, "reason": REJECTED, "detail": note} for test in output["tests"] if test in tests]
    code = only(output["code"], kept)
    if code is None:
        raise InseparablePart(min(tests))
    left = output | {"code": code, "tests": kept}
    left["refused_tests"] = [*output.get("refused_tests", ()), *refused]
    if output.get("verified"):
        left["evidence"] = {test: output["evidence"][test] for test in kept}
        executed = {line for test in kept for line in output["evidence"][test]["lines"]}
        left["gained_lines"] = [line for line in output["asked_lines"] if line in executed]
    return left


def evidence_of(output: dict[str, Any]) -> dict[str, Any]:
    """Return what a run has shown of an output's other tests: it is true whatever becomes of the output."""
    return {name: output.get(name, []) for name in ("refused_tests", "suspected_bugs")}
