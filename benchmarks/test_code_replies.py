"""How many recorded answers of a model the type test_code can use, and what judging them costs.

Each reply becomes one record whose `lines` are the segment, judged in an environment with the pinned packages. What is
accepted is then run five more times with other seeds and orders, and once with the target's body replaced by `raise`;
the files that would be delivered are run as they are; some answers are judged again on a source with a planted bug.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from batchgen.data_types.contract import Accepted, BatchFacts, Record, Refused, Result, Workplace
from batchgen.data_types.test_code import TEST_CODE
from batchgen.data_types.test_code.code.definitions import Definition, definitions, first_line, last_line
from batchgen.data_types.test_code.code.edits import apply
from batchgen.data_types.test_code.code.segment import sabotage
from batchgen.data_types.test_code.code.source_tree import module_name
from batchgen.data_types.test_code.code.targets import find_targets
from batchgen.data_types.test_code.delivery.files import write_test_files
from batchgen.data_types.test_code.running.bench import TestBench
from batchgen.data_types.test_code.running.material import pack_material
from batchgen.data_types.test_code.running.mutation import mutants
from batchgen.data_types.test_code.running.requirements import find_requirements
from batchgen.sandbox import Run
from batchgen.sources.opened import OpenedSource

REQUIREMENTS = {
    "dataclasses-json": ("marshmallow==3.20.1", "marshmallow_enum", "stringcase", "typing_inspect"),
}
"""What the packages need beyond what they say."""
PLUGINS = ("pytest-mock", "pytest-asyncio")
"""The replies use them."""
FURTHER_RUNS = 5
PLANTED = 20
"""Answers of each package that are judged on code with planted bugs, and bugs planted for each."""
BUGS = 2


@dataclass(frozen=True)
class Reply:
    package: str
    record: Record
    text: str


@dataclass
class Judged:
    reply: Reply
    verdict: Accepted | Refused
    further: list[Counter[str]]
    survivors: int = 0


@dataclass
class Planted:
    """Bugs planted into the code of accepted answers."""

    failing: int = 0
    """Where a right test's assertion fails."""
    suspected: int = 0


