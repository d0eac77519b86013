"""Which lines a project's own tests execute: measured in the sandbox, for the selection of what they do not reach."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from structlog.stdlib import get_logger

from batchgen.data_types.test_code.code.project_tests import existing_test_files, project_levels
from batchgen.data_types.test_code.running.material import tree_files
from batchgen.errors import SourceUnreadable
from batchgen.sandbox import CacheFolder, Limits, Run, RunReport, Sandbox, prepare_environment, probe, readable

log = get_logger(__name__)

_TIME_LIMIT_S = 1_800.0
_MIB = 1 << 20
_LIMITS = Limits(
    memory_bytes=8192 * _MIB,
    total_memory_bytes=4096 * _MIB,
    processes=256,
    open_files=1024,
    file_bytes=256 * _MIB,
    disk_bytes=512 * _MIB,
    output_bytes=64 * _MIB,
    report_bytes=48 * _MIB,
)
"""A whole suite of tests needs more than those of one answer."""


def executed_lines(
    location: str, given: Path, root: Path, requirements: Iterable[str], cache: Path
) -> Mapping[str, Collection[int]]:
    """Run the project's tests; return the lines that they execute, by path below the source root.

    `location` names the source in messages. Raises SourceUnreadable where they cannot be run, and EnvironmentFailed or
    Unavailable where what they need cannot be installed.
    """
    state = probe()
    if not state.works:
        raise SourceUnreadable(
            source=location,
            problem=f"what its own tests reach cannot be measured here: {state.detail}",
            advice=state.remedy or "Leave out the option uncovered.",
        )
    top = next(reversed(project_levels(root)), root)
    tests = [file for file in existing_test_files(given, root) if file.is_relative_to(top)]
    if not tests:
        return {}
    below = root.relative_to(top).as_posix()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "source"
        for file in tree_files(top):
            path = copy / file.relative_to(top)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, path)
        readable(copy)
        environment = prepare_environment(requirements, CacheFolder(cache))
        roots = list(dict.fromkeys(name for name in (below, "src", ".") if (copy / name).is_dir()))
        sandbox = Sandbox.over(copy, environment, import_roots=roots, limits=_LIMITS)
        if sandbox is None:
            raise SourceUnreadable(source=location, problem="the sandbox is gone", advice="See batchgen doctor.")
        paths = [file.relative_to(top).as_posix() for file in tests if file.name != "conftest.py"]
        with sandbox.session() as session:
            report = session.run(Run(_TIME_LIMIT_S, paths=paths, measure=[f"{below}/*"]))
    _check(location, report)
    prefix = "" if below == "." else f"{below}/"
    return {path.removeprefix(prefix): lines for path, lines in report.lines.items()}


def _check(location: str, report: RunReport) -> None:
    advice = "Name what they need with the option requirements, or leave out the option uncovered."
    if report.outcome != "finished":
        problem = f"its own tests do not end in the sandbox ({report.outcome}, {report.running or 'before the first'})"
        raise SourceUnreadable(source=location, problem=problem, advice=advice)
    if report.not_collected and not report.tests:
        last = report.not_collected.strip().splitlines()[-1]
        raise SourceUnreadable(source=location, problem=f"its own tests cannot be imported: {last}", advice=advice)
    failed = [name for name, test in report.tests.items() if test.outcome == "failed"]
    log.info(
        "own_tests_measured", tests=len(report.tests), failed=len(failed), not_collected=bool(report.not_collected)
    )