def main() -> None:
    """Judge, check what was accepted, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("replies", type=Path, help="JSON lines: package (a pin), path, lines, reply")
    parser.add_argument("--cache", type=Path, help="a folder to keep environments in")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.replies.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        cache = given.cache or Path(folder) / "cache"
        figures = _measure(rows, Path(folder), cache)
    for name, value in figures.items():
        print(f"{name:32} {value}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


def _measure(rows: list[dict[str, Any]], folder: Path, cache: Path) -> dict[str, Any]:
    judged: list[Judged] = []
    judging_s = 0.0
    files: Counter[str] = Counter()
    planted = Planted()
    for package in sorted({row["package"] for row in rows}):
        source, material = _prepare(package, folder)
        workplace = Workplace(folder / "verdicts" / package.partition("=")[0], material)
        workplace.cache.mkdir(parents=True)
        (workplace.cache / "environments").symlink_to(_made(cache / "environments"))
        strategy = TEST_CODE.result_strategy(TEST_CODE.options_type(), workplace)
        bench = TestBench.open(material, workplace.cache)
        if not isinstance(bench, TestBench):
            sys.exit(bench.problem)
        replies = [_reply(row, source) for row in rows if row["package"] == package]
        workers = strategy.parallel
        with ThreadPoolExecutor(workers) as pool:
            began = time.monotonic()
            records, texts = [each.record for each in replies], [each.text for each in replies]
            verdicts = list(pool.map(strategy.judge, records, texts))
            judging_s += time.monotonic() - began
            judged += pool.map(_checked, replies, verdicts, [bench] * len(replies), [source] * len(replies))
            files += _delivered(replies, verdicts, bench, folder)
            pairs = zip(replies, verdicts, strict=True)
            right = [(reply, verdict) for reply, verdict in pairs if isinstance(verdict, Accepted)]
            chosen = right[:: max(1, len(right) // PLANTED)]
            plant = partial(_planted, source=source, material=material, folder=folder, cache=cache)
            for failing, suspected in pool.map(plant, chosen):
                planted.failing += failing
                planted.suspected += suspected
    return _figures(judged, judging_s, files, planted)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute()


def _prepare(package: str, folder: Path) -> tuple[Path, Path]:
    """Install the package alone, as a source to be tested, and pack it with its requirements."""
    source = folder / package
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(source), package]
    subprocess.run(command, check=True)
    extra = REQUIREMENTS.get(package.partition("=")[0], ())
    replaced = {_name(each) for each in extra}
    wanted = {each for each in find_requirements(source, None) if _name(each) not in replaced}
    wanted |= {*extra, *PLUGINS}
    material = folder / f"{package}.tar.gz"
    pack_material(OpenedSource(str(source), source), sorted(wanted), material)
    return source, material


def _name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def _reply(row: dict[str, Any], source: Path) -> Reply:
    first, last = map(int, row["lines"].split("-"))
    file = source / row["path"]
    qualname, through = _definition(ast.parse(file.read_text(encoding="utf-8")), first, last)
    data = {
        "path": row["path"],
        "module": module_name(file, source),
        "qualname": qualname,
        "kind": "segment",
        "first": first,
        "last": last,
    }
    if through:
        data["through"] = through
    return Reply(row["package"], Record(f"{row['path']}:{qualname}:{row['lines']}", data), row["reply"])


def _definition(tree: ast.Module, first: int, last: int) -> tuple[str, str]:
    """The definition that begins in the segment, else the innermost one around it, and what dispatches to it."""
    through = {target.first: target.through for target in find_targets(tree.body, 1)}
    around = ("", "")
    for name, node in _definitions(tree.body, ""):
        found = name, through.get(first_line(node), "")
        if first <= first_line(node) <= last or first <= node.lineno <= last:
            return found
        if first_line(node) <= first and last <= last_line(node):
            around = found
    return around


def _definitions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Definition]]:
    for node in definitions(body):
        yield prefix + node.name, node
        yield from _definitions(node.body, f"{prefix}{node.name}.")


def _checked(reply: Reply, verdict: Accepted | Refused, bench: TestBench, source: Path) -> Judged:
    """Run an accepted answer five more times, and once against nothing but `raise`."""
    judged = Judged(reply, verdict, [])
    if not isinstance(verdict, Accepted):
        return judged
    data, code = reply.record.data, verdict.output["code"]
    text = (source / data["path"]).read_text(encoding="utf-8")
    broken = apply(text, sabotage(text, data["first"], data["last"]))
    for number in range(FURTHER_RUNS):
        with bench.sandbox(data).session(hash_seed=1000 + number) as session:
            report = session.run(Run(20, code=code, seed=1000 + number, order="shuffled"))
            judged.further.append(Counter(test.outcome for test in report.tests.values()))
            if number == 0:
                report = session.run(Run(20, code=code, variant=(data["path"], broken)))
                judged.survivors = sum(test.outcome == "passed" for test in report.tests.values())
    return judged


def _delivered(
    replies: list[Reply], verdicts: list[Accepted | Refused], bench: TestBench, folder: Path
) -> Counter[str]:
    """Run the files that a job of these answers would deliver, each as it is; returns outcomes of their tests."""
    out = folder / f"delivered-{replies[0].package}"
    pairs = zip(replies, verdicts, strict=True)
    results = [Result(each.record, verdict.output, 1) for each, verdict in pairs if isinstance(verdict, Accepted)]
    facts = BatchFacts("b", "j", "m", datetime.now(UTC), False, 1, len(replies), len(results), 0, 0, Decimal(0))
    write_test_files(results, facts, out)
    outcomes: Counter[str] = Counter()
    with bench.sandbox(results[0].record.data).session(hash_seed=7) as session:
        for file in sorted((out / "tests").glob("*.py")):
            report = session.run(Run(120, code=file.read_text(encoding="utf-8"), order="shuffled", seed=7))
            outcomes.update(test.outcome for test in report.tests.values())
            outcomes["files"] += 1
    return outcomes


def _planted(
    answer: tuple[Reply, Accepted], *, source: Path, material: Path, folder: Path, cache: Path
) -> tuple[int, int]:
    """Judge an accepted answer on code with a bug; returns where its assertions fail, and where that is suspected."""
    reply, verdict = answer
    data = reply.record.data
    text = (source / data["path"]).read_text(encoding="utf-8")
    with tarfile.open(material) as packed:
        requirements = (packed.extractfile("requirements.txt") or io.BytesIO()).read().decode().split("\n")
    failing = suspected = 0
    for mutant in mutants(text, data["first"], data["last"], most=BUGS):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            copy = Path(place) / "source"
            shutil.copytree(source, copy)
            (copy / data["path"]).write_text(apply(text, mutant.edits), encoding="utf-8")
            broken = Path(place) / "material"
            pack_material(OpenedSource(str(copy), copy), [each for each in requirements if each], broken)
            workplace = Workplace(Path(place) / "cache", broken)
            workplace.cache.mkdir()
            (workplace.cache / "environments").symlink_to((cache / "environments").absolute())
            again = TEST_CODE.result_strategy(TEST_CODE.options_type(), workplace).judge(
                Record("r", data), f"```python\n{verdict.output['code']}\n```"
            )
        held = again.output if isinstance(again, Accepted) else again.evidence or {}
        reasons = {each["reason"] for each in held.get("refused_tests", [])}
        bugs = held.get("suspected_bugs", [])
        failing += bool(bugs) or "assertion_failed" in reasons
        suspected += bool(bugs)
    return failing, suspected


def _figures(judged: list[Judged], judging_s: float, files: Counter[str], planted: Planted) -> dict[str, Any]:
    accepted = [each for each in judged if isinstance(each.verdict, Accepted)]
    tests = sum(len(each.verdict.output["tests"]) for each in accepted if isinstance(each.verdict, Accepted))
    runs = sum((sum(each.further, Counter()) for each in accepted), Counter[str]())
    reasons = Counter(each.verdict.reason for each in judged if isinstance(each.verdict, Refused))
    suspected = sum(len(_suspected(each.verdict)) for each in judged)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "replies": len(judged),
        "replies with a kept test": f"{len(accepted)} ({len(accepted) / len(judged):.1%})",
        "kept tests": tests,
        "further runs passed": f"{runs['passed'] / max(1, sum(runs.values())):.2%} of {sum(runs.values())}",
        "tests that survive sabotage": sum(each.survivors for each in accepted),
        "suspected bugs": suspected,
        "refused": dict(reasons.most_common()),
        "delivered": f"{files.pop('files')} files, {files['passed']} of {sum(files.values())} tests pass in them",
        "planted bugs suspected": f"{planted.suspected} of {planted.failing}",
        "judging s": round(judging_s, 1),
        "answers a minute": round(60 * len(judged) / judging_s),
        "cores": len(os.sched_getaffinity(0)),
        "peak MiB (judge, largest child)": (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            children.ru_maxrss // 1024,
        ),
    }


def _suspected(verdict: Accepted | Refused) -> list[Any]:
    held = verdict.output if isinstance(verdict, Accepted) else verdict.evidence or {}
    found: list[Any] = held.get("suspected_bugs", [])
    return found


if __name__ == "__main__":
    main()
